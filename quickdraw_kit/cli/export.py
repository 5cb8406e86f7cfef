"""`export`: write a model in formats for other programs."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from quickdraw_kit.cli.options import Json, ModelPath, parse_names, print_json


def export(
    model: ModelPath,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Output folder; by default export, beside the model."),
    ] = None,
    formats: Annotated[
        str | None,
        typer.Option(
            "--formats",
            "-f",
            help="Some of safetensors, onnx and pt2, separated by commas; by default all, or "
            "safetensors only for a network whose input is strokes.",
        ),
    ] = None,
    input_dtype: Annotated[
        Literal["uint8", "float32"],
        typer.Option(
            help="Input of onnx and pt2: uint8, bitmaps (n, side, side) of 0 to 255, or float32, "
            "images (n, 1, side, side) from 0 to 1, for runtimes that take nothing else."
        ),
    ] = "uint8",
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace another model in the folder."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Write a model for other programs: safetensors with config.json, ONNX, torch.export.

    Each file has the label names. ONNX and torch.export take batches of bitmaps of any size and
    return logits. ONNX is compared with PyTorch, by onnxruntime, before it is written.

    Examples:

      quickdraw-kit export model

      quickdraw-kit export model --out for-the-web --formats onnx --input-dtype float32
    """
    from quickdraw_kit.learn.export import export_model, open_model

    # beside the model, not among its files, of which one has the same name
    folder = out if out is not None else (model if model.is_dir() else model.parent) / "export"
    paths = export_model(
        open_model(model),
        folder,
        formats=formats and parse_names(formats, "--formats"),
        input_dtype=input_dtype,
        overwrite=overwrite,
    )
    sizes = {str(path): path.stat().st_size for path in paths}
    if as_json:
        print_json([{"path": path, "bytes": size} for path, size in sizes.items()])
        return
    width = max(map(len, sizes))
    for path, size in sizes.items():
        typer.echo(f"wrote {path:<{width}}  {size:>10,} bytes")

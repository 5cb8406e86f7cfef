"""The command that writes a model for others."""

from pathlib import Path
from typing import Annotated

import typer

from quickdraw_kit.cli.options import Json, names, print_json

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(rich_help_panel="Models and recipes")(export)


def export(
    model: Annotated[Path, typer.Argument(help="Folder or file of a model.", show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder to write; by default export beside the model."),
    ] = None,
    formats: Annotated[
        str | None,
        typer.Option(
            "--formats",
            "-f",
            help="Of safetensors, onnx and pt2, with commas; by default all, and of a network that "
            "reads strokes safetensors only.",
        ),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite", help="Replace another model in the folder, which is refused else."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Write a model for others: safetensors with config.json, ONNX, torch.export.

    Each file holds the labels. ONNX and torch.export take bitmaps as they are (uint8, any number of
    them) and give logits; ONNX is held to PyTorch by onnxruntime before it is written.

    Examples:

      quickdraw-kit export model

      quickdraw-kit export model --out for-the-web --formats onnx
    """
    from quickdraw_kit.learn.export import export_model, open_model

    folder = out if out is not None else (model if model.is_dir() else model.parent) / "export"
    paths = export_model(open_model(model), folder, formats=names(formats), overwrite=overwrite)
    sizes = {str(path): path.stat().st_size for path in paths}
    if as_json:
        print_json([{"path": path, "bytes": size} for path, size in sizes.items()])
        return
    width = max(map(len, sizes))
    for path, size in sizes.items():
        typer.echo(f"wrote {path:<{width}}  {size:>10,} bytes")

"""Commands of the primer: convolutional networks shown on this data."""

from pathlib import Path
from typing import Annotated, Any

import typer

from quickdraw_kit.cli.options import Json, print_json
from quickdraw_kit.errors import UsageError

__all__ = ["add_to"]

primer = typer.Typer(
    name="primer",
    help="Convolutional networks from scratch: figures and arithmetic, as in docs/primer.md.\n\n"
    "Examples:\n\n  quickdraw-kit primer kernels house\n\n  quickdraw-kit primer layers mnist-cnn",
    no_args_is_help=True,
)
Out = Annotated[Path, typer.Option("--out", "-o", help="Figure to write, .png or .svg.")]
Seen = Annotated[
    str,
    typer.Argument(
        help="An image, a bitmap file (.npy, IDX) with --row, or a category.", show_default=False
    ),
]
Row = Annotated[int, typer.Option(min=0, help="Which bitmap of a file of many.")]
ModelPath = Annotated[Path, typer.Argument(help="Folder or file of a model.", show_default=False)]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(primer, rich_help_panel="Learn how it works")


@primer.command()
def example(out: Out = Path("example.png")) -> None:
    """Draw the worked example: a kernel on 5 x 5 numbers, ReLU, max-pooling.

    Examples:

      quickdraw-kit primer example --out example.png
    """
    from quickdraw_kit.show.primer import draw_worked_example

    draw_worked_example(out)
    typer.echo(f"wrote {out}")


@primer.command()
def shapes(out: Out = Path("shapes.png")) -> None:
    """Draw a vector, a matrix, a tensor and the planes of a colour image.

    Examples:

      quickdraw-kit primer shapes --out shapes.png
    """
    from quickdraw_kit.show.primer import draw_shapes

    draw_shapes(out)
    typer.echo(f"wrote {out}")


@primer.command()
def kernels(seen: Seen, out: Out = Path("kernels.png"), row: Row = 0) -> None:
    """Draw what six kernels make of an image, grey or in colour, or of a drawing.

    Examples:

      quickdraw-kit primer kernels house --out kernels.png

      quickdraw-kit primer kernels photo.jpg
    """
    from quickdraw_kit.primer.kernels import KERNELS
    from quickdraw_kit.show.primer import draw_kernels

    draw_kernels(_image(seen, row, side=112), out)
    for kernel in KERNELS.values():
        typer.echo(f"{kernel.name:<17} {kernel.effect}")
    typer.echo(f"wrote {out}")


@primer.command()
def layers(
    network: Annotated[str, typer.Argument(help="mnist-cnn or quickdraw-cnn.")] = "mnist-cnn",
    as_json: Json = False,
) -> None:
    """Print the card of each layer: what it does, its shape and its parameters, by arithmetic.

    Examples:

      quickdraw-kit primer layers quickdraw-cnn
    """
    from quickdraw_kit.primer.layers import summarize

    summaries = summarize(network)
    if as_json:
        import dataclasses

        print_json([dataclasses.asdict(summary) for summary in summaries])
        return
    for number, summary in enumerate(summaries):
        shape = " x ".join(map(str, summary.shape))
        typer.echo(f"{number}. {summary.layer.type} -> {shape}  ({summary.shape_arithmetic})")
        typer.echo(f"   {summary.description}")
        typer.echo(f"   {summary.parameter_arithmetic}")
    typer.echo(f"in all {sum(summary.parameters for summary in summaries):,} parameters")


@primer.command()
def forward(
    model: ModelPath,
    seen: Seen,
    out: Out = Path("forward.png"),
    row: Row = 0,
    as_json: Json = False,
) -> None:
    """Run a trained network on one image by the primer's own operations, and draw every layer.

    Examples:

      quickdraw-kit primer forward model circle

      quickdraw-kit primer forward model t10k-images-idx3-ubyte.gz --row 7
    """
    from quickdraw_kit.primer.forward import forward as run
    from quickdraw_kit.primer.forward import read_weights
    from quickdraw_kit.show.primer import draw_forward

    weights = read_weights(model)
    steps = run(weights, _image(seen, row, side=weights.side, exact=True))
    draw_forward(steps, weights.label_names, out)
    probabilities = [float(p) for p in steps[-1].output]
    order = sorted(range(len(probabilities)), key=lambda label: -probabilities[label])[:5]
    if as_json:
        pairs = zip(weights.label_names, probabilities, strict=True)
        print_json({"out": str(out), "probabilities": dict(pairs)})
        return
    for label in order:
        typer.echo(f"{weights.label_names[label]:<20} {probabilities[label]:7.2%}")
    typer.echo(f"wrote {out}")


@primer.command()
def features(model: ModelPath, seen: Seen, out: Out = Path("features.png"), row: Row = 0) -> None:
    """Draw the kernels that the first layer learned, and where each answers on an image.

    Examples:

      quickdraw-kit primer features model circle
    """
    from quickdraw_kit.primer.forward import forward as run
    from quickdraw_kit.primer.forward import read_weights
    from quickdraw_kit.show.primer import draw_features

    weights = read_weights(model)
    steps = run(weights, _image(seen, row, side=weights.side, exact=True))
    draw_features(weights, steps, out)
    typer.echo(f"wrote {out}")


def _image(seen: str, row: int, *, side: int, exact: bool = False) -> Any:
    """Return the image that an argument names; `exact` makes it a bitmap of that side."""
    import numpy as np

    path = Path(seen)
    if path.exists() and (path.suffix == ".npy" or "idx3" in path.name):
        from quickdraw_kit.formats.bitmaps import read_bitmaps
        from quickdraw_kit.formats.idx import read_idx

        images = read_bitmaps(path) if path.suffix == ".npy" else read_idx(path)
        if row >= len(images):
            raise UsageError(f"--row {row}: {path} has {len(images)} bitmaps")
        return np.array(images[row]).reshape(28, 28)
    if path.exists():
        from PIL import Image

        opened = Image.open(path)
        grey = exact or opened.mode in ("1", "L", "LA", "I")
        picture = opened.convert("L" if grey else "RGB")
        if exact and picture.size != (side, side):
            picture = picture.resize((side, side), Image.Resampling.BOX)
        image = np.asarray(picture)
        return 255 - image if exact and image.mean() > 127 else image
    from quickdraw_kit.raster.render import rasterize
    from quickdraw_kit.raster.style import RasterStyle
    from quickdraw_kit.synthetic.generator import SYNTHETIC_CATEGORIES, generate_drawings

    if seen not in SYNTHETIC_CATEGORIES:
        raise UsageError(
            f"{seen!r} is neither a file nor a category that can be generated: "
            f"{', '.join(SYNTHETIC_CATEGORIES)}"
        )
    drawing = generate_drawings([seen], 1, start=row, raw=False)
    return rasterize(drawing, RasterStyle(side=side))[0]

"""`primer`: figures and arithmetic that explain convolutional networks."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from quickdraw_kit.cli.options import Json, ModelPath, print_json
from quickdraw_kit.errors import UsageError

primer = typer.Typer(
    name="primer",
    help="Convolutional networks from scratch: figures and arithmetic, as in docs/primer.md.\n\n"
    "Examples:\n\n  quickdraw-kit primer kernels house\n\n  quickdraw-kit primer layers mnist-cnn",
    no_args_is_help=True,
)
Out = Annotated[Path, typer.Option("--out", "-o", help="Figure to write, .png or .svg.")]
Image = Annotated[
    str,
    typer.Argument(
        help="A picture, a bitmap file (.npy, IDX) with --row, or a category.", show_default=False
    ),
]
Row = Annotated[int, typer.Option(min=0, help="Which bitmap of the file, counted from 0.")]


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
    """Draw a vector, a matrix, a tensor and the channels of a color image.

    Examples:

      quickdraw-kit primer shapes --out shapes.png
    """
    from quickdraw_kit.show.primer import draw_shapes

    draw_shapes(out)
    typer.echo(f"wrote {out}")


@primer.command()
def kernels(image: Image, out: Out = Path("kernels.png"), row: Row = 0) -> None:
    """Draw the outputs of six kernels for an image, gray or in color, or for a drawing.

    Examples:

      quickdraw-kit primer kernels house --out kernels.png

      quickdraw-kit primer kernels photo.jpg
    """
    from quickdraw_kit.primer.kernels import KERNELS
    from quickdraw_kit.show.primer import draw_kernels

    # larger than the 28 pixels of networks, so that the effect of each kernel can be seen
    draw_kernels(_read_image(image, row, side=112), out)
    for kernel in KERNELS.values():
        typer.echo(f"{kernel.name:<17} {kernel.effect}")
    typer.echo(f"wrote {out}")


@primer.command()
def layers(
    network: Annotated[str, typer.Argument(help="mnist-cnn or quickdraw-cnn.")] = "mnist-cnn",
    as_json: Json = False,
) -> None:
    """Print what each layer does, with the arithmetic of its shape and its parameters.

    Examples:

      quickdraw-kit primer layers quickdraw-cnn
    """
    from quickdraw_kit.primer.layers import summarize

    summaries = summarize(network)
    if as_json:
        print_json([asdict(summary) for summary in summaries])
        return
    for number, summary in enumerate(summaries):
        shape = " x ".join(map(str, summary.shape))
        typer.echo(f"{number}. {summary.layer.type} -> {shape}  ({summary.shape_arithmetic})")
        typer.echo(f"   {summary.description}")
        typer.echo(f"   {summary.parameter_arithmetic}")
    typer.echo(f"{sum(summary.parameters for summary in summaries):,} parameters in total")


@primer.command()
def forward(
    model: ModelPath,
    image: Image,
    out: Out = Path("forward.png"),
    row: Row = 0,
    as_json: Json = False,
) -> None:
    """Run a trained network on one image, in plain NumPy, and draw the output of every layer.

    Examples:

      quickdraw-kit primer forward model circle

      quickdraw-kit primer forward model t10k-images-idx3-ubyte.gz --row 7
    """
    from quickdraw_kit.primer.forward import forward as run
    from quickdraw_kit.primer.forward import read_weights
    from quickdraw_kit.show.primer import draw_forward

    weights = read_weights(model)
    steps = run(weights, _read_image(image, row, side=weights.side, exact=True))
    draw_forward(steps, weights.label_names, out)
    probabilities = [float(p) for p in steps[-1].output]
    # of 345 labels, five are shown; JSON has all
    order = sorted(range(len(probabilities)), key=lambda label: -probabilities[label])[:5]
    if as_json:
        pairs = zip(weights.label_names, probabilities, strict=True)
        print_json({"out": str(out), "probabilities": dict(pairs)})
        return
    for label in order:
        typer.echo(f"{weights.label_names[label]:<20} {probabilities[label]:7.2%}")
    typer.echo(f"wrote {out}")


@primer.command()
def features(model: ModelPath, image: Image, out: Out = Path("features.png"), row: Row = 0) -> None:
    """Draw the kernels of the first layer, and the output of each for an image.

    Examples:

      quickdraw-kit primer features model circle
    """
    from quickdraw_kit.primer.forward import forward as run
    from quickdraw_kit.primer.forward import read_weights
    from quickdraw_kit.show.primer import draw_features

    weights = read_weights(model)
    steps = run(weights, _read_image(image, row, side=weights.side, exact=True))
    draw_features(weights, steps, out)
    typer.echo(f"wrote {out}")


def _read_row(path: Path, row: int, side: int) -> Any:
    """Return a bitmap of a file, or one of its drawings, rendered."""
    from quickdraw_kit.formats.format import ReadOptions
    from quickdraw_kit.formats.registry import find_format
    from quickdraw_kit.raster.render import rasterize
    from quickdraw_kit.raster.style import RasterStyle

    format = find_format(path)
    count = 0
    for records in format.read(path, ReadOptions(needs_labels=False)) if format else ():
        if row < count + len(records.batch):
            if records.images is not None:
                return records.images[row - count]
            return rasterize(records.batch[row - count], RasterStyle(side=side))
        count += len(records.batch)
    raise UsageError(f"--row {row}: {path} has {count} drawings")


def _read_image(name: str, row: int, *, side: int, exact: bool = False) -> Any:
    """Return an image by file or category; `exact` makes it a bitmap of that side."""
    import numpy as np

    from quickdraw_kit.formats.registry import format_from_name

    path = Path(name)
    if path.is_file() and (format := format_from_name(path)) and not format.is_picture:
        return _read_row(path, row, side)

    if path.exists():
        from PIL import Image as Pillow

        opened = Pillow.open(path)
        is_gray = exact or opened.mode in ("1", "L", "LA", "I")
        picture = opened.convert("L" if is_gray else "RGB")
        if exact and picture.size != (side, side):
            # the mean of all pixels: thin lines become gray, but do not disappear
            picture = picture.resize((side, side), Pillow.Resampling.BOX)
        pixels = np.asarray(picture)
        # bitmaps are white on black, pictures mostly black on white
        return 255 - pixels if exact and pixels.mean() > 127 else pixels

    from quickdraw_kit.raster.render import rasterize
    from quickdraw_kit.raster.style import RasterStyle
    from quickdraw_kit.synthetic.generator import SYNTHETIC_CATEGORIES, generate_drawings

    if name not in SYNTHETIC_CATEGORIES:
        raise UsageError(
            f"{name!r} is neither a file nor a category that can be generated: expected "
            f"{', '.join(SYNTHETIC_CATEGORIES)}"
        )
    # the generator is deterministic, so --row 7 is always the same drawing
    drawing = generate_drawings([name], 1, start=row, raw=False)
    return rasterize(drawing, RasterStyle(side=side))[0]

"""`warm-up`: compile the kernels before they are needed."""

import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer


def warm_up(
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing.")] = False,
) -> None:
    """Compile the kernels that read, simplify and render drawings, and cache them.

    Without it, the first commands after installation compile what they need, which takes up to half
    a minute. Run it when you build a container image, or before you start many processes at once.

    Examples:

      quickdraw-kit warm-up
    """
    from quickdraw_kit.formats.binary import read_binary, write_binary
    from quickdraw_kit.formats.ndjson.files import read_ndjson, write_ndjson
    from quickdraw_kit.raster.render import rasterize
    from quickdraw_kit.strokes.simplify import simplify
    from quickdraw_kit.synthetic.generator import generate_drawings

    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        # kernels are compiled per type: raw drawings are floats, simplified ones uint8; take() has
        # a kernel of its own
        for raw in (False, True):
            batch = generate_drawings(["cloud"], 2, seed=1, raw=raw)
            write_ndjson(batch, path / "cloud.ndjson")
            batch = read_ndjson(path / "cloud.ndjson")
            batch = simplify(batch) if raw else batch
            rasterize(batch.take([1, 0]))
        write_binary(batch, path / "cloud.bin")
        read_binary(path / "cloud.bin")
    if not quiet:
        typer.echo(f"compiled and cached the kernels in {time.perf_counter() - start:.1f} s")

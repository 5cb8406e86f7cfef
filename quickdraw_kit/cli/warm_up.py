"""`warm-up`: compile the kernels before they are needed."""

import time
from typing import Annotated

import typer

from quickdraw_kit.cli.progress import show_progress
from quickdraw_kit.errors import format_count

# modules with kernels, beside those of the readers
_OTHER_KERNELS = (
    "quickdraw_kit.formats.ndjson.print_kernels",
    "quickdraw_kit.raster.render",
    "quickdraw_kit.strokes.content_hash",
    "quickdraw_kit.strokes.gather",
    "quickdraw_kit.strokes.simplify",
)


def warm_up(
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing.")] = False,
) -> None:
    """Compile the kernels that read, simplify, render and write drawings, and cache them.

    Without it, each command compiles what it needs when it is first used after installation. Run it
    when you build a container image, or before you start many processes at once: on two cores it
    takes about 15 seconds.

    Examples:

      quickdraw-kit warm-up
    """
    from quickdraw_kit.kernels import compile_missing

    start = time.perf_counter()
    with show_progress(quiet=quiet):
        number = compile_missing(kernel_modules())
    if not quiet:
        seconds = time.perf_counter() - start
        typer.echo(
            f"compiled and cached {format_count(number, 'kernel')} in {seconds:.1f} s"
            if number
            else "the kernels are compiled already"
        )


def kernel_modules() -> list[str]:
    """Return the modules with kernels that Python calls."""
    from quickdraw_kit.formats.registry import FORMATS

    readers = {name for file_format in FORMATS.values() for name in file_format.kernels}
    return [*sorted(readers), *_OTHER_KERNELS]

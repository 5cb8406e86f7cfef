"""`sample`: generate drawings."""

from pathlib import Path
from typing import Annotated

import typer

from quickdraw_kit.cli.options import complete_categories, takes
from quickdraw_kit.cli.progress import show_progress
from quickdraw_kit.errors import format_count
from quickdraw_kit.options import encode
from quickdraw_kit.recipe.steps import SampleStep


@takes("step", SampleStep, categories={"autocompletion": complete_categories})
def sample(
    out: Annotated[Path, typer.Argument(help="Folder to write to, one file per category.")],
    *,
    step: SampleStep,
) -> None:
    """Generate drawings that look hand-made, in the official ndjson format. They are not real data.

    Examples:

      quickdraw-kit sample drawings/

      quickdraw-kit sample load-test/ --drawings 1000000 --raw
    """
    from quickdraw_kit.synthetic.generator import write_sample

    with show_progress() as progress:

        def update(done: int, total: int) -> None:
            progress.update("sample", done, total, format_count(done, "drawing"), count=done)

        paths = write_sample(out, **encode(step), progress=update)
    drawings = format_count(step.drawings, "drawing")
    typer.echo(f"{out}: {drawings} in {format_count(len(paths), 'file')}")

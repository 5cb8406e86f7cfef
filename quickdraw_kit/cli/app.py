"""The application that the commands are added to."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from quickdraw_kit.cli import (
    download,
    drawings,
    evaluate,
    export,
    predict,
    prepare,
    primer,
    recipes,
    report,
    serve,
    shards,
    train,
    warm_up,
)

__all__ = ["app"]

app = typer.Typer(
    name="quickdraw-kit",
    help="Google's Quick, Draw! drawings: from stroke files to verified shards and a model.",
    epilog="Start with: quickdraw-kit demo",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(show: bool) -> None:
    if show:
        from quickdraw_kit import __version__

        typer.echo(f"quickdraw-kit {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Google's Quick, Draw! drawings: from stroke files to verified shards and a model."""


def _unwrapped_help(function: Callable[..., Any]) -> str:
    """Return the help of a command with each paragraph on one line, for terminals of any width."""
    paragraphs = (inspect.getdoc(function) or "").split("\n\n")
    return "\n\n".join(
        text if text.startswith(" ") else text.replace("\n", " ") for text in paragraphs
    )


# the order in which --help lists them
for module in (
    drawings,
    download,
    prepare,
    shards,
    train,
    evaluate,
    predict,
    export,
    report,
    serve,
    primer,
    recipes,
    warm_up,
):
    module.add_to(app)
for command in app.registered_commands:
    if command.callback is not None:
        command.help = _unwrapped_help(command.callback)

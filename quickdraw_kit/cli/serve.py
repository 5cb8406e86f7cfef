"""The command that serves the local web page."""

from pathlib import Path
from typing import Annotated

import typer

from quickdraw_kit.errors import UsageError

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(rich_help_panel="Models and recipes")(serve)


def serve(
    places: Annotated[
        list[Path] | None,
        typer.Argument(help="Shards, or folders of .ndjson files, to browse.", show_default=False),
    ] = None,
    model: Annotated[
        Path | None, typer.Option("--model", "-m", help="Folder or file of the model that guesses.")
    ] = None,
    runs: Annotated[
        list[Path] | None, typer.Option(help="Folder in which training runs are found.")
    ] = None,
    keep: Annotated[
        Path | None, typer.Option(help="Folder for drawings that players keep, as raw ndjson.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to bind to.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="A name under which the server is called.")
    ] = None,
) -> None:
    """Serve a local page: draw and be guessed, browse drawings, compare training runs.

    It answers this machine only. To show it to others, put a proxy with TLS and a password in
    front of it and name the proxy's host with --allow-host; --host 0.0.0.0 alone would let in
    everyone on the network, with nothing between them and --keep.

    Examples:

      quickdraw-kit serve --model model shards --runs .

      quickdraw-kit serve drawings/ --port 0
    """
    try:
        from quickdraw_kit.serve.app import Rooms
        from quickdraw_kit.serve.server import serve as run
    except ModuleNotFoundError as error:
        raise UsageError(
            f"{error.name} is not installed: python -m pip install 'quickdraw-kit[serve]'"
        ) from None
    from quickdraw_kit.learn.models.model import load_model
    from quickdraw_kit.serve.collections import open_collection

    for folder in runs or ():
        if not folder.is_dir():
            raise UsageError(f"--runs {folder}: there is no such folder")
    file = model / "model.safetensors" if model is not None and model.is_dir() else model
    rooms = Rooms(
        model=load_model(file) if file is not None else None,
        collections=[open_collection(place) for place in places or ()],
        runs=tuple(runs or ()),
        keep=keep,
        hosts=("127.0.0.1", "localhost", "[::1]", *(allow_host or ())),
    )
    run(rooms, host=host, port=port, started=lambda url: typer.echo(f"{url} (stop with ctrl-c)"))

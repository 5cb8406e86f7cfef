"""`serve`: serve the local web page."""

from pathlib import Path
from typing import Annotated

import typer

from quickdraw_kit.errors import UsageError


def serve(
    locations: Annotated[
        list[str] | None,
        typer.Argument(
            help="Folders or URLs of shards, or folders of .ndjson files, to browse.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option("--model", "-m", help="Folder of the model that guesses, or its file."),
    ] = None,
    runs: Annotated[list[Path] | None, typer.Option(help="Folder with training runs.")] = None,
    keep: Annotated[
        Path | None, typer.Option(help="Folder for the drawings that users keep, as raw ndjson.")
    ] = None,
    host: Annotated[str, typer.Option(help="IP address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 is any free one.")
    ] = 8000,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="Host name that browsers may use for the server.")
    ] = None,
) -> None:
    """Serve a local page: draw and let the model guess, browse drawings, compare training runs.

    The server is open to this machine only. To share it, put a proxy with TLS and a password in
    front of it, and pass the proxy's host name as --allow-host. With --host 0.0.0.0 alone, everyone
    on the network could use it, and write into the folder of --keep.

    Examples:

      quickdraw-kit serve --model model shards --runs .

      quickdraw-kit serve drawings/ --port 0
    """
    from quickdraw_kit.learn.models.model import load_model
    from quickdraw_kit.serve.app import AppConfig
    from quickdraw_kit.serve.collections import open_collection
    from quickdraw_kit.serve.server import serve as run

    # everything is opened before the server starts, so that mistakes are reported at once
    for folder in runs or ():
        if not folder.is_dir():
            raise UsageError(f"--runs {folder}: no such folder")
    file = model / "model.safetensors" if model is not None and model.is_dir() else model
    config = AppConfig(
        model=load_model(file) if file is not None else None,
        collections=[open_collection(location) for location in locations or ()],
        runs=tuple(runs or ()),
        keep=keep,
        # against DNS rebinding: other sites could reach this server through their host names
        hosts=("127.0.0.1", "localhost", "[::1]", *(allow_host or ())),
    )
    run(config, host=host, port=port, started=lambda url: typer.echo(f"{url} (stop with Ctrl-C)"))

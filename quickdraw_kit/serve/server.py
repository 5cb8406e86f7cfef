"""Run the application with uvicorn; kernels are compiled before the first request."""

import socket
from collections.abc import Callable

import numpy as np

from quickdraw_kit.errors import UsageError
from quickdraw_kit.serve.app import AppConfig, build_app
from quickdraw_kit.serve.inference import Guesser
from quickdraw_kit.strokes.batch import DrawingBatch


def serve(
    config: AppConfig,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    started: Callable[[str], None] | None = None,
) -> None:
    """Serve until interrupted.

    Parameters
    ----------
    rooms : Rooms
        What the page offers.
    host : str
        Address to bind to.
    port : int
        Port number; 0 chooses a free one.
    started : callable, optional
        Called with the URL when the server listens.

    Raises
    ------
    UsageError
        If the address cannot be bound.
    """
    import torch
    import uvicorn

    # a second thread gains little on a few drawings, and waiting for a busy core costs milliseconds
    torch.set_num_threads(1)
    if config.model is not None:
        _warm_up(Guesser(config.model))
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise UsageError(
            f"{host}:{port} cannot be bound ({error.strerror}): choose another --port"
        ) from error
    bound = listening.getsockname()[1]
    settings = uvicorn.Config(
        build_app(config), log_level="warning", access_log=False, server_header=False,
        limit_concurrency=2000, timeout_keep_alive=30,
    )  # fmt: skip
    if started is not None:
        shown = f"[{host}]" if ":" in host else host
        started(f"http://{shown}:{bound}/")
    with listening:
        uvicorn.Server(settings).run(sockets=[listening])


def _warm_up(guesser: Guesser) -> None:
    line = [([0.0, 9.5], [0.0, 9.5], [0, 16])]
    drawing = DrawingBatch.from_strokes([line], words=["line"], dtype=np.float32)
    for size in (1, 2, 8, 64):
        guesser.guess_now([drawing] * size)

"""Run the application with uvicorn; kernels are compiled before the first request."""

import os
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
    config : AppConfig
        What the page offers.
    host : str
        IP address to bind to.
    port : int
        Port number; 0 selects a free one.
    started : callable, optional
        Called with the URL when the address is bound; connections are accepted from then on.

    Raises
    ------
    UsageError
        If the address cannot be bound.
    """
    import torch
    import uvicorn

    # one thread: a second one gains little for a few drawings, and on a busy machine it adds
    # milliseconds of waiting
    torch.set_num_threads(1)
    if config.model is not None:
        _warm_up(Guesser(config.model))

    # bound here and not by uvicorn, so that port 0 has a number before the URL is announced
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    if os.name == "posix":  # on Windows, it would let two servers share a port
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise UsageError(
            f"{host}:{port} is not available ({error.strerror}): choose another --host or --port"
        ) from error
    bound_port = listener.getsockname()[1]

    settings = uvicorn.Config(
        build_app(config), log_level="warning", access_log=False, server_header=False,
        limit_concurrency=2000, timeout_keep_alive=30,
    )  # fmt: skip
    if started is not None:
        shown = f"[{host}]" if ":" in host else host
        started(f"http://{shown}:{bound_port}/")
    with listener:
        uvicorn.Server(settings).run(sockets=[listener])


def _warm_up(guesser: Guesser) -> None:
    """Compile the kernels, and let torch choose algorithms for several batch sizes."""
    line = [([0.0, 9.5], [0.0, 9.5], [0, 16])]
    drawing = DrawingBatch.from_strokes([line], words=["line"], dtype=np.float64)
    for size in (1, 2, 8, 64):
        guesser.guess_batch([drawing] * size)

"""Work on many machines: a Ray cluster behind the interface of `concurrent.futures.Executor`.

The files must lie where every node sees them under the same path. A unit of work leaves one file
behind by rename, so that a node which dies, or an attempt that is made twice, changes no byte.
"""

import contextlib
import logging
import os
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

from quickdraw_kit.errors import QuickdrawError, UsageError

__all__ = ["ray_executor"]


@contextlib.contextmanager
def ray_executor(address: str | None = None, *, retries: int = 3) -> Iterator[Executor]:
    """Connect to a Ray cluster, or start one on this machine.

    Parameters
    ----------
    address : str, optional
        Of the cluster: ``auto``, ``host:6379`` or ``ray://host:10001``; by default that in the
        environment variable ``RAY_ADDRESS``, and without it a cluster is started for the while.
    retries : int
        How often a unit is tried again whose worker or node died, or that met an OSError.

    Yields
    ------
    concurrent.futures.Executor
        For `prepare` and `run_jobs`. Its futures raise what the function raised.

    Raises
    ------
    UsageError
        If Ray is not installed, or no cluster answers.

    Examples
    --------
    >>> with ray_executor() as executor:  # doctest: +SKIP
    ...     prepare(["/data/simplified"], "/data/shards", executor=executor)
    """
    try:
        import ray
    except ImportError:
        raise UsageError(
            "Ray is not installed: python -m pip install 'quickdraw-kit[ray]'"
        ) from None
    mine = not ray.is_initialized()
    if mine:
        address = address or os.environ.get("RAY_ADDRESS")
        own: dict[str, Any] = {} if address else {"include_dashboard": False}
        try:
            _knock(address)
            ray.init(address, log_to_driver=False, logging_level=logging.ERROR, **own)
        except (OSError, ValueError, RuntimeError) as error:
            raise UsageError(
                f"no Ray cluster at {address or 'this machine'}: {_first_line(error)}"
            ) from error
    try:
        yield _RayExecutor(ray, retries)
    finally:
        if mine:
            ray.shutdown()


class _RayExecutor(Executor):
    def __init__(self, ray: Any, retries: int) -> None:
        self._ray = ray
        # a lost disk or share may be back; wrong data stays wrong
        again = {"max_retries": retries, "retry_exceptions": [OSError]}
        self._call = ray.remote(_call).options(**again)
        self._max_workers = int(ray.cluster_resources().get("CPU", 1))

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        outer: Future[Any] = Future()
        outer.set_running_or_notify_cancel()
        inner = self._call.remote(fn, str(Path.cwd()), args, kwargs).future()
        inner.add_done_callback(lambda done: self._pass_on(done, outer))
        return outer

    def _pass_on(self, done: Future[Any], outer: Future[Any]) -> None:
        error = done.exception()
        if error is None:
            outer.set_result(done.result())
        elif isinstance(error, self._ray.exceptions.RayTaskError):
            outer.set_exception(error.cause)
        else:
            outer.set_exception(_lost(error))


def _call(function: Callable[..., Any], folder: str, args: Any, kwargs: Any) -> Any:
    os.chdir(folder)  # so that relative paths mean what they mean to the caller
    return function(*args, **kwargs)


def _knock(address: str | None) -> None:
    """Fail at once where nobody listens: Ray would ask for minutes."""
    host, colon, port = (address or "").removeprefix("ray://").rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host, int(port)), timeout=10).close()


def _lost(error: BaseException) -> QuickdrawError:
    return QuickdrawError(
        "the cluster lost a piece of work, and again when it was retried: "
        f"{_first_line(error)}. What is finished is kept: run the same command again to go on."
    )


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]

"""Executors: run tasks one after the other, in processes of this machine, or on a Ray cluster.

A task leaves one result file, by rename. So a worker that dies, or a task that runs twice, changes
no byte, and a run that stops is continued by the next one.
"""

import contextlib
import logging
import multiprocessing
import os
import socket
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from pathlib import Path
from typing import Any, TypeVar

from quickdraw_kit.errors import QuickdrawError, UsageError, optional_packages

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")

# a worker should have its next task before the result of the last one is taken
_QUEUED_PER_WORKER = 4


def map_unordered(
    executor: Executor | None, fn: Callable[[_Task], _Result], tasks: Iterable[_Task]
) -> Iterator[tuple[_Task, _Result]]:
    """Call a function for each task and yield (task, result) as tasks finish; None is serial.

    When a task fails, its exception is raised here, after the tasks that are running have ended.
    """
    executor = SerialExecutor() if executor is None else executor
    limit = max_in_flight(executor)
    waiting = iter(tasks)
    running: dict[Future[_Result], _Task] = {}

    try:
        with translate_broken_pool():
            while True:
                # tasks are taken as they are needed: there may be very many
                for task in waiting:
                    running[executor.submit(fn, task)] = task
                    if len(running) >= limit:
                        break
                if not running:
                    return

                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield running.pop(future), future.result()
    finally:
        cancel_and_wait(running)


def max_workers(executor: Executor) -> int:
    """Return how many tasks an executor runs at once; the number of CPUs if it does not say."""
    # a private name, but the executors of Python have no public one
    workers: int = getattr(executor, "_max_workers", os.cpu_count() or 1)
    return workers


def max_in_flight(executor: Executor) -> int:
    """Return how many tasks to submit: more than run at once, so that no worker waits for one."""
    if isinstance(executor, SerialExecutor):
        return 1  # a task runs when it is submitted: its result must be seen before the next one
    return _QUEUED_PER_WORKER * max_workers(executor)


def cancel_and_wait(futures: Collection[Future[Any]]) -> None:
    """Cancel what is queued and wait for what runs, so that nothing runs after the caller ends."""
    for future in futures:
        future.cancel()
    wait(futures)


@contextlib.contextmanager
def translate_broken_pool() -> Iterator[None]:
    """Turn the death of a worker into an error that says how to continue."""
    try:
        yield
    except BrokenExecutor as error:
        raise QuickdrawError(
            f"a worker died, perhaps because memory ran out: {_first_line(error).rstrip('.')}. "
            "Finished work is kept: run the same command again to continue, with fewer workers if "
            "it fails again. (In a script, the call must be under `if __name__ == '__main__':`.)"
        ) from error


def check_visible(folder: Path) -> None:
    """Raise when a worker, perhaps on another machine, does not see the folder of its results."""
    if not folder.is_dir():
        raise QuickdrawError(
            f"{socket.gethostname()} does not see {folder}. Sources, the output and, for output in "
            "a store, the data home (QUICKDRAW_KIT_HOME) must have the same path on every node of "
            "the cluster."
        )


class SerialExecutor(Executor):
    """Runs each task in the calling thread, when it is submitted."""

    _max_workers = 1

    def submit(self, fn: Callable[..., _Result], /, *args: Any, **kwargs: Any) -> Future[_Result]:
        """Run a task and return its finished future."""
        future: Future[_Result] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # others, such as KeyboardInterrupt, end the run at once
            future.set_exception(error)
        return future


@contextlib.contextmanager
def process_pool(workers: int, preload: str | None = None) -> Iterator[Executor]:
    """Start worker processes that end with this process, however it ends; one worker is serial.

    Where the platform allows it, module `preload` is imported once for all workers.
    """
    if workers <= 1:
        yield SerialExecutor()
        return

    # fork would copy locks that threads of the parent hold
    method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    context = multiprocessing.get_context(method)
    if method == "forkserver" and preload is not None:
        context.set_forkserver_preload([preload])

    with ProcessPoolExecutor(workers, mp_context=context, initializer=_end_with_parent) as pool:
        try:
            yield pool
        except BaseException:
            # leaving the `with` would run everything that is queued
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _end_with_parent() -> None:
    """Watch the parent in a thread: a worker whose parent was killed would wait forever."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        # returns also when the parent was killed
        parent.join()
        os._exit(1)  # sys.exit would end this thread only

    # a daemon, or this thread would keep a worker alive that has nothing left to do
    threading.Thread(target=watch, daemon=True, name="end-with-parent").start()


@contextlib.contextmanager
def ray_executor(address: str | None = None, *, retries: int = 3) -> Iterator[Executor]:
    """Connect to a Ray cluster, or start one on this machine.

    Sources and outputs must have the same path on every node.

    Parameters
    ----------
    address : str, optional
        Address of the cluster: ``auto``, ``host:6379`` or ``ray://host:10001``. The default is the
        environment variable ``RAY_ADDRESS``; without it, a cluster is started on this machine and
        stopped at the end of the block.
    retries : int, default 3
        How often a task is repeated after its worker or node died, or after an OSError.

    Yields
    ------
    concurrent.futures.Executor
        For `prepare` and `run_jobs`. Its futures raise what the function raised, and
        `concurrent.futures.BrokenExecutor` when the cluster lost a task.

    Raises
    ------
    MissingPackageError
        If Ray is not installed.
    UsageError
        If no cluster answers.

    Examples
    --------
    >>> from quickdraw_kit import prepare, ray_executor
    >>> with ray_executor() as executor:  # doctest: +SKIP
    ...     prepare(["/data/simplified"], "/data/shards", executor=executor)
    """
    with optional_packages():
        import ray

    # a caller who has connected already keeps that connection
    starts_ray = not ray.is_initialized()
    if starts_ray:
        address = address or os.environ.get("RAY_ADDRESS")
        # the dashboard is an option of a cluster that is started here
        settings: dict[str, Any] = {} if address else {"include_dashboard": False}
        try:
            _check_listening(address)
            ray.init(address, log_to_driver=False, logging_level=logging.ERROR, **settings)
        except (OSError, ValueError, RuntimeError) as error:
            raise UsageError(
                f"no Ray cluster at {address or 'this machine'}: {_first_line(error)}"
            ) from error

    try:
        yield _RayExecutor(ray, retries)
    finally:
        if starts_ray:
            ray.shutdown()


class _RayExecutor(Executor):
    def __init__(self, ray: Any, retries: int) -> None:
        self._ray = ray
        # OSError: a disk or share may come back. Other errors would only be raised again.
        options = {"max_retries": retries, "retry_exceptions": [OSError]}
        self._call = ray.remote(_call_in).options(**options)
        # the name under which `max_workers` finds it, as in the executors of Python
        self._max_workers = int(ray.cluster_resources().get("CPU", 1))

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()  # Ray's queue is not ours: it cannot be cancelled
        ray_future = self._call.remote(str(Path.cwd()), fn, args, kwargs).future()
        ray_future.add_done_callback(lambda done: self._copy_outcome(done, future))
        return future

    def _copy_outcome(self, done: Future[Any], future: Future[Any]) -> None:
        error = done.exception()
        if error is None:
            future.set_result(done.result())
        elif isinstance(error, self._ray.exceptions.RayTaskError):
            future.set_exception(error.cause)  # what the function raised
        else:
            reason = f"the cluster lost a task, also when it was repeated: {_first_line(error)}"
            future.set_exception(BrokenExecutor(reason))


def _call_in(folder: str, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Call a function in the working directory of the caller, so that relative paths are valid."""
    os.chdir(folder)
    return function(*args, **kwargs)


def _check_listening(address: str | None) -> None:
    """Raise OSError at once when nothing listens: Ray itself would try for minutes."""
    host, colon, port = (address or "").removeprefix("ray://").rpartition(":")
    # auto, and a cluster on this machine, have no port to try
    if colon and port.isdigit():
        socket.create_connection((host, int(port)), timeout=10).close()


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]

"""Map tasks over an executor: processes on one machine, or whatever the caller brings."""

import contextlib
import multiprocessing
import os
import socket
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from quickdraw_kit.errors import QuickdrawError

__all__ = [
    "cancel_and_wait",
    "check_visible",
    "map_unordered",
    "max_workers",
    "process_pool",
    "translate_broken_pool",
]

_Params = ParamSpec("_Params")
_Task = TypeVar("_Task")
_Result = TypeVar("_Result")

_AHEAD = 4


@contextlib.contextmanager
def process_pool(workers: int) -> Iterator[Executor | None]:
    """Start worker processes that end with this process, however it ends."""
    if workers <= 1:
        yield None
        return
    # fork would copy locks that threads of the parent hold
    method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    context = multiprocessing.get_context(method)
    if method == "forkserver":
        context.set_forkserver_preload(["quickdraw_kit.shards.prepare.merge"])
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_end_with_parent) as pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def map_unordered(
    executor: Executor | None, function: Callable[[_Task], _Result], tasks: Iterable[_Task]
) -> Iterator[tuple[_Task, _Result]]:
    """Call a function for each task and yield the results as they come."""
    if executor is None:
        for task in tasks:
            yield task, function(task)
        return
    queue = iter(tasks)
    room = _AHEAD * max_workers(executor)
    running = {}
    try:
        with translate_broken_pool():
            while True:
                for task in queue:
                    running[executor.submit(function, task)] = task
                    if len(running) >= room:
                        break
                if not running:
                    return
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield running.pop(future), future.result()
    finally:
        cancel_and_wait(running)


def cancel_and_wait(futures: Collection[Future[Any]]) -> None:
    """Cancel what has not begun and wait for what has: nothing goes on behind the caller's back."""
    for future in futures:
        future.cancel()
    wait(futures)


def max_workers(executor: Executor | None) -> int:
    """Return how many tasks an executor runs side by side, as far as it says."""
    return 1 if executor is None else getattr(executor, "_max_workers", os.cpu_count() or 1)


def check_visible(folder: Path) -> None:
    """Raise when a worker, perhaps on another machine, does not see the folder of its results."""
    if not folder.is_dir():
        raise QuickdrawError(
            f"{socket.gethostname()} does not see {folder}. Sources, output and, for an output in "
            "a store, the folder of downloads (QUICKDRAW_KIT_HOME) must lie where every node of "
            "the cluster sees them under the same path."
        )


@contextlib.contextmanager
def translate_broken_pool() -> Iterator[None]:
    """Say what to do when a worker process has died."""
    try:
        yield
    except BrokenProcessPool as error:
        raise QuickdrawError(
            "a worker process died, perhaps for want of memory. What is finished is kept: "
            "run the same command again to go on, with fewer workers if it dies again. (In a "
            "script, the call must stand under `if __name__ == '__main__':`.)"
        ) from error


def _end_with_parent() -> None:
    """Watch the parent from a thread, because a worker of a killed parent waits for ever."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="end-with-parent").start()

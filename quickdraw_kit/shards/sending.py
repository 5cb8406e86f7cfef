"""Shards on their way into a store: sent while others are built, and not kept here.

A note says which shards have arrived, so that a killed run sends only the rest.
"""

import contextlib
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

from quickdraw_kit.files import atomic_write
from quickdraw_kit.shards.build import Built
from quickdraw_kit.shards.store import ObjectStore

__all__ = ["Sending", "sending"]

_AT_ONCE = 4


@contextlib.contextmanager
def sending(store: ObjectStore, out: Path, notes: Path) -> Iterator["Sending"]:
    """Send shards in threads; when the block ends well, all of them have arrived.

    Parameters
    ----------
    store : ObjectStore
        Where to.
    out, notes : Path
        Folder of the shards, and that of the notes of the run.

    Yields
    ------
    Sending
        Takes shards.

    Raises
    ------
    QuickdrawError
        If the store fails.
    """
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="sending") as threads:
        made = Sending(store, out, notes, threads)
        try:
            yield made
            made.settle(0)
        except BaseException:
            threads.shutdown(wait=True, cancel_futures=True)
            raise


class Sending:
    """Shards that are being sent; see `sending`."""

    def __init__(
        self, store: ObjectStore, out: Path, notes: Path, threads: ThreadPoolExecutor
    ) -> None:
        self._store, self._out, self._notes, self._threads = store, out, notes, threads
        self._under_way: set[Future[None]] = set()

    def take(self, stem: str) -> None:
        """Send a shard that was built; waits while many are under way."""
        if not (self._notes / f"{stem}.sent").exists():
            self._under_way.add(self._threads.submit(self._send, stem))
            self.settle(2 * _AT_ONCE)

    def settle(self, most: int) -> None:
        """Wait until no more than so many are under way."""
        while len(self._under_way) > most:
            done, self._under_way = wait(self._under_way, return_when=FIRST_COMPLETED)
            for future in done:
                future.result()

    def _send(self, stem: str) -> None:
        built = Built.load(self._notes / f"{stem}.json")
        for file in built.entry.files:
            self._store.put(self._out / file.name, file.name)
        with atomic_write(self._notes / f"{stem}.sent"):
            pass
        for file in built.entry.files:
            (self._out / file.name).unlink()

"""Data sets on their way into a store: shards are sent while others are built, and not kept here.

A note says which shards have arrived, so that a killed run sends only the rest. A store has no
lock, so two machines must not send to one place; two runs of one machine share a staging folder,
which has one.
"""

import contextlib
import hashlib
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

from quickdraw_kit.acquire.cache_entry import get_data_home
from quickdraw_kit.errors import QuickdrawError, UsageError
from quickdraw_kit.shards.manifest import MANIFEST_NAME, Manifest, load_manifest
from quickdraw_kit.shards.prepare.merge import Built
from quickdraw_kit.shards.prepare.plan import Plan
from quickdraw_kit.shards.prepare.workdir import check_same, is_begun, is_ours
from quickdraw_kit.storage.files import atomic_write
from quickdraw_kit.storage.store import RetryingStore

__all__ = ["Sending", "clear", "deliver", "finished_there", "sending", "staging"]

_AT_ONCE = 4
_TRIAL = ".trial.partial"


def staging(store: RetryingStore, data_home: Path | None) -> Path:
    """Return the folder in which shards are built that go into a store."""
    name = hashlib.sha256(store.url.encode()).hexdigest()[:16]
    return get_data_home(data_home) / "staging" / name


def finished_there(store: RetryingStore, plan: Plan, *, overwrite: bool) -> Manifest | None:
    """Tell whether a place in a store may be written to, or holds the planned data set already."""
    names = store.sizes()
    strangers = sorted(name for name in names if not is_ours(name))
    if strangers:
        raise UsageError(
            f"{store} is not empty: it holds {', '.join(strangers[:5])}. Name another place."
        )
    if not names or overwrite:
        return None
    if MANIFEST_NAME in names:
        manifest = load_manifest(store)
        check_same(manifest, plan, str(store))
        return manifest
    if not is_begun(plan.out):
        raise UsageError(
            f"{store} holds {len(names)} files of a run that was not finished, and what it "
            "left here is gone. Begin anew with overwrite (--overwrite), or name another place."
        )
    return None


def clear(store: RetryingStore, *, overwrite: bool) -> None:
    """Take the manifest away of a data set that is replaced, and see that the store can be written."""
    if overwrite:
        store.delete(MANIFEST_NAME)
    store.put(_TRIAL, b"")
    store.delete(_TRIAL)


def deliver(store: RetryingStore, out: Path, manifest: Manifest) -> None:
    """Send what is not a shard, remove what is of another data set, and the manifest last."""
    for entry in manifest.files:
        store.put(entry.name, out / entry.name)
    there, wanted = store.sizes(), {entry.name: entry.bytes for entry in manifest.all_files()}
    if lost := [name for name, size in wanted.items() if there.get(name) != size]:
        raise QuickdrawError(
            f"{store} does not hold what was sent to it: {lost[0]} has "
            f"{there.get(lost[0], 'no')} bytes, expected {wanted[lost[0]]}, and {len(lost) - 1} "
            "more. Run the same command again to send them anew."
        )
    for name in there:
        if name not in wanted and is_ours(name):
            store.delete(name)
    store.put(MANIFEST_NAME, manifest.dumps().encode())


@contextlib.contextmanager
def sending(store: RetryingStore, out: Path, notes: Path) -> Iterator["Sending"]:
    """Send shards in threads; when the block ends well, all of them have arrived."""
    there = store.sizes()
    for note in notes.glob("*.sent"):
        files = Built.load(note.with_suffix(".json")).entry.files
        if any(there.get(file.name) != file.bytes for file in files):
            note.unlink()  # to be built and sent again
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="sending") as threads:
        made = Sending(store, out, notes, threads)
        try:
            yield made
            made.settle(0)
        except BaseException:
            store.stop()
            threads.shutdown(wait=True, cancel_futures=True)
            raise


class Sending:
    """Shards that are being sent; see `sending`."""

    def __init__(
        self, store: RetryingStore, out: Path, notes: Path, threads: ThreadPoolExecutor
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
            self._store.put(file.name, self._out / file.name)
        with atomic_write(self._notes / f"{stem}.sent"):
            pass
        for file in built.entry.files:
            (self._out / file.name).unlink()

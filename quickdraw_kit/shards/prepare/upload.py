"""Output into an object store: shards are uploaded while others are built, and not kept here.

A mark in the workdir says which shards have arrived, so that a run that was killed uploads only
the rest. A store has no lock, so two machines must not write to one location; two runs of one
machine share a staging folder, which has a lock.
"""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from quickdraw_kit.acquire.cache_entry import get_data_home
from quickdraw_kit.errors import QuickdrawError, UsageError
from quickdraw_kit.shards.manifest import MANIFEST_NAME, Manifest, load_manifest
from quickdraw_kit.shards.prepare.merge import MergeResult
from quickdraw_kit.shards.prepare.plan import Plan
from quickdraw_kit.shards.prepare.workdir import FolderOutput, WorkDir, check_same, is_output_file
from quickdraw_kit.storage.files import atomic_write
from quickdraw_kit.storage.store import RetryingStore
from quickdraw_kit.storage.urls import parse_location

_THREADS = 4
_TRIAL = ".trial.partial"


def open_output(
    out: str | os.PathLike[str], data_home: Path | None
) -> "FolderOutput | StoreOutput":
    """Return the output at a path or URL."""
    location = parse_location(out)
    if isinstance(location, Path):
        return FolderOutput(location)

    store = RetryingStore(location)
    # the same name for every run of this URL, which may be long and contain credentials
    name = hashlib.sha256(store.url.encode()).hexdigest()[:16]
    return StoreOutput(store, get_data_home(data_home) / "staging" / name)


@dataclass(frozen=True, slots=True)
class StoreOutput:
    """A location in a store, and the folder in which its shards are built."""

    store: RetryingStore
    staging: Path

    @property
    def workdir(self) -> WorkDir:
        """Where the run keeps its state."""
        return WorkDir(self.staging)

    @property
    def keeps_shards(self) -> bool:
        """Whether the shards stay on the disk of the workdir."""
        return False

    def find_finished(self, plan: Plan, *, overwrite: bool) -> Manifest | None:
        """Return the manifest when the planned data set is in the store already.

        Raises
        ------
        UsageError
            If the location holds other files, or, unless `overwrite` is true, another data set or
            the rest of a run that this machine cannot resume.
        """
        names = self.store.sizes()
        foreign = sorted(name for name in names if not is_output_file(name))
        if foreign:
            raise UsageError(
                f"{self.store} is not empty: it holds {', '.join(foreign[:5])}. Name another "
                "location."
            )
        if not names or overwrite:
            return None

        if MANIFEST_NAME in names:
            manifest = load_manifest(self.store)
            check_same(manifest, plan, str(self.store))
            return manifest
        # without its workdir, nobody knows which shards are complete and of this plan
        if not self.workdir.plan.exists():
            raise UsageError(
                f"{self.store} holds {len(names)} files of an unfinished run whose workdir is "
                "not on this machine. Start again with overwrite (--overwrite), or name another "
                "location."
            )
        return None

    def start(self, *, overwrite: bool) -> None:
        """Remove the manifest of a data set to be replaced, and check that files can be written.

        This comes before the work, which may take hours, and not after it.
        """
        if overwrite:
            self.store.delete(MANIFEST_NAME)
        self.store.put(_TRIAL, b"")
        self.store.delete(_TRIAL)

    @contextlib.contextmanager
    def uploader(self) -> Iterator["Uploader"]:
        """Upload shards in threads; at the end of the block all of them are in the store."""
        # marks are only trusted where the store agrees: somebody may have deleted files there
        sizes = self.store.sizes()
        for stem in self.workdir.uploaded_shards():
            files = MergeResult.load(self.workdir.shard_result(stem)).entry.files
            if any(sizes.get(file.name) != file.bytes for file in files):
                self.workdir.shard_uploaded(stem).unlink()  # to be built and uploaded again

        with ThreadPoolExecutor(_THREADS, thread_name_prefix="upload") as threads:
            uploader = Uploader(self, threads)
            try:
                yield uploader
                uploader.wait_until(0)
            except BaseException:
                self.store.stop()  # or the threads would retry for minutes
                threads.shutdown(wait=True, cancel_futures=True)
                raise

    def publish(self, manifest: Manifest) -> None:
        """Upload the other files, remove those of an earlier data set, write the manifest last."""
        for entry in manifest.files:
            self.store.put(entry.name, self.staging / entry.name)

        sizes = self.store.sizes()
        expected = {entry.name: entry.bytes for entry in manifest.all_files()}
        if wrong := [name for name, size in expected.items() if sizes.get(name) != size]:
            raise QuickdrawError(
                f"{self.store} does not hold what was uploaded: {wrong[0]} has "
                f"{sizes.get(wrong[0], 'no')} bytes, expected {expected[wrong[0]]}; "
                f"{len(wrong) - 1} other files are wrong too. Run the same command again to upload "
                "them again."
            )

        # an earlier data set may have had more shards
        for name in sizes:
            if name not in expected and is_output_file(name):
                self.store.delete(name)
        self.store.put(MANIFEST_NAME, manifest.dumps().encode())

    def remove_staging(self) -> None:
        """Remove the staging folder, unless another run is using it."""
        self.workdir.remove_with_output()


class Uploader:
    """Uploads shards in threads; see `StoreOutput.uploader`."""

    def __init__(self, output: StoreOutput, threads: ThreadPoolExecutor) -> None:
        self._output, self._threads = output, threads
        self._uploads: set[Future[None]] = set()

    def add(self, stem: str) -> None:
        """Upload a shard that was built; blocks while many uploads are pending."""
        if not self._output.workdir.shard_uploaded(stem).exists():
            self._uploads.add(self._threads.submit(self._upload, stem))
            # shards must not pile up on the disk while the network is slower than the workers
            self.wait_until(2 * _THREADS)

    def wait_until(self, pending: int) -> None:
        """Wait until at most so many uploads are pending; raise what an upload raised."""
        while len(self._uploads) > pending:
            done, self._uploads = wait(self._uploads, return_when=FIRST_COMPLETED)
            for future in done:
                future.result()

    def _upload(self, stem: str) -> None:
        output, workdir = self._output, self._output.workdir
        files = MergeResult.load(workdir.shard_result(stem)).entry.files
        for file in files:
            output.store.put(file.name, output.staging / file.name)

        # the mark before the removal: without it, the files would have to be built again
        with atomic_write(workdir.shard_uploaded(stem)):
            pass
        for file in files:
            (output.staging / file.name).unlink()

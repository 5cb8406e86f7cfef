"""The workdir: file names of an unfinished run, its lock, what is resumed and what is cleared.

Everything that a run needs to be resumed is here, and only this module names the files::

    out/.prepare/
        lock                             held by the one run that writes into `out`
        plan.json                        the plan, which a run must share to resume this one
        sources/                         downloads that are not kept
        extract/00000.json               result of a chunk: exists when the chunk is done
        extract/00000-000.arrow          spill file of a chunk
        extract/00000-000.prints.npy     fingerprints of a chunk, when duplicates are flagged
        extract/source-00000.sha256      checksum of a source
        extract/source-00000.version     version of a downloaded source
        extract/source-00000.rejects     rejected lines of a downloaded source that was removed
        extract/duplicates-0000.npy      duplicates in a range of fingerprints
        extract/duplicates.npy           all duplicates
        extract/split-ids.npy, split-of-ids.npy    the list of key_ids, named by `SplitIds`
        merge/train-00000-of-00002.json      result of a shard: exists when the shard is done
        merge/train-00000-of-00002.uploaded  exists when the shard is in the store
"""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from quickdraw_kit.acquire.sources import Source
from quickdraw_kit.errors import QuickdrawError, UsageError, format_count
from quickdraw_kit.shards.formats import SHARD_SUFFIXES
from quickdraw_kit.shards.keyed_hashes import SPLITS
from quickdraw_kit.shards.manifest import MANIFEST_NAME, Manifest, SourceEntry, load_manifest
from quickdraw_kit.shards.prepare.plan import Chunk, Plan
from quickdraw_kit.storage.files import atomic_write

_NAME, _LOCK, _PLAN = ".prepare", "lock", "plan.json"
_OUTPUT_FILE = re.compile(
    rf"({'|'.join(SPLITS)})-\d{{5}}-of-\d{{5}}({'|'.join(map(re.escape, SHARD_SUFFIXES))})"
    r"|histogram\.(csv|parquet)|rejects\.ndjson|manifest\.json|\..*\.partial"
)


@dataclass(frozen=True, slots=True)
class WorkDir:
    """The workdir of the run that writes into the folder `out`."""

    out: Path

    # methods that name a file return its path, whether it exists or not

    @property
    def path(self) -> Path:
        """The folder itself."""
        return self.out / _NAME

    @property
    def sources(self) -> Path:
        """Folder of downloads that are not kept."""
        return self.path / "sources"

    @property
    def extract(self) -> Path:
        """Folder of the extract stage."""
        return self.path / "extract"

    @property
    def merge(self) -> Path:
        """Folder of the merge stage."""
        return self.path / "merge"

    @property
    def plan(self) -> Path:
        """The plan of the unfinished run."""
        return self.path / _PLAN

    def chunk_result(self, chunk: Chunk) -> Path:
        """Return the result of a chunk."""
        return self.extract / f"{chunk.number:05d}.json"

    def spill_file(self, chunk: Chunk, number: int) -> Path:
        """Return a spill file of a chunk, which may have several."""
        return self.extract / f"{chunk.number:05d}-{number:03d}.arrow"

    def fingerprints(self, chunk: Chunk, number: int) -> Path:
        """Return the fingerprints of drawings of a chunk."""
        return self.extract / f"{chunk.number:05d}-{number:03d}.prints.npy"

    def source_checksum(self, source: int) -> Path:
        """Return the checksum of a source."""
        return self.extract / f"source-{source:05d}.sha256"

    def source_version(self, source: int) -> Path:
        """Return the note which version of a downloaded source was read."""
        return self.extract / f"source-{source:05d}.version"

    def source_rejects(self, source: int) -> Path:
        """Return the lines for ``rejects.ndjson`` of a source that is not kept."""
        return self.extract / f"source-{source:05d}.rejects"

    def duplicates(self, part: int | None = None) -> Path:
        """Return the duplicates in one range of fingerprints, or all of them."""
        return self.extract / ("duplicates.npy" if part is None else f"duplicates-{part:04d}.npy")

    def shard_result(self, stem: str) -> Path:
        """Return the result of a shard."""
        return self.merge / f"{stem}.json"

    def shard_uploaded(self, stem: str) -> Path:
        """Return the empty file that marks a shard as uploaded."""
        return self.merge / f"{stem}.uploaded"

    def uploaded_shards(self) -> list[str]:
        """Return the stems of the shards that are marked as uploaded."""
        return [path.stem for path in self.merge.glob("*.uploaded")]

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the lock, and remove the workdir at the end if nothing but the lock is in it.

        Raises
        ------
        QuickdrawError
            If another run holds the lock.
        """
        from filelock import FileLock, Timeout

        lock = FileLock(self.path / _LOCK)
        while not lock.is_locked:
            self.path.mkdir(parents=True, exist_ok=True)
            try:
                lock.acquire(timeout=0)
            except FileNotFoundError:
                continue  # a run that has just ended removed the folder
            except Timeout:
                raise QuickdrawError(
                    f"another run is writing into {self.out}: wait until it has ended"
                ) from None

        try:
            yield
        finally:
            # unlink before release: a run that comes after the release creates a lock of its own,
            # and must not lock a file that is about to be removed
            if [path.name for path in self.path.iterdir()] == [_LOCK]:
                with suppress(PermissionError):  # Windows cannot remove an open file
                    (self.path / _LOCK).unlink()
            lock.release()
            with suppress(OSError):  # not empty: unfinished work, or the next run is here
                self.path.rmdir()

    def resume_or_clear(self, plan: Plan, *, overwrite: bool) -> None:
        """Keep what an interrupted run of the same plan has done, or start with an empty folder.

        Raises
        ------
        UsageError
            If the unfinished run has another plan, unless `overwrite` is true.
        """
        planned = json.loads(json.dumps(plan.describe()))  # with lists for tuples, as it is read
        if self.plan.exists() and not overwrite:
            self._check_same_plan(planned)
            _remove_files(self.out, lambda name: name.endswith(".partial"))
        else:
            # the manifest first: without it, what is left does not look like a data set. The plan
            # next: without it, nobody resumes from a folder that is half cleared.
            (self.out / MANIFEST_NAME).unlink(missing_ok=True)
            self.plan.unlink(missing_ok=True)
            _remove_files(self.out, is_output_file)
            for folder in (self.extract, self.merge, self.sources):
                shutil.rmtree(folder, ignore_errors=True)
            with atomic_write(self.plan) as file:
                file.write(json.dumps(planned).encode())

        self.extract.mkdir(exist_ok=True)
        self.merge.mkdir(exist_ok=True)

    def _check_same_plan(self, planned: dict[str, object]) -> None:
        unfinished = json.loads(self.plan.read_bytes())
        differ = sorted(key for key in planned if unfinished.get(key) != planned[key])
        if differ:
            raise UsageError(
                f"{self.out} holds an unfinished run that differs in its {' and '.join(differ)}. "
                "Finish it with the same command as before, discard it with overwrite "
                "(--overwrite), or name another folder."
            )

    def check_space(self, plan: Plan, *, output_bytes: int) -> None:
        """Raise when the disk cannot hold the scratch files and `output_bytes` of shards."""
        free = shutil.disk_usage(self.out).free
        needed = plan.scratch_bytes + output_bytes
        if needed > free:
            from rich.filesize import decimal

            raise QuickdrawError(
                f"the disk of {self.out} has {decimal(free)} free, and about {plan.drawings:,} "
                f"drawings take {decimal(needed)}: {decimal(output_bytes)} of shards and "
                f"{decimal(plan.scratch_bytes)} of scratch files. Free some space, or set "
                "max_per_category."
            )

    def clear(self) -> None:
        """Remove everything but the lock, the plan last: a run that is killed here is resumed."""
        for path in self.path.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name not in (_LOCK, _PLAN):
                path.unlink()
        self.plan.unlink(missing_ok=True)

    def remove_with_output(self) -> None:
        """Remove the output folder with every file in it, unless a run holds the lock."""
        if not self.out.exists():
            return

        with suppress(QuickdrawError), self.lock():
            _remove_files(self.out, lambda name: True)
            self.clear()
        with suppress(OSError):  # not empty: a run has started in it
            self.out.rmdir()


@dataclass(frozen=True, slots=True)
class FolderOutput:
    """A folder of this machine as output; `StoreOutput` has the same methods."""

    folder: Path

    @property
    def workdir(self) -> WorkDir:
        """Where the run keeps its state."""
        return WorkDir(self.folder)

    @property
    def keeps_shards(self) -> bool:
        """Whether the shards stay on the disk of the workdir."""
        return True

    def find_finished(self, plan: Plan, *, overwrite: bool) -> Manifest | None:
        """Return the manifest when the planned data set is here already.

        Raises
        ------
        UsageError
            If the folder holds other files, or another data set and `overwrite` is false.
        """
        if not self.folder.exists():
            return None
        if not self.folder.is_dir():
            raise UsageError(f"{self.folder} is a file, expected a folder")

        # a folder without a manifest and without a workdir was not written by `prepare`,
        # whatever its files are called
        names = sorted({path.name for path in self.folder.iterdir()})
        foreign = [name for name in names if name != _NAME and not is_output_file(name)]
        if foreign or (names and not {_NAME, MANIFEST_NAME} & set(names)):
            raise UsageError(
                f"{self.folder} is not empty: it holds {', '.join((foreign or names)[:5])}. Name a "
                "new folder, or empty this one."
            )
        if overwrite or MANIFEST_NAME not in names:
            return None

        manifest = load_manifest(self.folder)
        check_same(manifest, plan, str(self.folder))
        return manifest

    def start(self, *, overwrite: bool) -> None:
        """Do nothing: the lock has shown that the folder can be written."""

    def uploader(self) -> AbstractContextManager[None]:
        """Return a context without an uploader."""
        return nullcontext()

    def publish(self, manifest: Manifest) -> None:
        """Write the manifest, with which the data set is complete."""
        manifest.save(self.folder)

    def remove_staging(self) -> None:
        """Do nothing: the shards were built where they stay."""


def is_output_file(name: str) -> bool:
    """Return whether a file of this name is one that `prepare` writes."""
    return _OUTPUT_FILE.fullmatch(name) is not None


def check_same(manifest: Manifest, plan: Plan, location: str) -> None:
    """Raise UsageError when a data set is not the planned one."""

    def is_same(entry: SourceEntry, source: Source) -> bool:
        if (entry.name, entry.bytes) != (source.name, source.size):
            return False
        # a source that is not on this machine is not downloaded to compare checksums
        not_kept = source.remote is not None and not source.path.exists()
        return not_kept or entry.sha256 == source.sha256()

    same = (
        (manifest.options, manifest.filters) == (plan.options, plan.filters)
        and len(manifest.sources) == len(plan.sources)
        and all(map(is_same, manifest.sources, plan.sources))
    )
    if not same:
        raise UsageError(
            f"{location} holds another data set already "
            f"({format_count(sum(manifest.rows.values()), 'drawing')}, "
            f"{format_count(len(manifest.categories), 'category', 'categories')}). Replace it with "
            "overwrite (--overwrite), or name another location."
        )


def _remove_files(folder: Path, predicate: Callable[[str], bool]) -> None:
    for path in folder.iterdir():
        if path.is_file() and predicate(path.name):
            path.unlink()

"""Who may write into a folder: one run at a time, and never over what it did not write itself."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from quickdraw_kit.acquire.sources import Source
from quickdraw_kit.errors import QuickdrawError, UsageError, format_count
from quickdraw_kit.shards.manifest import MANIFEST_NAME, Manifest, SourceEntry, load_manifest
from quickdraw_kit.shards.prepare.plan import Plan
from quickdraw_kit.storage.files import atomic_write
from quickdraw_kit.storage.hashing import sha256_file

__all__ = ["check_same", "claim", "drop", "finished_here", "is_begun", "is_ours"]

_WORK, _LOCK, _NOTE = ".prepare", "lock", "plan.json"
_OURS = re.compile(
    r"(train|validation|test)-\d{5}-of-\d{5}\.(images\.npy|labels\.npy|meta\.parquet|parquet)"
    r"|histogram\.(csv|parquet)|rejects\.ndjson|manifest\.json|\..*\.partial"
)


@contextmanager
def claim(
    plan: Plan, finished: Callable[[], Manifest | None], *, overwrite: bool
) -> Iterator[Path | Manifest]:
    """Take the output folder for a run, and clear the work folder when the block has succeeded."""
    work = plan.out / _WORK
    if plan.out.exists() and not plan.out.is_dir():
        raise UsageError(f"{plan.out} is a file, expected a folder")
    if not work.exists() and (there := finished()) is not None:
        yield there  # where perhaps nothing can be written
        return
    with _locked(work):
        there = finished()
        if there is None:
            _take_up(plan, work, overwrite)
            _check_space(plan)
        yield work if there is None else there
        _clear(work)


@contextmanager
def _locked(work: Path) -> Iterator[None]:
    """Hold the lock of a work folder; if nothing else is left in the folder, it goes.

    It goes before the lock is let go: whoever comes afterwards begins with a folder of their own.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(work / _LOCK)
    while not lock.is_locked:
        work.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except FileNotFoundError:
            continue  # a run that has just ended removed the folder
        except Timeout:
            raise QuickdrawError(
                f"another run is writing into {work.parent}: wait for it to end"
            ) from None
    try:
        yield
    finally:
        if [path.name for path in work.iterdir()] == [_LOCK]:
            with suppress(PermissionError):  # where an open file cannot be removed
                (work / _LOCK).unlink()
        lock.release()
        with suppress(OSError):  # not empty: unfinished work, or another run by now
            work.rmdir()


def _take_up(plan: Plan, work: Path, overwrite: bool) -> None:
    """Prepare the work folder for the run: keep what an interrupted one has done, or clear it."""
    wanted = json.loads(json.dumps(plan.describe()))
    note = work / _NOTE
    if note.exists() and not overwrite:
        left = json.loads(note.read_bytes())
        if left == wanted:
            _remove(plan.out, lambda name: name.endswith(".partial"))
            return
        differ = sorted(key for key in wanted if left.get(key) != wanted[key])
        raise UsageError(
            f"{plan.out} holds an unfinished run that differs in its {' and '.join(differ)}. "
            "Run that one again to finish it, drop it with overwrite (--overwrite), or name "
            "another folder."
        )
    (plan.out / MANIFEST_NAME).unlink(missing_ok=True)  # first: no half a data set looks whole
    _remove(plan.out, is_ours)
    for folder in (work / "units", work / "shards", work / "sources"):
        shutil.rmtree(folder, ignore_errors=True)
    with atomic_write(note) as file:
        file.write(json.dumps(wanted).encode())


def _clear(work: Path) -> None:
    """Remove the work, the note of the plan last: with it a run that is killed here is taken up."""
    for path in work.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name not in (_LOCK, _NOTE):
            path.unlink()
    (work / _NOTE).unlink(missing_ok=True)


def _remove(out: Path, chosen: Callable[[str], bool]) -> None:
    for path in out.iterdir():
        if path.is_file() and chosen(path.name):
            path.unlink()


def finished_here(plan: Plan, *, overwrite: bool) -> Manifest | None:
    """Tell whether the output folder may be written to, or holds the planned data set already."""
    if not plan.out.exists():
        return None
    names = sorted({path.name for path in plan.out.iterdir()})
    strangers = [name for name in names if name != _WORK and not is_ours(name)]
    if strangers or (names and not {_WORK, MANIFEST_NAME} & set(names)):
        raise UsageError(
            f"{plan.out} is not empty: it holds {', '.join((strangers or names)[:5])}. Name a new "
            "folder, or empty this one."
        )
    if overwrite or MANIFEST_NAME not in names:
        return None
    manifest = load_manifest(plan.out)
    check_same(manifest, plan, str(plan.out))
    return manifest


def is_ours(name: str) -> bool:
    """Tell whether a file of this name is one that `prepare` writes."""
    return _OURS.fullmatch(name) is not None


def is_begun(out: Path) -> bool:
    """Tell whether a run has begun in a folder and not ended."""
    return (out / _WORK / _NOTE).exists()


def drop(out: Path) -> None:
    """Remove a folder of shards that were sent elsewhere, unless a run is at work in it."""
    if not out.exists():
        return
    with suppress(QuickdrawError), _locked(out / _WORK):
        _remove(out, lambda name: True)
        _clear(out / _WORK)
    with suppress(OSError):  # not empty: a run has begun in it
        out.rmdir()


def check_same(manifest: Manifest, plan: Plan, place: str) -> None:
    """Raise when a data set is not the one that is planned."""

    def is_same(entry: SourceEntry, source: Source) -> bool:
        if (entry.name, entry.bytes) != (source.name, source.size):
            return False
        gone = source.remote is not None and not source.path.exists()  # it was not kept
        return gone or entry.sha256 == sha256_file(source.path)

    same = (
        (manifest.options, manifest.filters) == (plan.options, plan.filters)
        and len(manifest.sources) == len(plan.sources)
        and all(map(is_same, manifest.sources, plan.sources))
    )
    if not same:
        raise UsageError(
            f"{place} holds another data set already "
            f"({format_count(sum(manifest.rows.values()), 'drawing')}, "
            f"{format_count(len(manifest.categories), 'category', 'categories')}). Replace it with "
            "overwrite (--overwrite), or name another place."
        )


def _check_space(plan: Plan) -> None:
    from rich.filesize import decimal

    free = shutil.disk_usage(plan.out).free
    needed = plan.scratch_bytes + plan.output_bytes
    if needed > free:
        raise QuickdrawError(
            f"the disk of {plan.out} has {decimal(free)} free, and about {plan.drawings} "
            f"drawings take {decimal(needed)}: {decimal(plan.output_bytes)} of shards and "
            f"{decimal(plan.scratch_bytes)} of scratch. Make room, or set a limit."
        )

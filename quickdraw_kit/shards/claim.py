"""Who may write into a folder: one run at a time, and never over what it did not write itself."""

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from quickdraw_kit.acquire.sources import Source
from quickdraw_kit.errors import QuickdrawError, UsageError
from quickdraw_kit.files import atomic_write, sha256_of
from quickdraw_kit.shards.manifest import MANIFEST_NAME, Manifest, SourceEntry, load_manifest
from quickdraw_kit.shards.plan import Plan

__all__ = ["check_same", "claim", "drop", "is_begun", "is_ours"]

_WORK = ".prepare"
_OURS = re.compile(
    r"(train|validation|test)-\d{5}-of-\d{5}\.(images\.npy|labels\.npy|meta\.parquet|parquet)"
    r"|histogram\.(csv|parquet)|rejects\.ndjson|manifest\.json|\..*\.partial"
)


@contextmanager
def claim(plan: Plan, *, overwrite: bool) -> Iterator[Path | None]:
    """Take the output folder for a run, and clear the work folder when the block has succeeded.

    Parameters
    ----------
    plan : Plan
        What the run is to do.
    overwrite : bool
        Whether a data set or an unfinished run in the folder may be removed.

    Yields
    ------
    Path or None
        The work folder, perhaps with the work of an interrupted run of the same plan in it; None
        when the folder holds the finished data set already.

    Raises
    ------
    UsageError
        If the folder holds anything else.
    QuickdrawError
        If another run has it, or the disk is too small.
    """
    from filelock import FileLock, Timeout

    out, work = plan.out, plan.out / _WORK
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file, expected a folder")
    if not work.exists():
        _check_free_of_strangers(out)
        if (out / MANIFEST_NAME).exists() and not overwrite:
            check_same(load_manifest(out), plan, str(out))
            yield None
            return
    work.mkdir(parents=True, exist_ok=True)
    lock = FileLock(work / "lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise QuickdrawError(f"another run is writing into {out}: wait for it to end") from None
    try:
        finished = _take_up(plan, work, overwrite)
        if not finished:
            _check_space(plan)
        yield None if finished else work
    finally:
        lock.release()
    shutil.rmtree(work)


def _take_up(plan: Plan, work: Path, overwrite: bool) -> bool:
    """Prepare the work folder; tell whether the data set is finished."""
    wanted = json.loads(json.dumps(plan.describe()))
    note = work / "plan.json"
    if note.exists():
        left = json.loads(note.read_bytes())
        if left == wanted and not overwrite:
            if (plan.out / MANIFEST_NAME).exists():
                return True
            _remove(plan.out, lambda name: name.endswith(".partial"))
            return False
        if not overwrite:
            differ = sorted(key for key in wanted if left.get(key) != wanted[key])
            raise UsageError(
                f"{plan.out} holds an unfinished run that differs in its {' and '.join(differ)}. "
                "Run that one again to finish it, pass overwrite to drop it, or name another "
                "folder."
            )
    _remove(plan.out, is_ours)
    for folder in (work / "units", work / "shards", work / "sources"):
        shutil.rmtree(folder, ignore_errors=True)
    with atomic_write(note) as file:
        file.write(json.dumps(wanted).encode())
    return False


def _remove(out: Path, chosen) -> None:  # type: ignore[no-untyped-def]
    (out / MANIFEST_NAME).unlink(missing_ok=True)  # first, so that no half a data set looks whole
    for path in out.iterdir():
        if path.is_file() and chosen(path.name):
            path.unlink()


def _check_free_of_strangers(out: Path) -> None:
    if not out.exists():
        return
    strangers = sorted(path.name for path in out.iterdir() if not is_ours(path.name))
    if strangers or (any(out.iterdir()) and not (out / MANIFEST_NAME).exists()):
        names = ", ".join((strangers or sorted(path.name for path in out.iterdir()))[:5])
        raise UsageError(
            f"{out} is not empty: it holds {names}. Name a new folder, or empty this one."
        )


def is_ours(name: str) -> bool:
    """Tell whether a file of this name is one that `prepare` writes.

    Examples
    --------
    >>> is_ours("train-00000-of-00001.images.npy"), is_ours("thesis.doc")
    (True, False)
    """
    return _OURS.fullmatch(name) is not None


def is_begun(out: Path) -> bool:
    """Tell whether a run has begun in a folder and not ended."""
    return (out / _WORK / "plan.json").exists()


def drop(out: Path) -> None:
    """Remove a folder of shards that were sent elsewhere, unless a run is at work in it.

    Parameters
    ----------
    out : Path
        The folder; it need not be there.
    """
    from filelock import FileLock, Timeout

    if not out.exists():
        return
    (out / _WORK).mkdir(exist_ok=True)
    with suppress(Timeout), FileLock(out / _WORK / "lock", timeout=0):
        shutil.rmtree(out)


def check_same(manifest: Manifest, plan: Plan, place: str) -> None:
    """Raise when a data set is not the one that is planned.

    Parameters
    ----------
    manifest : Manifest
        Of the data set that is there.
    plan : Plan
        What is to be there.
    place : str
        Where, for the message.

    Raises
    ------
    UsageError
        If its sources, filters or form are others.
    """

    def is_same(entry: SourceEntry, source: Source) -> bool:
        if (entry.name, entry.bytes) != (source.name, source.size):
            return False
        gone = source.remote is not None and not source.path.exists()  # it was not kept
        return gone or entry.sha256 == sha256_of(source.path)

    same = (
        (manifest.layout, manifest.selection) == (plan.layout, plan.selection)
        and len(manifest.sources) == len(plan.sources)
        and all(map(is_same, manifest.sources, plan.sources))
    )
    if not same:
        raise UsageError(
            f"{place} holds another data set already ({sum(manifest.rows.values())} drawings, "
            f"{len(manifest.categories)} categories). Pass overwrite to replace it, or name "
            "another place."
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

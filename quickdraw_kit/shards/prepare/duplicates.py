"""Duplicates among all drawings of a run: fingerprints on disk, compared part by part.

Each unit leaves its fingerprints beside its runs. Parts are ranges of a hash of the fingerprint's
shape, few enough drawings each to be held in memory; what is alike is always in one part.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from quickdraw_kit.shards.quality import Fingerprints, find_duplicates
from quickdraw_kit.storage.files import atomic_write

__all__ = ["DuplicateIds", "Part", "find_part", "gather", "save_prints"]

_ROWS_OF_A_PART = 4_000_000
_FLAGGED = np.dtype([("key_id", "<u8"), ("flags", "u1")])
_SPREAD = np.uint64(0x9E3779B97F4A7C15)


def save_prints(prints: Fingerprints, path: Path) -> None:
    """Set fingerprints down."""
    with atomic_write(path, sync=False) as file:
        np.save(file, prints)


@dataclass(frozen=True, slots=True)
class Part:
    """A range of the fingerprints: number `index` of `of`."""

    index: int
    of: int

    @property
    def name(self) -> str:
        """Name of the file of what is found in it."""
        return f"duplicates-{self.index:04d}.npy"

    @classmethod
    def of_all(cls, rows: int) -> "tuple[Part, ...]":
        """Return the parts for so many drawings."""
        of = max(-(-rows // _ROWS_OF_A_PART), 1)
        return tuple(cls(index, of) for index in range(of))


def find_part(part: Part, *, prints: Sequence[Path], folder: Path) -> int:
    """Find the duplicates of a part; when that is done already, do nothing."""
    outcome = folder / part.name
    if outcome.exists():
        return len(np.load(outcome, mmap_mode="r"))
    chosen = []
    for path in prints:
        rows = np.load(path)
        place = (rows["shape"] ^ rows["word"]) * _SPREAD >> np.uint64(32)
        chosen.append(rows[place % np.uint64(part.of) == part.index])
    key_id, flags = find_duplicates(np.concatenate(chosen))
    flagged = np.empty(len(key_id), _FLAGGED)
    flagged["key_id"], flagged["flags"] = key_id, flags
    with atomic_write(outcome, sync=False) as file:
        np.save(file, flagged)
    return len(flagged)


def gather(parts: Sequence[Part], folder: Path) -> "DuplicateIds":
    """Put what was found in all parts into one file, sorted."""
    path = folder / "duplicates.npy"
    if not path.exists():
        found = np.concatenate([np.load(folder / part.name) for part in parts])
        with atomic_write(path, sync=False) as file:
            np.save(file, found[np.argsort(found["key_id"])])
    return DuplicateIds(path)


@dataclass(frozen=True, slots=True)
class DuplicateIds:
    """The key_ids of duplicates, in a sorted file that every process maps."""

    path: Path

    def flags(self, key_id: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint8]:
        """Return the flags of some drawings, uint8, shape (n,)."""
        known = np.load(self.path, mmap_mode="r") if self.path.stat().st_size else None
        flags = np.zeros(len(key_id), np.uint8)
        if known is None or not len(known):
            return flags
        place = np.minimum(np.searchsorted(known["key_id"], key_id), len(known) - 1)
        same = known["key_id"][place] == key_id
        flags[same] = known["flags"][place[same]]
        return flags

"""Duplicates among all drawings of a run: fingerprints on disk, compared one hash range at a time.

Each chunk leaves the fingerprints of its drawings in the workdir. They are compared in ranges
of a hash of what duplicates have in common, so that duplicates are always in the same range. A
range has few enough drawings to be held in memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from quickdraw_kit.shards.prepare.workdir import WorkDir
from quickdraw_kit.shards.quality import Fingerprints, find_duplicates
from quickdraw_kit.storage.files import atomic_write

_DRAWINGS_PER_RANGE = 4_000_000
_FLAGGED = np.dtype([("key_id", "<u8"), ("flags", "u1")])
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


def save_fingerprints(prints: Fingerprints, path: Path) -> None:
    """Write fingerprints to a file."""
    with atomic_write(path, sync=False) as file:
        np.save(file, prints)


@dataclass(frozen=True, slots=True)
class FingerprintRange:
    """One of `count` ranges of fingerprints."""

    index: int
    count: int

    def select(self, prints: Fingerprints) -> Fingerprints:
        """Return the fingerprints that are in the range."""
        # duplicates have the same shape and word; the product spreads them over the ranges
        mixed = (prints["shape"] ^ prints["word"]) * _MULTIPLIER >> np.uint64(32)
        selected: Fingerprints = prints[mixed % np.uint64(self.count) == self.index]
        return selected


def split_into_ranges(drawings: int) -> list[FingerprintRange]:
    """Return the ranges for so many drawings."""
    count = max(-(-drawings // _DRAWINGS_PER_RANGE), 1)
    return [FingerprintRange(index, count) for index in range(count)]


def find_duplicates_in(
    part: FingerprintRange, *, fingerprint_files: Sequence[Path], workdir: WorkDir
) -> None:
    """Write the duplicates of a range of fingerprints, unless that is done."""
    path = workdir.duplicates(part.index)
    if path.exists():
        return

    selected = [part.select(np.load(file)) for file in fingerprint_files]

    # a structured array: the next step can sort both columns at once
    key_id, flags = find_duplicates(np.concatenate(selected))
    flagged = np.empty(len(key_id), _FLAGGED)
    flagged["key_id"], flagged["flags"] = key_id, flags
    with atomic_write(path, sync=False) as file:
        np.save(file, flagged)


def join_duplicates(parts: Sequence[FingerprintRange], workdir: WorkDir) -> "DuplicateIds":
    """Join the duplicates of all ranges in one file, sorted by key_id."""
    path = workdir.duplicates()
    if not path.exists():
        flagged = np.concatenate([np.load(workdir.duplicates(part.index)) for part in parts])
        with atomic_write(path, sync=False) as file:
            # sorted, so that workers find key_ids by binary search in the mapped file
            np.save(file, flagged[np.argsort(flagged["key_id"])])
    return DuplicateIds(path)


@dataclass(frozen=True, slots=True)
class DuplicateIds:
    """The key_ids of duplicates, in a sorted file that all workers map into memory."""

    path: Path

    def flags(self, key_id: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint8]:
        """Return the duplicate flags of drawings, uint8, shape (drawings,)."""
        flagged = np.load(self.path, mmap_mode="r")
        flags = np.zeros(len(key_id), np.uint8)
        if not len(flagged):
            return flags

        # a key_id after the last one would be found one row past the end
        row = np.minimum(np.searchsorted(flagged["key_id"], key_id), len(flagged) - 1)
        same = flagged["key_id"][row] == key_id
        flags[same] = flagged["flags"][row[same]]
        return flags

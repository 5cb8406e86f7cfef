"""Assign splits: by the hash of the key_id, by the position in the file, or by a list of key_ids.

The hash is the default, because a split by it never changes. The other rules make numbers
comparable with papers, which say "the first 70,000 of a file" or publish lists. All of them look at
one drawing alone, so splits depend neither on workers nor on how files are divided into chunks.
"""

import functools
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from quickdraw_kit.acquire.sources import Source
from quickdraw_kit.errors import DataError, UsageError
from quickdraw_kit.formats.record_batch import RecordBatch
from quickdraw_kit.shards.keyed_hashes import SPLITS, split_by_hash
from quickdraw_kit.shards.options import PrepareOptions
from quickdraw_kit.storage.files import atomic_write, parse_json
from quickdraw_kit.storage.hashing import sha256_file

NO_SPLIT = 255
"""Code of drawings that are in no split and left out."""

_Columns: TypeAlias = tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint8]]

_ALIASES = {"valid": "validation", "val": "validation", "dev": "validation"}
_FILE_NAMES = ("split-ids.npy", "split-of-ids.npy")
_BLOCK_BYTES = 4 << 20


@dataclass(frozen=True, slots=True, eq=False)
class SplitIds:
    """A list of key_ids with the split of each, sorted by key_id."""

    key_id: npt.NDArray[np.uint64]
    split: npt.NDArray[np.uint8]
    sha256: str  # of the file

    def save(self, folder: Path) -> None:
        """Write the list for `assign_splits`, which maps it into memory in every worker."""
        columns: list[npt.NDArray[Any]] = [self.key_id, self.split]
        for name, column in zip(_FILE_NAMES, columns, strict=True):
            with atomic_write(folder / name, sync=False) as file:
                np.save(file, column, allow_pickle=False)


def read_split_ids(path: Path) -> SplitIds:
    """Read a list of key_ids: CSV with key_id and split, or JSON with a list for each split."""
    readers = {".csv": _read_csv, ".json": _read_json}
    if path.suffix not in readers:
        raise UsageError(f"{path}: expected a list of key_ids that ends in .csv or .json")
    if not path.is_file():
        raise UsageError(f"{path} does not exist")
    key_id, split = readers[path.suffix](path)

    # a line may be repeated, but not with another split
    order = np.lexsort((split, key_id))
    key_id, split = key_id[order], split[order]
    is_repeated = key_id[1:] == key_id[:-1]
    conflicts = is_repeated & (split[1:] != split[:-1])
    if conflicts.any():
        row = int(conflicts.argmax())
        raise DataError(
            f"{path}: key_id {key_id[row]} is in {SPLITS[split[row]]} and in "
            f"{SPLITS[split[row + 1]]}, expected one split for each"
        )

    is_first = np.concatenate([[True], ~is_repeated]) if len(key_id) else np.zeros(0, np.bool_)
    return SplitIds(key_id[is_first], split[is_first], sha256_file(path))


def assign_splits(
    source: Source, records: RecordBatch, options: PrepareOptions, folder: Path
) -> npt.NDArray[np.uint8]:
    """Return the split of each drawing, or `NO_SPLIT`; `folder` has the list of key_ids."""
    match options.split_rule.by:
        case "sketch-rnn":
            return _by_position(source, records, options.split_rule.sizes)
        case "ids":
            return _by_list(records, options.split_rule.unlisted, folder)
        case _:
            return _by_hash(source, records, options)


def _by_hash(
    source: Source, records: RecordBatch, options: PrepareOptions
) -> npt.NDArray[np.uint8]:
    fractions = options.fractions
    if not source.format.has_own_labels or records.split is None:
        return split_by_hash(records.batch.key_id, fractions, options.salt)

    # the test set of MNIST stays as it is, and so does a validation set that a file has
    listed = records.split
    is_train = listed == SPLITS.index("train")
    if not is_train.any():
        return listed
    # the training set is divided in the proportions of the other splits
    rest = 1 - fractions["test"]
    if rest == 0:
        raise DataError(
            f"{source.path} is the training half, and all drawings should go to the test split"
        )
    fractions = {**{name: fractions[name] / rest for name in SPLITS}, "test": 0.0}
    return np.where(is_train, split_by_hash(records.batch.key_id, fractions, options.salt), listed)


def _by_position(
    source: Source, records: RecordBatch, sizes: tuple[int, int, int]
) -> npt.NDArray[np.uint8]:
    if source.format.has_own_labels:
        raise UsageError(f"{source.path} is not a file of one category: split it by a hash")
    if records.split is not None:  # the split that the papers use
        return records.split
    codes = np.unique(records.batch.word_code)
    if len(codes) > 1:
        names = ", ".join(str(records.batch.words[code]) for code in codes[:5])
        raise UsageError(
            f"{source.path} has several categories ({names}), and positions are those in a file "
            "of one category: give one file for each, or split by a hash"
        )

    # a position counts rows, or in text files the bytes up to the first byte of a line
    ends = tuple(itertools.accumulate(sizes))
    if source.format.position == "line":
        ends = line_starts(source, tuple(end + source.format.header_lines for end in ends))
    split = np.searchsorted(np.array(ends, np.int64), records.position, side="right")
    return np.where(split < len(SPLITS), split, NO_SPLIT).astype(np.uint8)


# each chunk of a source asks for the same lines; a source with other content has another mtime
@functools.lru_cache(maxsize=8)
def line_starts(
    source: Source, lines: tuple[int, ...], *, block_bytes: int = _BLOCK_BYTES
) -> tuple[int, ...]:
    """Return where lines start, numbered from 0; past the end, the largest int64."""
    starts: list[int] = []
    offset = lines_before = 0  # bytes and lines before the block
    with source.format.open_text(source.path) as file:
        while len(starts) < len(lines) and (block := file.read(block_bytes)):
            ends = np.flatnonzero(np.frombuffer(block, np.uint8) == ord("\n"))
            while len(starts) < len(lines) and lines[len(starts)] <= lines_before + len(ends):
                end = int(ends[lines[len(starts)] - lines_before - 1])
                starts.append(offset + end + 1)
            offset, lines_before = offset + len(block), lines_before + len(ends)
    past_end = int(np.iinfo(np.int64).max)
    return (*starts, *[past_end] * (len(lines) - len(starts)))


def _by_list(records: RecordBatch, unlisted: str, folder: Path) -> npt.NDArray[np.uint8]:
    listed, splits = (np.load(folder / name, mmap_mode="r") for name in _FILE_NAMES)
    default = NO_SPLIT if unlisted == "filter" else SPLITS.index(unlisted)
    key_id = records.batch.key_id
    if not len(listed):
        return np.full(len(key_id), default, np.uint8)
    # the list is sorted; past its end, compare with the last entry, which differs
    position = np.minimum(np.searchsorted(listed, key_id), len(listed) - 1)
    return np.where(listed[position] == key_id, splits[position], default).astype(np.uint8)


def _read_csv(path: Path) -> _Columns:
    import pyarrow as pa
    from pyarrow import csv

    names = ["key_id", "split"]
    options = csv.ConvertOptions(
        column_types={"key_id": pa.uint64(), "split": pa.string()}, include_columns=names
    )
    try:
        table = csv.read_csv(path, convert_options=options)
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        raise DataError(
            f"{path}: {error}. Expected a header with key_id and split, then lines with a number "
            f"and one of {', '.join(SPLITS)}"
        ) from error
    if table["key_id"].null_count:
        raise DataError(f"{path}: a line has no key_id")

    # check each name once, not each line
    names_of_splits = table["split"].dictionary_encode().combine_chunks()
    codes = [_split_code(name, path) for name in names_of_splits.dictionary.to_pylist()]
    return table["key_id"].to_numpy(), np.array(codes, np.uint8)[names_of_splits.indices.to_numpy()]


def _read_json(path: Path) -> _Columns:
    try:
        document = parse_json(path.read_bytes())
    except ValueError as error:
        raise DataError(f"{path} is not JSON: {error}") from error
    if not isinstance(document, dict) or not all(isinstance(v, list) for v in document.values()):
        raise DataError(f'{path}: expected a list for each split: {{"train": [...], ...}}')

    columns = [(np.zeros(0, np.uint64), np.zeros(0, np.uint8))]  # there may be no list at all
    for name, ids in document.items():
        code = _split_code(name, path)
        if invalid := [value for value in ids if not _is_key_id(value)]:
            raise DataError(f"{path}: {invalid[0]!r} in {name} is not a key_id")
        key_id = np.array([int(value) for value in ids], np.uint64)
        columns.append((key_id, np.full(len(ids), code, np.uint8)))
    key_ids, splits = zip(*columns, strict=True)
    return np.concatenate(key_ids), np.concatenate(splits)


def _is_key_id(value: object) -> bool:
    if isinstance(value, str):  # JavaScript cannot write all 64 bits as a number
        # 2**64 has 20 digits; int() raises on texts of more than 4,300
        return value.isascii() and value.isdigit() and len(value) <= 20 and int(value) < 1 << 64
    # true and false are integers in Python
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 64


def _split_code(name: str | None, path: Path) -> int:
    split = _ALIASES.get(str(name).lower(), str(name).lower())
    if split not in SPLITS:
        raise DataError(f"{path}: unknown split {name!r}, expected one of {', '.join(SPLITS)}")
    return SPLITS.index(split)

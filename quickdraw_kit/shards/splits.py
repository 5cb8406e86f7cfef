"""Into which split a drawing goes: by the hash of its key_id, by its position, or by a list.

The hash is the default, because a split by it never moves. The other two are there so that numbers
compare with papers, which say "the first 70,000 of a file" or give lists. All three look at one
drawing alone, so the split depends neither on workers nor on how files are cut.
"""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from quickdraw_kit.acquire.sources import Source
from quickdraw_kit.errors import DataError, UsageError
from quickdraw_kit.formats.record_batch import RecordBatch
from quickdraw_kit.shards.hashes import SPLITS, split_by_hash
from quickdraw_kit.shards.options import PrepareOptions
from quickdraw_kit.storage.files import atomic_write, open_decompressed, parse_json
from quickdraw_kit.storage.hashing import sha256_file

__all__ = ["NO_SPLIT", "SplitIds", "assign_splits", "read_split_ids"]

NO_SPLIT = 255
"""Stands for no split at all: the drawing is left out."""

_SKETCH_RNN: tuple[int, ...] = (70_000, 72_500, 75_000)
_ALIASES = {"valid": "validation", "val": "validation", "dev": "validation"}
_BLOCK = 4 << 20
_NAMES = ("split-ids.npy", "split-of-ids.npy")


@dataclass(frozen=True, slots=True, eq=False)
class SplitIds:
    """Which key_id is in which split."""

    key_id: npt.NDArray[np.uint64]
    split: npt.NDArray[np.uint8]
    sha256: str

    def save(self, folder: Path) -> None:
        """Write them where `assign_splits` finds them, mapped by every worker."""
        columns: list[npt.NDArray[Any]] = [self.key_id, self.split]
        for name, column in zip(_NAMES, columns, strict=True):
            with atomic_write(folder / name, sync=False) as file:
                np.save(file, column, allow_pickle=False)


def read_split_ids(path: Path) -> SplitIds:
    r"""Read which key_id is in which split."""
    readers = {".csv": _from_csv, ".json": _from_json}
    if path.suffix not in readers:
        raise UsageError(f"{path}: expected a list of key_ids that ends in .csv or .json")
    if not path.is_file():
        raise UsageError(f"{path} does not exist")
    key_id, split = readers[path.suffix](path)
    order = np.lexsort((split, key_id))
    key_id, split = key_id[order], split[order]
    again = key_id[1:] == key_id[:-1]
    twice = again & (split[1:] != split[:-1])
    if twice.any():
        row = int(twice.argmax())
        raise DataError(
            f"{path}: key_id {key_id[row]} is in {SPLITS[split[row]]} and in "
            f"{SPLITS[split[row + 1]]}, expected one split each"
        )
    first = np.concatenate([[True], ~again]) if len(key_id) else np.zeros(0, np.bool_)
    return SplitIds(key_id[first], split[first], sha256_file(path))


def assign_splits(
    source: Source, records: RecordBatch, options: PrepareOptions, folder: Path
) -> npt.NDArray[np.uint8]:
    """Give each drawing its split."""
    match options.split_rule.by:
        case "sketch-rnn":
            return _by_position(source, records)
        case "ids":
            return _by_ids(records, options.split_rule.unlisted, folder)
        case _:
            return _by_hash(source, records, options)


def _by_hash(
    source: Source, records: RecordBatch, options: PrepareOptions
) -> npt.NDArray[np.uint8]:
    fractions = options.fractions
    if source.format.split_from_name is not None:  # MNIST has a test set of its own
        if source.format.split_from_name(source.word) == "test":
            return np.full(len(records.batch), SPLITS.index("test"), np.uint8)
        rest = 1 - fractions["test"]
        if rest == 0:
            raise DataError(f"{source.path} is the training half, and only a test split is asked")
        fractions = {**{name: fractions[name] / rest for name in SPLITS}, "test": 0.0}
    return split_by_hash(records.batch.key_id, fractions, options.salt)


def _by_position(source: Source, records: RecordBatch) -> npt.NDArray[np.uint8]:
    if records.split is not None:  # the very split of the papers
        return records.split
    if source.format.split_from_name is not None:
        raise UsageError(f"{source.path} is no file of one category: split it by a hash")
    codes = np.unique(records.batch.word_code)
    if len(codes) > 1:
        names = ", ".join(records.batch.words[code] for code in codes[:5])
        raise UsageError(
            f"{source.path} holds several categories ({names}), and positions are those in the "
            "file of one: give a file for each, or split by a hash"
        )
    ends = _SKETCH_RNN
    if source.format.position == "line":
        header = source.format.header_lines
        ends = _line_starts(source, tuple(end + header for end in _SKETCH_RNN))
    split = np.searchsorted(np.array(ends, np.int64), records.position, side="right")
    return np.where(split < len(SPLITS), split, NO_SPLIT).astype(np.uint8)


@functools.lru_cache(maxsize=8)
def _line_starts(source: Source, lines: tuple[int, ...]) -> tuple[int, ...]:
    """Return where some lines of a source start, numbered from 0; past the end, a large number."""
    starts: list[int] = []
    offset = passed = 0  # bytes and lines before the block
    with open_decompressed(source.path) as file:
        while len(starts) < len(lines) and (block := file.read(_BLOCK)):
            ends = np.flatnonzero(np.frombuffer(block, np.uint8) == 10)
            while len(starts) < len(lines) and lines[len(starts)] <= passed + len(ends):
                starts.append(offset + int(ends[lines[len(starts)] - passed - 1]) + 1)
            offset, passed = offset + len(block), passed + len(ends)
    beyond = np.iinfo(np.int64).max
    return (*starts, *[int(beyond)] * (len(lines) - len(starts)))


def _by_ids(records: RecordBatch, unlisted: str, folder: Path) -> npt.NDArray[np.uint8]:
    listed, splits = (np.load(folder / name, mmap_mode="r") for name in _NAMES)
    rest = NO_SPLIT if unlisted == "filter" else SPLITS.index(unlisted)
    key_id = records.batch.key_id
    if not len(listed):
        return np.full(len(key_id), rest, np.uint8)
    place = np.minimum(np.searchsorted(listed, key_id), len(listed) - 1)
    return np.where(listed[place] == key_id, splits[place], rest).astype(np.uint8)


def _from_csv(path: Path) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint8]]:
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
            f"{path}: {error}. Expected a header with key_id and split, and below it numbers and "
            f"{', '.join(SPLITS)}"
        ) from error
    if table["key_id"].null_count:
        raise DataError(f"{path}: a line has no key_id")
    words = table["split"].dictionary_encode().combine_chunks()
    code = np.array([_split_code(word, path) for word in words.dictionary.to_pylist()], np.uint8)
    return table["key_id"].to_numpy(), code[words.indices.to_numpy()]


def _from_json(path: Path) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint8]]:
    try:
        document = parse_json(path.read_bytes())
    except ValueError as error:
        raise DataError(f"{path} is not JSON: {error}") from error
    if not isinstance(document, dict) or not all(isinstance(v, list) for v in document.values()):
        raise DataError(f'{path}: expected a list for each split: {{"train": [...], ...}}')
    columns = []
    for name, ids in document.items():
        code = _split_code(name, path)
        wrong = next((each for each in ids if not _is_key_id(each)), None)
        if wrong is not None:
            raise DataError(f"{path}: {wrong!r} in {name} is no key_id")
        key_id = np.array([int(each) for each in ids], np.uint64)
        columns.append((key_id, np.full(len(ids), code, np.uint8)))
    none = (np.zeros(0, np.uint64), np.zeros(0, np.uint8))
    key_ids, splits = zip(none, *columns, strict=True)
    return np.concatenate(key_ids), np.concatenate(splits)


def _is_key_id(value: object) -> bool:
    if isinstance(value, str):
        return value.isascii() and value.isdigit() and len(value) <= 20 and int(value) < 1 << 64
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 64


def _split_code(name: str | None, path: Path) -> int:
    split = _ALIASES.get(str(name).lower(), str(name).lower())
    if split not in SPLITS:
        raise DataError(f"{path}: unknown split {name!r}, expected {', '.join(SPLITS)}")
    return SPLITS.index(split)

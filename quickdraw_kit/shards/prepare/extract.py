"""First pass: a unit is read, filtered, given its splits and set down as sorted runs."""

import dataclasses
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from quickdraw_kit.acquire.sources import Source
from quickdraw_kit.categories import CATEGORIES, nearest_categories
from quickdraw_kit.errors import UsageError
from quickdraw_kit.executors import check_visible
from quickdraw_kit.formats.ndjson.files import Reject
from quickdraw_kit.raster.render import rasterize
from quickdraw_kit.raster.style import RasterStyle
from quickdraw_kit.shards.filters import Filters
from quickdraw_kit.shards.hashes import SPLITS, sampling_hash
from quickdraw_kit.shards.options import PrepareOptions
from quickdraw_kit.shards.prepare.chunks import Chunk
from quickdraw_kit.shards.prepare.duplicates import save_prints
from quickdraw_kit.shards.prepare.record_batches import RecordBatch, read_chunk
from quickdraw_kit.shards.prepare.spill import distinct_rank, write_run
from quickdraw_kit.shards.quality import fingerprints, quality_flags
from quickdraw_kit.shards.rejects import RejectEntry
from quickdraw_kit.shards.splits import NO_SPLIT, assign_splits
from quickdraw_kit.storage.files import atomic_write

__all__ = ["Collected", "collect_unit"]

_RUN_BYTES = 48 << 20


@dataclass(frozen=True, slots=True)
class Collected:
    """What became of a unit."""

    read: int
    splits: tuple[int, ...]
    filtered: dict[str, int]
    words: tuple[str, ...]
    runs: tuple[str, ...]
    bad: tuple[RejectEntry, ...]
    prints: tuple[str, ...] = ()

    def save(self, path: Path) -> None:
        """Write the outcome; with it the unit is done."""
        with atomic_write(path, sync=False) as file:
            file.write(json.dumps(dataclasses.asdict(self)).encode())

    @classmethod
    def load(cls, path: Path) -> "Collected":
        """Read what `save` wrote."""
        document: dict[str, Any] = json.loads(path.read_bytes())
        for name in ("splits", "words", "runs", "prints"):
            document[name] = tuple(document[name])
        document["bad"] = tuple(RejectEntry(**entry) for entry in document["bad"])
        return cls(**document)


def collect_unit(
    source: Source,
    unit: Chunk,
    *,
    raw: bool,
    filters: Filters,
    options: PrepareOptions,
    folder: Path,
) -> int:
    """Read a unit and set its drawings down as runs; when that is done already, do nothing."""
    check_visible(folder)
    outcome = folder / f"{unit.number:05d}.json"
    if outcome.exists():
        return Collected.load(outcome).read
    source.check_unchanged()
    bad: list[RejectEntry] = []
    runs: list[str] = []
    prints: list[str] = []
    words: set[str] = set()
    filtered: Counter[str] = Counter()
    splits = np.zeros(len(SPLITS), np.int64)
    read = 0

    def refuse(reject: Reject) -> None:
        bad.append(RejectEntry(reject.offset, "malformed", reject.reason))

    held: list[RecordBatch] = []

    def set_down() -> None:
        records = RecordBatch.concat(held)
        held.clear()
        split = assign_splits(source, records, options, folder)
        if (outside := split == NO_SPLIT).any():
            filtered["split"] += int(np.count_nonzero(outside))
            records, split = records.filter(~outside), split[~outside]
        flags = None
        if options.quality:
            images = records.images
            if images is None:
                images = rasterize(records.batch, options.style)
            flags = quality_flags(records.batch, images)
            keep, left_out = filters.keep_unflagged(flags)
            filtered.update(left_out)
            records, split, flags = records.filter(keep), split[keep], flags[keep]
            prints.append(f"{unit.number:05d}-{len(prints):03d}.prints.npy")
            save_prints(fingerprints(records.batch, images[keep]), folder / prints[-1])
        # which drawings are within the limit is known after the duplicates among all are
        if filters.max_per_category is not None and not filters.excludes_duplicates:
            lot = sampling_hash(records.batch.key_id, options.salt)
            within = distinct_rank(records.batch.word_code, lot) < filters.max_per_category
            filtered["limit"] += len(within) - int(np.count_nonzero(within))
            records, split = records.filter(within), split[within]
            flags = None if flags is None else flags[within]
        if not len(records.batch):
            return
        words.update(records.batch.words[code] for code in np.unique(records.batch.word_code))
        runs.append(f"{unit.number:05d}-{len(runs):03d}.arrow")
        splits[:] += write_run(folder / runs[-1], records, split, options.salt, flags)

    for records in read_chunk(source, unit, raw=raw, on_reject=refuse):
        read += len(records.batch)
        _check_side(source, records, options.style)
        if not filters.allow_unknown_labels and records.images is None:
            records = _refuse_unknown_words(records, bad)
        keep, left_out = filters.keep(records.batch)
        filtered.update(left_out)
        records = records.filter(keep)
        if len(records.batch):
            held.append(records)
        if sum(kept.nbytes for kept in held) > _RUN_BYTES:
            set_down()
    if held:
        set_down()
    source.check_unchanged()
    bad.sort(key=lambda line: line.offset)
    malformed = sum(line.kind == "malformed" for line in bad)
    Collected(
        read=read + malformed,
        splits=tuple(splits.tolist()),
        filtered=dict(+filtered),
        words=tuple(sorted(words)),
        runs=tuple(runs),
        bad=tuple(bad),
        prints=tuple(prints),
    ).save(outcome)
    return read + malformed


def _check_side(source: Source, records: RecordBatch, style: RasterStyle) -> None:
    if records.images is None:
        return
    if style != RasterStyle(side=style.side):
        raise UsageError(
            f"{source.path} holds bitmaps, which cannot be drawn again with another pen or margin: "
            "leave line_diameter and padding as they are, or give strokes"
        )
    side = records.images.shape[-1]
    if records.images.shape[1:] != (style.side, style.side):
        raise UsageError(
            f"{source.path} holds bitmaps of side {side}, and the shards are to have side "
            f"{style.side}: set the side to {side}, or give strokes"
        )


def _refuse_unknown_words(records: RecordBatch, bad: list[RejectEntry]) -> RecordBatch:
    batch = records.batch
    unknown = np.array([word not in _OFFICIAL for word in batch.words], np.bool_)
    refused = unknown[batch.word_code]
    if not refused.any():
        return records
    reasons = {code: _why_unknown(batch.words[code]) for code in np.flatnonzero(unknown)}
    for row in np.flatnonzero(refused):
        reason = reasons[batch.word_code[row]]
        bad.append(RejectEntry(int(records.offset[row]), "unknown word", reason))
    return records.filter(~refused)


def _why_unknown(word: str) -> str:
    near = nearest_categories(word)[:1]
    hint = f", nearest is {near[0]!r}" if near else ""
    return f"word {word!r} is not one of the 345 categories{hint}"


_OFFICIAL = frozenset(CATEGORIES)

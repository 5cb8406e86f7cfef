"""Extract stage, in a worker: a chunk is read, filtered, split and written as sorted spill files.

The result of a chunk is written last. Where it exists, the chunk is done; where it does not, a
worker writes the same files again, under the same names.
"""

import dataclasses
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from quickdraw_kit.acquire.sources import Source
from quickdraw_kit.categories import CATEGORIES, nearest_categories
from quickdraw_kit.errors import UsageError
from quickdraw_kit.executors import check_visible
from quickdraw_kit.formats.ndjson.scanner import Reject
from quickdraw_kit.formats.record_batch import RecordBatch
from quickdraw_kit.raster.render import rasterize
from quickdraw_kit.raster.style import RasterStyle
from quickdraw_kit.shards.filters import Filters
from quickdraw_kit.shards.keyed_hashes import SPLITS, sampling_hash
from quickdraw_kit.shards.options import PrepareOptions
from quickdraw_kit.shards.prepare.duplicates import save_fingerprints
from quickdraw_kit.shards.prepare.plan import Chunk
from quickdraw_kit.shards.prepare.spill import distinct_rank, write_spill_file
from quickdraw_kit.shards.prepare.workdir import WorkDir
from quickdraw_kit.shards.quality import fingerprints, quality_flags
from quickdraw_kit.shards.rejects import RejectEntry
from quickdraw_kit.shards.splits import NO_SPLIT, assign_splits
from quickdraw_kit.storage.files import atomic_write

_SPILL_BYTES = 48 << 20  # of drawings in memory before they are written
UNKNOWN_WORD = "unknown word"
"""Kind of rejects whose word is not one of the 345 categories."""

_OFFICIAL = frozenset(CATEGORIES)


@dataclass(frozen=True, slots=True)
class ChunkTask:
    """A chunk to extract."""

    source: Source
    chunk: Chunk
    raw: bool  # of an ndjson source; its first line decides, and not that of the chunk


@dataclass(frozen=True, slots=True)
class ChecksumTask:
    """A source to compute the checksum of."""

    source: Source
    number: int


@dataclass(frozen=True, slots=True)
class ExtractResult:
    """What came of a chunk."""

    read: int  # drawings, with the rejected ones
    splits: tuple[int, ...]  # drawings written for each split
    filtered: dict[str, int]
    words: tuple[str, ...]
    spill_files: tuple[str, ...]  # names
    fingerprints: tuple[str, ...]  # names
    rejects: tuple[RejectEntry, ...]
    dropped: dict[str, int]  # values that could not be read, by field

    def save(self, path: Path) -> None:
        """Write the result, with which the chunk is done."""
        with atomic_write(path, sync=False) as file:
            file.write(json.dumps(dataclasses.asdict(self)).encode())

    @classmethod
    def load(cls, path: Path) -> "ExtractResult":
        """Read what `save` wrote."""
        document: dict[str, Any] = json.loads(path.read_bytes())
        for name in ("splits", "words", "spill_files", "fingerprints"):
            document[name] = tuple(document[name])
        document["rejects"] = tuple(RejectEntry(**entry) for entry in document["rejects"])
        return cls(**document)


def run_task(
    filters: Filters, options: PrepareOptions, workdir: WorkDir, task: ChunkTask | ChecksumTask
) -> int:
    """Run a task of the extract stage, unless it is done; return the number of drawings read."""
    check_visible(workdir.extract)
    if isinstance(task, ChunkTask):
        return _extract_chunk(filters, options, workdir, task)

    path = workdir.source_checksum(task.number)
    if not path.exists():
        checksum = task.source.sha256()
        # the chunks were checked too: what was read is what the checksum is of
        task.source.check_unchanged()
        with atomic_write(path, sync=False) as file:
            file.write(checksum.encode())
    return 0


def _extract_chunk(
    filters: Filters, options: PrepareOptions, workdir: WorkDir, task: ChunkTask
) -> int:
    result_path = workdir.chunk_result(task.chunk)
    if result_path.exists():
        return ExtractResult.load(result_path).read

    source = task.source
    source.check_unchanged()
    extraction = _Extraction(filters, options, workdir, task)
    batches = source.read_record_batches(
        task.chunk.start, task.chunk.stop, raw=task.raw, on_reject=extraction.reject
    )
    for records in batches:
        extraction.add(records)
    extraction.spill()
    # a change while it was read is found here; the result is not written then
    source.check_unchanged()

    result = extraction.result()
    result.save(result_path)
    return result.read


@dataclass(slots=True)
class _Extraction:
    """The drawings of a chunk on their way into spill files, and the counts."""

    filters: Filters
    options: PrepareOptions
    workdir: WorkDir
    task: ChunkTask

    pending: list[RecordBatch] = field(default_factory=list)  # filtered, not written yet
    read: int = 0  # without malformed lines
    filtered: Counter[str] = field(default_factory=Counter)
    rejects: list[RejectEntry] = field(default_factory=list)
    words: set[str] = field(default_factory=set)
    splits: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(SPLITS), np.int64))
    spill_files: list[str] = field(default_factory=list)
    fingerprints: list[str] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)

    def reject(self, reject: Reject) -> None:
        """Take a line that the reader cannot parse."""
        self.rejects.append(RejectEntry(reject.offset, "malformed", reject.reason))

    def add(self, records: RecordBatch) -> None:
        """Filter a record batch, and write a spill file when enough drawings are in memory."""
        self.read += len(records.batch)
        self.dropped.update(records.dropped)
        _check_images(self.task.source, records, self.options.style)
        if not self.task.source.format.has_own_labels:
            records = self._reject_unknown_words(records)

        # filtered before they wait in memory: few may be left
        keep, filtered = self.filters.keep(records.batch)
        self.filtered.update(filtered)
        records = records.filter(keep)
        if len(records.batch):
            self.pending.append(records)
        if sum(records.nbytes for records in self.pending) > _SPILL_BYTES:
            self.spill()

    def spill(self) -> None:
        """Assign splits to the drawings in memory and write them as a spill file."""
        if not self.pending:
            return
        filters, options = self.filters, self.options
        records = RecordBatch.concat(self.pending)
        self.pending.clear()

        # splits first: what is in no split needs no rendering
        split = assign_splits(self.task.source, records, options, self.workdir.extract)
        in_split = split != NO_SPLIT
        self._count_filtered("split", in_split)
        records, split = records.filter(in_split), split[in_split]

        flags = None
        if options.quality:
            records, split, flags = self._flag(records, split)

        # A first cut, so that spill files are small: what is not among the first drawings of its
        # category here cannot be among the first of all. It must wait for the merge stage when
        # duplicates are excluded, since one that goes makes room for another drawing.
        if filters.max_per_category is not None and not filters.excludes_duplicates:
            hashes = sampling_hash(records.batch.key_id, options.salt)
            rank = distinct_rank(records.batch.word_code, hashes)
            sampled = rank < filters.max_per_category
            self._count_filtered("limit", sampled)
            records, split = records.filter(sampled), split[sampled]
            flags = None if flags is None else flags[sampled]

        if not len(records.batch):
            return
        batch = records.batch
        # of all words that occur, none is unknown: such drawings were rejected
        self.words.update(filter(None, (batch.words[code] for code in np.unique(batch.word_code))))
        path = self.workdir.spill_file(self.task.chunk, len(self.spill_files))
        self.splits += write_spill_file(path, records, split, options.salt, flags)
        self.spill_files.append(path.name)

    def result(self) -> ExtractResult:
        """Return the result of the chunk, after the last `spill`."""
        malformed = sum(reject.kind == "malformed" for reject in self.rejects)
        return ExtractResult(
            read=self.read + malformed,
            splits=tuple(self.splits.tolist()),
            filtered=dict(+self.filtered),
            words=tuple(sorted(self.words)),
            spill_files=tuple(self.spill_files),
            fingerprints=tuple(self.fingerprints),
            rejects=tuple(sorted(self.rejects, key=lambda reject: reject.offset)),
            dropped=dict(self.dropped),
        )

    def _flag(
        self, records: RecordBatch, split: npt.NDArray[np.uint8]
    ) -> tuple[RecordBatch, npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        """Compute quality flags, drop excluded drawings, and write the fingerprints of the rest."""
        images = records.images
        if images is None:
            images = rasterize(records.batch, self.options.style)
        flags = quality_flags(records.batch, images)
        keep, filtered = self.filters.keep_unflagged(flags)
        self.filtered.update(filtered)
        records, split, flags = records.filter(keep), split[keep], flags[keep]

        # excluded drawings leave no fingerprint: none is the original of a duplicate
        path = self.workdir.fingerprints(self.task.chunk, len(self.fingerprints))
        save_fingerprints(fingerprints(records.batch, images[keep]), path)
        self.fingerprints.append(path.name)
        return records, split, flags

    def _reject_unknown_words(self, records: RecordBatch) -> RecordBatch:
        """Reject drawings without a word, and with one that is not a category unless allowed."""
        batch = records.batch
        accepts_all = self.filters.allow_unknown_labels
        unknown = np.array(
            [word is None or not (accepts_all or word in _OFFICIAL) for word in batch.words],
            np.bool_,
        )
        rejected = unknown[batch.word_code]
        if not rejected.any():
            return records

        # one search for the nearest category for each word, and not for each drawing
        reasons = {code: _why_unknown(batch.words[code]) for code in np.flatnonzero(unknown)}
        for row in np.flatnonzero(rejected):
            reason = reasons[batch.word_code[row]]
            self.rejects.append(RejectEntry(int(records.position[row]), UNKNOWN_WORD, reason))
        return records.filter(~rejected)

    def _count_filtered(self, name: str, kept: npt.NDArray[np.bool_]) -> None:
        self.filtered[name] += len(kept) - int(np.count_nonzero(kept))


def _check_images(source: Source, records: RecordBatch, style: RasterStyle) -> None:
    """Raise when bitmaps do not have the side or pen that the shards should have."""
    if records.images is None:
        return
    if style != RasterStyle(side=style.side):
        raise UsageError(
            f"{source.path} holds bitmaps, which cannot be rendered again with another pen or "
            "margin: leave line_diameter and padding as they are, or use a source with strokes"
        )
    side = records.images.shape[-1]
    if records.images.shape[1:] != (style.side, style.side):
        raise UsageError(
            f"{source.path} holds bitmaps of side {side}, and the shards should have side "
            f"{style.side}: set the side to {side}, or use a source with strokes"
        )


def _why_unknown(word: str | None) -> str:
    if word is None:
        return "the drawing has no word, and its file is not named after one of the 345 categories"
    near = nearest_categories(word)[:1]
    hint = f", nearest is {near[0]!r}" if near else ""
    return f"word {word!r} is not one of the 345 categories{hint}"

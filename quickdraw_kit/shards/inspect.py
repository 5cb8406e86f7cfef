"""`inspect`: what sources of drawings contain, before anything is made of them."""

import contextlib
import os
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from quickdraw_kit.acquire.download import fetching
from quickdraw_kit.acquire.remote_sources import resolve_url
from quickdraw_kit.acquire.results import DownloadError, DownloadReport
from quickdraw_kit.acquire.sources import Source, resolve_sources
from quickdraw_kit.categories import label_order
from quickdraw_kit.formats.ndjson.scanner import Reject
from quickdraw_kit.formats.record_batch import RecordBatch
from quickdraw_kit.raster.render import rasterize
from quickdraw_kit.shards.quality import (
    QUALITY_FLAGS,
    find_duplicates,
    fingerprints,
    quality_flags,
)

_Images: TypeAlias = npt.NDArray[np.uint8]
_ProgressCallback: TypeAlias = Callable[[int, int, int], None]

UNKNOWN = "unknown"  # in place of a word or a country

_QUANTILES = (0, 5, 25, 50, 75, 95, 100)
_MAX_REASONS = 20  # more are counted together: a file may have a reason for every line
_VALUE = re.compile(
    r'"(?:[^"\\]|\\.)*"|\b0x[0-9a-f]+\b|(?<![\w.])-?\d[\d,]*(?:\.\d+)?(?:[eE][+-]?\d+)?\b'
)
_DUPLICATE_FLAGS = ("duplicate", "near-duplicate")


@dataclass(frozen=True, slots=True)
class Distribution:
    """How a count is distributed over the drawings."""

    mean: float
    quantiles: dict[int, int]  # by percent; empty if there are no drawings

    @classmethod
    def of(cls, counts: dict[int, int]) -> "Distribution":
        """Summarize how often each value occurs."""
        values = np.array(sorted(counts), np.int64)
        if len(values) == 0:
            return cls(0.0, {})
        times = np.array([counts[value] for value in values.tolist()], np.int64)
        cumulative = np.cumsum(times)

        # ranks count from 0: the value at a rank is the first whose cumulative count is larger
        ranks = np.array(_QUANTILES) / 100 * (cumulative[-1] - 1)
        indices = np.searchsorted(cumulative, np.floor(ranks) + 1)
        quantiles = dict(zip(_QUANTILES, values[indices].tolist(), strict=True))
        return cls(float((values * times).sum() / cumulative[-1]), quantiles)


@dataclass(slots=True)
class Inspection:
    """The result of `inspect`.

    Parameters
    ----------
    sources : list of str
        Names of the sources.
    formats : list of str
        Their formats; of ndjson the variant, raw or simplified.
    bytes : int
        Their size.
    drawings : int
        Drawings in them.
    categories, countries : dict of str to int
        Drawings of each category, in label order, and of each country, largest first; "unknown"
        for drawings that do not say.
    recognized_known, recognized : int
        Drawings that say whether the game recognized them, and drawings that it did recognize.
    strokes, points : Distribution
        Strokes and points per drawing; empty for bitmaps.
    rejects : dict of str to int
        Lines that are not valid drawings, by reason; at most 20 reasons are listed.
    first_reject : Reject or None
        The first of these lines.
    dropped : dict of str to int
        Values in valid lines that could not be read, and are unknown, by field; "stroke" for
        strokes without points.
    examples : ndarray of uint8, shape (n, 28, 28)
        Bitmaps of some drawings of each category, in label order.
    example_words : list of str
        Their categories.

    Examples
    --------
    >>> from quickdraw_kit import inspect, write_sample
    >>> _ = write_sample("drawings", drawings=60, categories=["star"])
    >>> inspection = inspect(["drawings"], examples=2)
    >>> inspection.example_words, inspection.examples.shape
    (['star', 'star'], (2, 28, 28))
    """

    sources: list[str]
    formats: list[str]
    bytes: int
    drawings: int = 0
    categories: dict[str, int] = field(default_factory=dict)
    countries: dict[str, int] = field(default_factory=dict)
    recognized_known: int = 0
    recognized: int = 0
    strokes: Distribution = field(default_factory=lambda: Distribution(0.0, {}))
    points: Distribution = field(default_factory=lambda: Distribution(0.0, {}))
    rejects: dict[str, int] = field(default_factory=dict)
    first_reject: Reject | None = None
    dropped: dict[str, int] = field(default_factory=dict)
    examples: npt.NDArray[np.uint8] = field(default_factory=lambda: np.zeros((0, 28, 28), np.uint8))
    example_words: list[str] = field(default_factory=list)


def inspect(
    sources: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    examples: int = 0,
    data_home: str | os.PathLike[str] | None = None,
    progress: _ProgressCallback | None = None,
) -> Inspection:
    """Read sources and summarize what they contain, in constant memory.

    Parameters
    ----------
    sources : str or path-like, or iterable of them
        Files, folders, globs, categories, or URLs such as ``s3://bucket/*.ndjson``, see
        `resolve_sources`. Files at a URL are downloaded to a temporary folder, one at a time.
    examples : int
        How many drawings of each category to render.
    data_home : str or path-like, optional
        Folder of downloads, for categories.
    progress : callable, optional
        Called with the bytes read so far and in total, and the drawings read so far.

    Returns
    -------
    Inspection
        Counts and distributions.

    Raises
    ------
    UsageError, DataError
        As `resolve_sources`. Invalid lines are counted and do not raise.
    DownloadError
        If a file could not be downloaded.

    Examples
    --------
    >>> from quickdraw_kit import inspect, write_sample
    >>> _ = write_sample("drawings", drawings=60, categories=["star", "line"])
    >>> inspection = inspect(["drawings"])
    >>> inspection.drawings, list(inspection.categories), inspection.formats
    (60, ['line', 'star'], ['simplified'])
    """
    files = resolve_sources(sources, data_home=data_home, list_url=resolve_url)
    inspection = Inspection([file.name for file in files], [], sum(file.size for file in files))
    totals = _Totals(inspection, examples)
    report = _Report(progress, inspection.bytes)

    # sources one after the other: of those at a URL, one at a time is on this disk
    for done, file in _local_sources(files):
        variant = file.format.variant_of(file.path)
        if variant not in inspection.formats:
            inspection.formats.append(variant)
        batches = file.read_record_batches(raw=variant == "raw", on_reject=totals.add_reject)
        for records in batches:
            totals.add(records)
            report(done, inspection.drawings)
        report(done + file.size, inspection.drawings)
    totals.finish()
    return inspection


def inspect_quality(
    sources: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    examples: int = 10,
    data_home: str | os.PathLike[str] | None = None,
    progress: _ProgressCallback | None = None,
) -> tuple[dict[str, int], npt.NDArray[np.uint8], list[str]]:
    """Find drawings with quality flags, including duplicates among all sources.

    Every drawing is rendered, and 57 bytes per drawing are kept in memory.

    Parameters
    ----------
    sources : str or path-like, or iterable of them
        As for `inspect`. Files at a URL are downloaded twice if there are duplicates.
    examples : int
        How many drawings of each flag to return.
    data_home : str or path-like, optional
        Folder of downloads, for categories.
    progress : callable, optional
        Called with the bytes read so far and in total, and the drawings read so far.

    Returns
    -------
    counts : dict of str to int
        Drawings with each of `QUALITY_FLAGS`.
    images : ndarray of uint8, shape (n, 28, 28)
        Some of them.
    flags : list of str
        The flag that each image is an example of.

    Raises
    ------
    UsageError, DataError, DownloadError
        As `inspect`.

    Examples
    --------
    >>> from quickdraw_kit import DrawingBatch, inspect_quality, write_ndjson
    >>> batch = DrawingBatch.from_strokes([[([9], [9])]], words=["line"])
    >>> write_ndjson(batch, "line.ndjson")
    >>> counts, images, flags = inspect_quality(["line.ndjson"])
    >>> counts["dot"], flags
    (1, ['dot'])
    """
    files = resolve_sources(sources, data_home=data_home, list_url=resolve_url)
    report = _Report(progress, sum(file.size for file in files))
    counts = Counter(dict.fromkeys(QUALITY_FLAGS, 0))
    shown: dict[str, list[_Images]] = {name: [] for name in QUALITY_FLAGS}

    def show(flags: npt.NDArray[np.uint8], images: _Images) -> None:
        for name, bit in QUALITY_FLAGS.items():
            rows = np.flatnonzero(flags & bit)
            shown[name].extend(images[rows[: max(examples - len(shown[name]), 0)]])

    # first the flags that a drawing has by itself
    prints = []
    drawings = 0
    for done, records in _read_valid(files):
        images = _images(records)
        flags = quality_flags(records.batch, images)
        counts.update({name: int((flags & bit > 0).sum()) for name, bit in QUALITY_FLAGS.items()})
        show(flags, images)
        prints.append(fingerprints(records.batch, images))
        drawings += len(records.batch)
        report(done, drawings)

    if not prints:
        return dict(counts), np.zeros((0, 28, 28), np.uint8), []

    # then duplicates, of which examples are found by reading the sources again
    key_id, flags = find_duplicates(np.concatenate(prints))
    rows_by_flag = {name: np.flatnonzero(flags & QUALITY_FLAGS[name]) for name in _DUPLICATE_FLAGS}
    counts.update({name: len(rows) for name, rows in rows_by_flag.items()})
    rows = np.unique(np.concatenate([rows[:examples] for rows in rows_by_flag.values()]))
    # key_ids of duplicates are sorted, and so are the rows: searchsorted below needs it
    chosen_ids, chosen_flags = key_id[rows], flags[rows]
    for _, records in _read_valid(files) if len(rows) else ():
        is_chosen = np.isin(records.batch.key_id, chosen_ids)
        if is_chosen.any():
            chosen = records.filter(is_chosen)
            position = np.searchsorted(chosen_ids, chosen.batch.key_id)
            show(chosen_flags[position], _images(chosen))

    # both lists are in the order of the flags, so they belong together item by item
    names = [name for name in QUALITY_FLAGS for _ in shown[name]]
    pictures = [image for images in shown.values() for image in images]
    return dict(counts), np.array(pictures, np.uint8).reshape(-1, 28, 28), names


class _Totals:
    """Counts of an inspection while sources are read."""

    def __init__(self, inspection: Inspection, examples: int) -> None:
        self.inspection = inspection
        self.examples = examples
        self.words: Counter[str] = Counter()
        self.countries: Counter[bytes] = Counter()
        self.strokes: Counter[int] = Counter()
        self.points: Counter[int] = Counter()
        self.reasons: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.pictures: dict[str, list[_Images]] = {}

    def add_reject(self, reject: Reject) -> None:
        """Count an invalid line."""
        if self.inspection.first_reject is None:
            self.inspection.first_reject = reject
        # without values, or a file would have a reason for every line
        reason = _without_values(reject.reason)
        is_listed = len(self.reasons) < _MAX_REASONS or reason in self.reasons
        self.reasons[reason if is_listed else "other reasons"] += 1

    def add(self, records: RecordBatch) -> None:
        """Count the drawings of a record batch."""
        batch = records.batch
        self.inspection.drawings += len(batch)
        self.dropped.update(records.dropped)
        self.inspection.recognized_known += int(np.count_nonzero(batch.recognition < 2))
        self.inspection.recognized += int(np.count_nonzero(batch.recognized))

        words = [word or UNKNOWN for word in batch.words]
        _count(self.words, np.array(words)[batch.word_code])
        # bitmaps have neither countries nor strokes: zeros would distort the distributions
        if records.images is None:
            _count(self.countries, batch.countrycode)
            _count(self.strokes, batch.stroke_counts)
            _count(self.points, batch.point_counts)

        # the first drawings of each category are as good as any
        for code, word in enumerate(words):
            pictures = self.pictures.setdefault(word, [])
            rows = np.flatnonzero(batch.word_code == code)[: max(self.examples - len(pictures), 0)]
            if len(rows):
                pictures.extend(_images(records, rows))

    def finish(self) -> None:
        """Write what was counted into the inspection."""
        inspection = self.inspection
        inspection.categories = {word: self.words[word] for word in label_order(self.words)}
        inspection.countries = {
            country.decode("ascii") or UNKNOWN: number
            for country, number in self.countries.most_common()
        }
        inspection.strokes = Distribution.of(self.strokes)
        inspection.points = Distribution.of(self.points)
        inspection.rejects = dict(self.reasons.most_common())
        inspection.dropped = dict(self.dropped.most_common())

        pictures = [
            (word, image) for word in inspection.categories for image in self.pictures[word]
        ]
        if pictures:
            inspection.example_words = [word for word, _ in pictures]
            inspection.examples = np.stack([image for _, image in pictures])


@dataclass(frozen=True, slots=True)
class _Report:
    """Calls a progress callback, if there is one."""

    progress: _ProgressCallback | None
    total: int

    def __call__(self, done: int, drawings: int) -> None:
        if self.progress is not None:
            self.progress(done, self.total, drawings)


def _read_valid(files: Sequence[Source]) -> Iterator[tuple[int, RecordBatch]]:
    """Yield the bytes of the files before, and a record batch; invalid lines are skipped."""
    for done, file in _local_sources(files):
        raw = file.format.variant_of(file.path) == "raw"
        for records in file.read_record_batches(raw=raw, on_reject=lambda reject: None):
            yield done, records


def _local_sources(sources: Iterable[Source]) -> Iterator[tuple[int, Source]]:
    """Yield the bytes of the sources before, and a source that is on this machine."""
    done = 0
    for source in sources:
        with _download(source) as local:
            yield done, local
        done += source.size


@contextlib.contextmanager
def _download(source: Source) -> Iterator[Source]:
    """Download a source at a URL to a temporary folder."""
    if source.remote is None:
        yield source
        return

    # removed before the next source is downloaded: the disk holds one at a time
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        planned = replace(source.remote, path=folder / source.remote.name)
        with fetching(folder, [planned]) as fetcher:
            file = fetcher.start(planned).result()
        if file.error is not None:
            raise DownloadError(DownloadReport(folder, (file,)))
        yield replace(source, path=file.path)


def _images(records: RecordBatch, rows: npt.NDArray[np.int64] | None = None) -> _Images:
    """Return the bitmaps of drawings, which are rendered if the source has strokes."""
    if records.images is not None:
        return records.images if rows is None else records.images[rows]
    return rasterize(records.batch if rows is None else records.batch.take(rows))


def _without_values(reason: str) -> str:
    """Return why a line is not valid, without what was found in this line and where."""
    problem, mark, expected = reason.partition(", expected")
    if mark:
        problem = re.sub(r" is .+", " is …", problem)
    return _VALUE.sub("…", problem) + mark + expected


def _count(counter: Counter[Any], values: npt.NDArray[Any]) -> None:
    for value, number in zip(*np.unique(values, return_counts=True), strict=True):
        counter[value.item()] += int(number)

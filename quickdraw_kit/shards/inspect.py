"""`inspect`: what is in a file of drawings, before anything is made of it."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from quickdraw_kit.acquire.sources import Source, resolve_sources
from quickdraw_kit.categories import label_order
from quickdraw_kit.formats.ndjson.scanner import Reject
from quickdraw_kit.formats.record_batch import RecordBatch
from quickdraw_kit.raster.render import rasterize
from quickdraw_kit.shards.quality import (
    QUALITY_FLAGS,
    Fingerprints,
    find_duplicates,
    fingerprints,
    quality_flags,
)

__all__ = ["Distribution", "Inspection", "inspect", "inspect_quality"]

_QUANTILES = (0, 5, 25, 50, 75, 95, 100)


@dataclass(frozen=True, slots=True)
class Distribution:
    """How a count spreads over the drawings."""

    mean: float
    quantiles: dict[int, int]

    @classmethod
    def of(cls, counts: dict[int, int]) -> "Distribution":
        """Make one of how often each value occurs."""
        values = np.array(sorted(counts), np.int64)
        if len(values) == 0:
            return cls(0.0, {})
        times = np.array([counts[value] for value in values.tolist()], np.int64)
        below = np.cumsum(times)
        ranks = np.array(_QUANTILES) / 100 * (below[-1] - 1)
        places = np.searchsorted(below, np.floor(ranks) + 1)
        quantiles = dict(zip(_QUANTILES, values[places].tolist(), strict=True))
        return cls(float((values * times).sum() / below[-1]), quantiles)


@dataclass(slots=True)
class Inspection:
    """What is in some sources.

    Parameters
    ----------
    sources : list of str
        Their names.
    forms : list of str
        What they hold: raw or simplified drawings, binary, bitmaps.
    bytes : int
        Their size on disk.
    drawings : int
        Drawings in them.
    categories, countries : dict of str to int
        Drawings of each category, in label order, and country, most first.
    recognized_known, recognized : int
        Drawings of which it is known whether the game recognised them, and that it did.
    strokes, points : Distribution
        Strokes and points of a drawing; empty for bitmaps.
    rejects : dict of str to int
        Lines that are not drawings, by reason, at most 20 reasons.
    examples : ndarray of uint8, shape (n, 28, 28)
        Some drawings, taken evenly from the categories.
    example_words : list of str
        Their categories.
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
    examples: npt.NDArray[np.uint8] = field(default_factory=lambda: np.zeros((0, 28, 28), np.uint8))
    example_words: list[str] = field(default_factory=list)


def inspect(
    sources: Iterable[str | os.PathLike[str]],
    *,
    examples: int = 0,
    data_home: Path | None = None,
    progress: Callable[[int, int, int], None] | None = None,
) -> Inspection:
    """Read sources and say what is in them, in constant memory.

    Parameters
    ----------
    sources : iterable of str or path-like
        Files, folders, globs or categories, see `resolve_sources`.
    examples : int
        How many drawings of each category to render.
    home : Path, optional
        Folder of downloaded data, for categories.
    progress : callable, optional
        Called with the bytes read, the bytes in all, and the drawings read.

    Returns
    -------
    Inspection
        The totals.

    Raises
    ------
    UsageError, DataError
        As `resolve_sources`; bad lines are counted, not raised.

    Examples
    --------
    >>> from quickdraw_kit.strokes.batch import DrawingBatch
    >>> from quickdraw_kit.formats.ndjson.scanner import Reject
    from quickdraw_kit.formats.record_batch import RecordBatch
    >>> path = getfixture("tmp_path") / "line.ndjson"
    >>> write_ndjson(DrawingBatch.from_strokes([[([0, 9], [0, 9])]], words=["line"]), path)
    >>> found = inspect([path])
    >>> found.drawings, found.categories, found.points.mean
    (1, {'line': 1}, 2.0)
    """
    files = resolve_sources(sources, data_home=data_home)
    total = sum(file.size for file in files)
    found = Inspection([file.name for file in files], [], total)
    words: Counter[str] = Counter()
    countries: Counter[str] = Counter()
    strokes: Counter[int] = Counter()
    points: Counter[int] = Counter()
    reasons: Counter[str] = Counter()
    taken: Counter[str] = Counter()
    pictures: list[tuple[str, npt.NDArray[np.uint8]]] = []

    def refuse(reject: Reject) -> None:
        known = len(reasons) < 20 or reject.reason in reasons
        reasons[reject.reason if known else "other reasons"] += 1

    done = 0
    for file in files:
        kind = file.format.variant_of(file.path)
        if kind not in found.formats:
            found.formats.append(kind)
        for records in file.read_record_batches(raw=kind == "raw", on_reject=refuse):
            batch = records.batch
            found.drawings += len(batch)
            if "recognized" in file.format.fields:
                found.recognized_known += len(batch)
                found.recognized += int(np.count_nonzero(batch.recognized))
            _count(words, np.array(batch.words)[batch.word_code])
            if records.images is None:
                _count(countries, batch.countrycode)
                _count(strokes, batch.stroke_counts)
                _count(points, batch.point_counts)
            pictures.extend(_examples(records, examples, taken))
            if progress is not None:
                progress(done, total, found.drawings)
        done += file.size
        if progress is not None:
            progress(done, total, found.drawings)
    found.categories = {word: words[word] for word in label_order(words)}
    found.countries = {_text(country): number for country, number in countries.most_common()}
    found.strokes, found.points = Distribution.of(strokes), Distribution.of(points)
    found.rejects = dict(reasons.most_common())
    place = {word: index for index, word in enumerate(found.categories)}
    pictures.sort(key=lambda picture: place[picture[0]])
    if pictures:
        found.examples = np.stack([image for _, image in pictures])
        found.example_words = [word for word, _ in pictures]
    return found


def _portions(files: Iterable[Source]) -> Iterator[tuple[int, RecordBatch]]:
    """Yield the bytes of the files that are done, and the drawings; bad lines are passed over."""
    done = 0
    for file in files:
        raw = file.format.variant_of(file.path) == "raw"
        for records in file.read_record_batches(raw=raw, on_reject=lambda reject: None):
            yield done, records
        done += file.size


def _show_flagged(
    flags: npt.NDArray[np.uint8],
    images: npt.NDArray[np.uint8],
    shown: dict[str, list[npt.NDArray[np.uint8]]],
    counts: Counter[str],
    most: int,
) -> None:
    for name, bit in QUALITY_FLAGS.items():
        rows = np.flatnonzero(flags & bit)
        counts[name] += len(rows)
        shown[name].extend(images[rows[: max(most - len(shown[name]), 0)]])


def _count(counter: Counter, values: npt.NDArray) -> None:  # type: ignore[type-arg]
    for value, number in zip(*np.unique(values, return_counts=True), strict=True):
        counter[value.item()] += int(number)


def _text(value: object) -> str:
    return value.decode("ascii") if isinstance(value, bytes) else str(value)


def _examples(
    records: RecordBatch, number: int, taken: Counter[str]
) -> list[tuple[str, npt.NDArray[np.uint8]]]:
    batch = records.batch
    rows: list[int] = []
    for code, word in enumerate(batch.words):
        more = number - taken[word]
        if more > 0:
            own = np.flatnonzero(batch.word_code == code)[:more]
            taken[word] += len(own)
            rows.extend(own.tolist())
    if not rows:
        return []
    images = rasterize(batch.take(rows)) if records.images is None else records.images[rows]
    return [
        (batch.words[batch.word_code[row]], image) for row, image in zip(rows, images, strict=True)
    ]


def inspect_quality(
    sources: Iterable[str | os.PathLike[str]],
    *,
    examples: int = 10,
    data_home: Path | None = None,
    progress: Callable[[int, int, int], None] | None = None,
) -> tuple[dict[str, int], npt.NDArray[np.uint8], list[str]]:
    """Look for drawings with quality flags, duplicates among all sources included.

    Every drawing is rendered, and 57 bytes of it are kept in memory.

    Parameters
    ----------
    sources : iterable of str or path-like
        Files, folders, globs or categories, see `resolve_sources`.
    examples : int
        How many drawings of each flag to show.
    home : Path, optional
        Folder of downloaded data, for categories.
    progress : callable, optional
        Called with the bytes read, the bytes in all, and the drawings read.

    Returns
    -------
    counts : dict of str to int
        Drawings with each of `QUALITY_FLAGS`.
    images : ndarray of uint8, shape (n, 28, 28)
        Some of them.
    flags : list of str
        The flag for which each is shown.

    Raises
    ------
    UsageError, DataError
        As `resolve_sources`.

    Examples
    --------
    >>> from quickdraw_kit.strokes.batch import DrawingBatch
    >>> from quickdraw_kit.formats.ndjson.scanner import Reject
    from quickdraw_kit.formats.record_batch import RecordBatch
    >>> path = getfixture("tmp_path") / "line.ndjson"
    >>> write_ndjson(DrawingBatch.from_strokes([[([9], [9])]], words=["line"]), path)
    >>> counts, _, flags = inspect_quality([path])
    >>> counts["dot"], flags
    (1, ['dot'])
    """
    files = resolve_sources(sources, data_home=data_home)
    total = sum(file.size for file in files)
    counts = Counter(dict.fromkeys(QUALITY_FLAGS, 0))
    shown: dict[str, list[npt.NDArray[np.uint8]]] = {name: [] for name in QUALITY_FLAGS}
    prints: list[Fingerprints] = []
    drawings = 0
    for done, records in _portions(files):
        images = rasterize(records.batch) if records.images is None else records.images
        flags = quality_flags(records.batch, images)
        _show_flagged(flags, images, shown, counts, examples)
        prints.append(fingerprints(records.batch, images))
        drawings += len(records.batch)
        if progress is not None:
            progress(done, total, drawings)
    if not prints:
        return dict(counts), np.zeros((0, 28, 28), np.uint8), []
    key_id, flags = find_duplicates(np.concatenate(prints))
    for name in ("duplicate", "near-duplicate"):
        counts[name] = int(np.count_nonzero(flags & QUALITY_FLAGS[name]))
    few = np.concatenate(
        [
            np.flatnonzero(flags & QUALITY_FLAGS[name])[:examples]
            for name in ("duplicate", "near-duplicate")
        ]
    )
    chosen = dict(zip(key_id[few].tolist(), flags[few].tolist(), strict=True))
    ids = np.array(sorted(chosen), np.uint64)
    for _, records in _portions(files) if chosen else ():
        rows = np.flatnonzero(np.isin(records.batch.key_id, ids))
        if len(rows):
            batch = records.batch.take(rows)
            images = rasterize(batch) if records.images is None else records.images[rows]
            masks = np.array([chosen[int(key)] for key in batch.key_id], np.uint8)
            _show_flagged(masks, images, shown, Counter(), examples)
    names = [name for name in QUALITY_FLAGS for _ in shown[name]]
    pictures = [image for name in QUALITY_FLAGS for image in shown[name]]
    return dict(counts), np.array(pictures, np.uint8).reshape(-1, 28, 28), names

"""Generate drawings: the bundled sample, examples, and load tests of any size.

These are not real data and must never be presented as such. Their key_ids have the highest bit set,
which no official key_id has (official ones lie below 2**53), so they cannot be mistaken for real
drawings even after files are mixed. Everything else looks like the official files: raw drawings
carry times, jitter and the place on a screen; simplified ones have a few points from 0 to 255.

Drawing number i of a category depends on the seed, the category and i alone: any part of a sample
can be made by itself, in any order, and its bytes are the same on every machine.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from quickdraw_kit.categories import check_categories, label_order
from quickdraw_kit.errors import UsageError
from quickdraw_kit.formats.ndjson.writer import encode_lines
from quickdraw_kit.storage.files import atomic_write, compressed_writer
from quickdraw_kit.strokes.batch import DrawingBatch
from quickdraw_kit.strokes.key_ids import row_key_ids
from quickdraw_kit.synthetic.motion import deform, fit_bytes, trace
from quickdraw_kit.synthetic.rng import CounterRNG
from quickdraw_kit.synthetic.shapes import SHAPES
from quickdraw_kit.synthetic.sketch import Sketch

__all__ = ["SYNTHETIC_CATEGORIES", "generate_drawings", "iter_generated", "write_sample"]

SYNTHETIC_CATEGORIES: tuple[str, ...] = label_order(SHAPES)

_BATCH_SIZE = 2048
_NUMBERS = 1 << 40  # of a category: more than anyone writes, and far from overflow
_FIRST_DAY = np.datetime64("2017-01-23", "us")
_DAYS = 66
_RECOGNIZED = 0.92
_COUNTRIES = {
    "US": 44, "GB": 7, "CA": 5, "DE": 5, "RU": 5, "AU": 4, "BR": 3, "FI": 3, "FR": 3, "SE": 3,
    "CZ": 2, "IT": 2, "JP": 2, "KR": 2, "PL": 2, "SA": 2, "TH": 2, "AE": 1, "IN": 1, "VN": 1,
}  # fmt: skip


def generate_drawings(
    categories: Iterable[str], count: int, *, seed: int = 0, start: int = 0, raw: bool = True
) -> DrawingBatch:
    """Generate drawings of some categories. They are not real data.

    Parameters
    ----------
    categories : iterable of str
        Some of `SYNTHETIC_CATEGORIES`.
    count : int
        Drawings of each category.
    seed : int
        Another seed gives other drawings.
    start : int
        Number of the first drawing of each category.
    raw : bool
        Raw drawings with times, or simplified ones.

    Returns
    -------
    DrawingBatch
        One category after the other, in label order.

    Raises
    ------
    UsageError
        If a category is not among `SYNTHETIC_CATEGORIES`, or the numbers are out of range.

    Examples
    --------
    >>> batch = generate_drawings(["house", "circle"], 3)
    >>> batch.words_of_drawings()
    ['circle', 'circle', 'circle', 'house', 'house', 'house']
    >>> batch.x.dtype, batch.t is None, bool((batch.key_id >> np.uint64(63)).all())
    (dtype('float32'), False, True)
    >>> batch[1:3].equals(generate_drawings(["circle"], 2, start=1))
    True
    """
    return DrawingBatch.concat(iter_generated(categories, count, seed=seed, start=start, raw=raw))


def iter_generated(
    categories: Iterable[str],
    count: int,
    *,
    seed: int = 0,
    start: int = 0,
    raw: bool = True,
    batch_size: int = _BATCH_SIZE,
) -> Iterator[DrawingBatch]:
    """Generate drawings batch by batch, in constant memory."""
    if count < 1 or batch_size < 1:
        raise UsageError(f"count {count} and batch_size {batch_size} must be at least 1")
    if not 0 <= start <= start + count <= _NUMBERS:
        raise UsageError(f"drawings {start} to {start + count}, expected numbers 0 to {_NUMBERS}")
    for category in _drawable(categories):
        for first in range(start, start + count, batch_size):
            last = min(first + batch_size, start + count)
            yield _generate(category, seed, first, last, raw)


def write_sample(
    out: str | os.PathLike[str],
    *,
    drawings: int,
    categories: Iterable[str] | None = None,
    seed: int = 0,
    raw: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Write generated drawings as official ndjson, in constant memory. They are not real data.

    Parameters
    ----------
    out : path-like
        A folder, for a file per category; or a file whose name ends in ``.ndjson``,
        ``.ndjson.gz`` or ``.ndjson.zst``, for all of them.
    drawings : int
        How many in all; they are dealt evenly to the categories.
    categories : iterable of str, optional
        Some of `SYNTHETIC_CATEGORIES`; by default all.
    seed : int
        Another seed gives other drawings.
    raw : bool
        Raw drawings with times, or simplified ones.
    progress : callable, optional
        Called with the drawings written and the drawings in all.

    Returns
    -------
    list of Path
        The files, in label order. Each appears whole or not at all.

    Raises
    ------
    UsageError
        If a category is not among `SYNTHETIC_CATEGORIES`, or there is not a drawing for each.
    OSError
        If a file cannot be written.

    Examples
    --------
    >>> out = getfixture("tmp_path") / "drawings"
    >>> [path.name for path in write_sample(out, drawings=5, categories=["sun", "fish"])]
    ['fish.ndjson', 'sun.ndjson']
    >>> [len(path.read_text().splitlines()) for path in sorted(out.iterdir())]
    [3, 2]
    """
    chosen = SYNTHETIC_CATEGORIES if categories is None else _drawable(categories)
    if drawings < len(chosen):
        raise UsageError(f"{drawings} drawings of {len(chosen)} categories: give at least as many")
    counts = [drawings // len(chosen) + (i < drawings % len(chosen)) for i in range(len(chosen))]
    done = 0

    def write(file: BinaryIO, category: str, count: int) -> None:
        nonlocal done
        for batch in iter_generated([category], count, seed=seed, raw=raw):
            for lines in encode_lines(batch):
                file.write(lines)
            done += len(batch)
            if progress is not None:
                progress(done, drawings)

    out = Path(out)
    if out.name.endswith((".ndjson", ".ndjson.gz", ".ndjson.zst")):
        with atomic_write(out) as whole, compressed_writer(whole, out) as file:
            for category, count in zip(chosen, counts, strict=True):
                write(file, category, count)
        return [out]
    out.mkdir(parents=True, exist_ok=True)
    paths = [out / f"{category}.ndjson" for category in chosen]
    for path, category, count in zip(paths, chosen, counts, strict=True):
        with atomic_write(path) as file:
            write(file, category, count)
    return paths


def _generate(category: str, seed: int, start: int, stop: int, raw: bool) -> DrawingBatch:
    rng = CounterRNG(f"generated/{seed}/{category}", start, stop)
    number = len(rng)
    recognized = rng.chance(_RECOGNIZED)
    sloppiness = rng.uniform(0.5, 1.5) * np.where(recognized, 1.0, 2.0)
    shares = np.cumsum(list(_COUNTRIES.values()))
    country = np.searchsorted(shares, rng.whole(0, int(shares[-1]) - 1), side="right")
    timestamp = _FIRST_DAY + 10 * rng.whole(0, _DAYS * 86_400 * 100_000 - 1)
    sketch = Sketch(rng)
    SHAPES[category](sketch)
    outline = deform(sketch.outline(), rng, sloppiness)
    x, y, t, stroke_offsets = trace(outline, rng) if raw else fit_bytes(outline)
    return DrawingBatch(
        x=x,
        y=y,
        t=t,
        stroke_offsets=stroke_offsets,
        drawing_offsets=outline.drawing_offsets,
        key_id=row_key_ids(f"generated/{seed}/{category}", start, stop),
        word_code=np.zeros(number, np.int32),
        words=(category,),
        countrycode=np.array(list(_COUNTRIES), "S2")[country],
        timestamp=timestamp,
        recognized=recognized,
    )


def _drawable(categories: Iterable[str]) -> tuple[str, ...]:
    chosen = check_categories(categories)
    unknown = [name for name in chosen if name not in SHAPES]
    if unknown or not chosen:
        raise UsageError(
            f"the generator does not draw {', '.join(unknown) or 'nothing'}, "
            f"only {', '.join(SYNTHETIC_CATEGORIES)}"
        )
    return chosen

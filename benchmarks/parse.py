"""Claim: ndjson is read 4 times as fast as by orjson line by line, and faster than by any other.

Result (2026-11, before the redesign; one of two shared x86-64 cores; Python 3.11, numpy 2.4,
numba 0.68, orjson 3.13, msgspec 0.22, pyarrow 26.0, duckdb 2.0; best of n = 3 rounds of 200 MB):
simplified 685 MB/s, 14.9 times orjson, 12.0 msgspec, 9.7 pyarrow and 4.0 DuckDB;
raw 762 MB/s, 11.8 times orjson, 13.6 msgspec, 9.6 pyarrow and 3.9 DuckDB.

One thread each, on real simplified and raw drawings repeated to 200 MB. Every reader makes all that
a DrawingBatch contains (flat x, y, t and offsets, key_id, word codes, country, time, recognized) by
its fastest route to numpy, and the results are compared before anything is timed. The readers take
turns, and the best round of each counts, because the machine is shared. Only our reader checks
lengths, ranges and dates.

    QUICKDRAW_KIT_REAL_DATA=... python benchmarks/parse.py [--megabytes 200] [--rounds 3]
"""

import argparse
import gc
import itertools
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from quickdraw_kit.formats.ndjson.files import read_ndjson
from quickdraw_kit.strokes.batch import DrawingBatch
from quickdraw_kit.strokes.columns import lengths_to_offsets

Reader = Callable[[Path, bool], DrawingBatch]
CHUNK_LINES = 20_000  # flattened before the next ones are read, so that memory stays small


class Simplified(msgspec.Struct):
    """A line of a simplified file."""

    word: str
    countrycode: str
    timestamp: str
    recognized: bool
    key_id: str
    drawing: list[list[list[int]]]


class Raw(msgspec.Struct):
    """A line of a raw file."""

    word: str
    countrycode: str
    timestamp: str
    recognized: bool
    key_id: str
    drawing: list[list[list[float]]]


def read_with_quickdraw_kit(path: Path, raw: bool) -> DrawingBatch:
    return read_ndjson(path)


def read_with_json(path: Path, raw: bool) -> DrawingBatch:
    return read_lines(path, json.loads, raw)


def read_with_orjson(path: Path, raw: bool) -> DrawingBatch:
    return read_lines(path, orjson.loads, raw)


def read_with_msgspec(path: Path, raw: bool) -> DrawingBatch:
    decoder = msgspec.json.Decoder(Raw if raw else Simplified)
    parts = []
    with path.open("rb") as file:
        while lines := b"".join(itertools.islice(file, CHUNK_LINES)):
            drawings = decoder.decode_lines(lines)
            columns = zip(*map(msgspec.structs.astuple, drawings), strict=True)
            parts.append(from_lists(*columns, raw=raw))
    return DrawingBatch.concat(parts)


def read_lines(path: Path, loads: Callable[[bytes], Any], raw: bool) -> DrawingBatch:
    parts = []
    with path.open("rb") as file:
        while lines := list(itertools.islice(file, CHUNK_LINES)):
            columns = zip(*[loads(line).values() for line in lines], strict=True)
            parts.append(from_lists(*columns, raw=raw))
    return DrawingBatch.concat(parts)


def from_lists(
    words: Iterable[str],
    countries: Iterable[str],
    times: Iterable[str],
    recognized: Iterable[bool],
    key_ids: Iterable[str],
    drawings: Iterable[list[list[list[float]]]],
    *,
    raw: bool,
) -> DrawingBatch:
    rows: list[list[float]] = [[], [], []]
    counts: list[int] = []
    strokes: list[int] = []
    for drawing in drawings:
        strokes.append(len(drawing))
        for stroke in drawing:
            counts.append(len(stroke[0]))
            for row, numbers in zip(rows, stroke, strict=False):
                row += numbers
    vocabulary = {word: code for code, word in enumerate(dict.fromkeys(words))}
    return DrawingBatch(
        x=to_float64(rows[0]) if raw else to_uint8(rows[0]),
        y=to_float64(rows[1]) if raw else to_uint8(rows[1]),
        t=np.array(rows[2], np.int32) if raw else None,
        stroke_offsets=lengths_to_offsets(counts),
        drawing_offsets=lengths_to_offsets(strokes),
        key_id=np.fromiter(map(int, key_ids), np.uint64),
        word_code=np.array([vocabulary[word] for word in words], np.int32),
        words=tuple(vocabulary),
        countrycode=np.array(countries, "S2"),
        timestamp=np.array([time[:-4] for time in times], "M8[us]"),
        recognized=np.array(recognized, np.bool_),
    )


def to_uint8(numbers: list[int]) -> np.ndarray:
    return np.frombuffer(bytes(numbers), np.uint8)  # nothing is faster


def to_float64(numbers: list[float]) -> np.ndarray:
    return np.array(numbers, np.float64)


def read_with_pyarrow(path: Path, raw: bool) -> DrawingBatch:
    number = pa.float64() if raw else pa.uint8()
    schema = pa.schema(
        {
            "word": pa.string(),
            "countrycode": pa.string(),
            "timestamp": pa.string(),
            "recognized": pa.bool_(),
            "key_id": pa.string(),
            "drawing": pa.list_(pa.list_(pa.list_(number))),
        }
    )
    table = pa.json.read_json(
        path,
        read_options=pa.json.ReadOptions(use_threads=False, block_size=8 << 20),
        parse_options=pa.json.ParseOptions(explicit_schema=schema),
    )
    return from_table(table, raw)


def read_with_duckdb(path: Path, raw: bool) -> DrawingBatch:
    number = "DOUBLE" if raw else "UTINYINT"
    with duckdb.connect(config={"threads": 1}) as connection:
        query = f"""
            SELECT * FROM read_json('{path}', format = 'newline_delimited', columns = {{
                word: 'VARCHAR', countrycode: 'VARCHAR', timestamp: 'VARCHAR',
                recognized: 'BOOLEAN', key_id: 'VARCHAR', drawing: '{number}[][][]'}})
        """
        table = connection.sql(query).to_arrow_table()
    return from_table(table, raw)


def from_table(table: pa.Table, raw: bool) -> DrawingBatch:
    """Split nested lists into x, y and t, by chunks and without a Python loop over drawings."""
    parts = []
    coordinate = np.float64 if raw else np.uint8
    for chunk in table.to_batches():
        drawing = chunk["drawing"]
        strokes = drawing.flatten()
        rows = strokes.flatten()
        numbers = rows.flatten().to_numpy()
        lengths = pc.list_value_length(rows).to_numpy()
        axis = np.repeat(np.arange(len(lengths)) % (3 if raw else 2), lengths)
        word = chunk["word"].dictionary_encode()
        time = pc.utf8_slice_codeunits(chunk["timestamp"], 0, -4).cast(pa.timestamp("us"))
        parts.append(
            DrawingBatch(
                x=numbers[axis == 0].astype(coordinate, copy=False),
                y=numbers[axis == 1].astype(coordinate, copy=False),
                t=numbers[axis == 2].astype(np.int32) if raw else None,
                stroke_offsets=lengths_to_offsets(lengths[:: 3 if raw else 2]),
                drawing_offsets=lengths_to_offsets(pc.list_value_length(drawing).to_numpy()),
                key_id=chunk["key_id"].cast(pa.uint64()).to_numpy(),
                word_code=word.indices.to_numpy(),
                words=tuple(word.dictionary.to_pylist()),
                countrycode=np.array(chunk["countrycode"].to_pylist(), "S2"),
                timestamp=time.to_numpy(),
                recognized=chunk["recognized"].to_numpy(zero_copy_only=False),
            )
        )
    return DrawingBatch.concat(parts)


READERS: dict[str, Reader] = {
    "quickdraw_kit": read_with_quickdraw_kit,
    "json": read_with_json,
    "orjson": read_with_orjson,
    "msgspec": read_with_msgspec,
    "pyarrow": read_with_pyarrow,
    "duckdb": read_with_duckdb,
}


def tile(sources: list[Path], size: int, target: Path) -> None:
    contents = [source.read_bytes() for source in sources]
    with target.open("wb") as out:
        for content in itertools.cycle(contents):
            out.write(content)
            if out.tell() >= size:
                return


def measure(path: Path, raw: bool, rounds: int) -> None:
    # a reader that returns something else would be timed for another task
    expected = read_with_quickdraw_kit(path, raw)
    for name, reader in READERS.items():
        if not reader(path, raw).equals(expected):
            sys.exit(f"{name} reads different drawings")
    seconds: dict[str, list[float]] = {name: [] for name in READERS}
    gc.disable()  # as timeit does: it would slow down readers that make many objects
    for _ in range(rounds):
        for name, reader in READERS.items():
            start = time.perf_counter()
            reader(path, raw)
            seconds[name].append(time.perf_counter() - start)

    size, ours = path.stat().st_size, min(seconds["quickdraw_kit"])
    print(f"\n{path.stem}: {size / 1e6:.0f} MB, {len(expected):,} drawings, best of {rounds}")
    print(f"{'':14}{'seconds':>9}{'MB/s':>8}{'drawings/s':>13}{'we are':>10}")
    for name, times in seconds.items():
        best = min(times)
        ratio = "" if name == "quickdraw_kit" else f"{best / ours:.1f} x"
        print(
            f"{name:14}{best:9.2f}{size / best / 1e6:8.0f}{len(expected) / best:13,.0f}{ratio:>10}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--megabytes", type=float, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    data = os.environ.get("QUICKDRAW_KIT_REAL_DATA")
    if not data:
        print("parse: skipped, because QUICKDRAW_KIT_REAL_DATA is not set to a folder of real data")
        return
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    packages = ["numpy", "numba", "orjson", "msgspec", "pyarrow", "duckdb"]
    print(f"Python {sys.version.split()[0]},", ", ".join(f"{p} {version(p)}" for p in packages))
    with tempfile.TemporaryDirectory() as folder:
        for variant in ("simplified", "raw"):
            sources = sorted((Path(data) / "quickdraw" / variant).glob("*.ndjson"))
            path = Path(folder) / f"{variant}.ndjson"
            tile(sources, int(options.megabytes * 1e6), path)
            measure(path, variant == "raw", options.rounds)


if __name__ == "__main__":
    main()

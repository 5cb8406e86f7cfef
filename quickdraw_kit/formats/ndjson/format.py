"""The registry entry of ndjson."""

import re
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import BinaryIO

from quickdraw_kit.formats.file_names import given_word
from quickdraw_kit.formats.format import Format, ReadOptions, WriteOptions
from quickdraw_kit.formats.ndjson.containers import open_lines
from quickdraw_kit.formats.ndjson.files import detect_variant, scan_range, scan_stream
from quickdraw_kit.formats.ndjson.writer import encode_lines
from quickdraw_kit.formats.record_batch import RecordBatch
from quickdraw_kit.storage.files import (
    ClosingReader,
    atomic_write,
    compressed_writer,
    open_decompressed,
)
from quickdraw_kit.strokes.batch import DrawingBatch


def _read(path: Path, options: ReadOptions) -> Iterator[RecordBatch]:
    word = given_word(options.word, path)
    if options.stop is not None:
        # a chunk must not decide alone whether its lines are raw: another one might differ
        scans = scan_range(
            path,
            options.start,
            options.stop,
            raw=bool(options.raw),
            on_reject=options.on_reject,
            word=word,
        )
        for scan in scans:
            yield RecordBatch(scan.batch, scan.offset, dropped=scan.dropped)
        return

    is_stdin = str(path) == "-"
    file = open_decompressed(path)
    with nullcontext() if is_stdin else file:
        name = "<stdin>" if is_stdin else str(path)
        for scan in scan_stream(
            file, raw=options.raw, source_name=name, on_reject=options.on_reject, word=word
        ):
            yield RecordBatch(scan.batch, scan.offset, dropped=scan.dropped)


def _open_text(path: Path) -> BinaryIO:
    file = open_decompressed(path)
    return ClosingReader(open_lines(file, str(path)).file, file)


def _sniff(head: bytes) -> bool:
    return re.match(rb"\s*(?:\{|\[\s*[\[{])", head) is not None


def _write(batches: Iterator[DrawingBatch], path: Path, options: WriteOptions) -> None:
    with atomic_write(path) as file, compressed_writer(file, path) as out:
        for batch in batches:
            for lines in encode_lines(batch):
                out.write(lines)


NDJSON = Format(
    name="ndjson",
    suffixes=(".ndjson", ".jsonl"),
    sniff=_sniff,
    sniff_variant=detect_variant,
    kernels=(
        "quickdraw_kit.formats.ndjson.scan_kernels",
        "quickdraw_kit.formats.ndjson.vocabulary",
    ),
    compressible=True,
    splittable=True,
    position="line",
    open_text=_open_text,
    batch_size=1 << 16,
    bytes_per_drawing=460,
    bytes_per_raw_drawing=3860,
    coordinates="frame unless timed",
    holds_unknown=True,
    read=_read,
    write=_write,
)

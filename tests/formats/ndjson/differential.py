"""The law of the ndjson reader: the scanner and the standard parser make the same of any text."""

import io
import json

import numpy as np

from quickdraw_kit.formats.ndjson.files import scan_stream
from quickdraw_kit.formats.ndjson.line_parser import LineError, parse_line

OFFICIAL = {
    "word": "cat",
    "countrycode": "DE",
    "timestamp": "2017-03-02 23:25:10.07453 UTC",
    "recognized": True,
    "key_id": "5201136883597312",
    "drawing": [[[1, 30], [2, 3]]],
}


def official(**changes) -> bytes:
    return json.dumps({**OFFICIAL, **changes}, separators=(",", ":")).encode()


def by_the_standard_parser(text: bytes, raw: bool):
    """Drawings and rejects, with no part of the reader but the definition of a line."""
    offset = 3 if text.startswith(b"\xef\xbb\xbf") else 0
    lines = text[offset:].split(b"\n")
    if lines[-1] == b"":
        del lines[-1]
    drawings, rejects = [], []
    for number, line in enumerate(lines, 1):
        content = line.removesuffix(b"\r")
        if content.strip(b" \t\r"):
            place = (number, offset, len(content))
            try:
                drawings.append((place, as_tuple(parse_line(content, raw=raw))))
            except LineError as error:
                rejects.append((place, str(error)))
        offset += len(line) + 1
    return drawings, rejects, len(lines)


def as_tuple(parsed):
    return (
        parsed.word,
        parsed.countrycode,
        parsed.timestamp,
        parsed.recognized,
        parsed.key_id,
        parsed.point_counts,
        parsed.x.tobytes(),
        parsed.y.tobytes(),
        None if parsed.t is None else parsed.t.tobytes(),
    )


def by_the_reader(text: bytes, raw: bool, **options):
    drawings, rejects, lines = [], [], 0
    for scan in scan_stream(io.BytesIO(text), raw=raw, on_reject=rejects.append, **options):
        batch = scan.batch
        lines += scan.lines
        counts = np.diff(batch.stroke_offsets)
        for i, word in enumerate(batch.words_of_drawings()):
            points = slice(*batch.point_offsets[i : i + 2])
            time = batch.timestamp[i]
            drawing = (
                word,
                batch.countrycode[i].decode(),
                None if np.isnat(time) else int(time.astype(np.int64)),
                bool(batch.recognized[i]),
                int(batch.key_id[i]),
                counts[slice(*batch.drawing_offsets[i : i + 2])].tolist(),
                batch.x[points].tobytes(),
                batch.y[points].tobytes(),
                None if batch.t is None else batch.t[points].tobytes(),
            )
            place = (int(scan.line[i]), int(scan.offset[i]), int(scan.length[i]))
            drawings.append((place, drawing))
    return drawings, [((r.line, r.offset, r.length), r.reason) for r in rejects], lines


def assert_same(text: bytes, raw: bool, **options) -> None:
    found, expected = by_the_reader(text, raw, **options), by_the_standard_parser(text, raw)
    assert found == expected, f"the reader finds {found}, the standard parser {expected}"

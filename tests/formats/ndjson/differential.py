"""The scanner and the standard parser compared: they must read the same from any text."""

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
    """One line in the official layout."""
    return json.dumps({**OFFICIAL, **changes}, separators=(",", ":")).encode()


def read_by_standard_parser(text: bytes, raw: bool):
    """Drawings, rejects and the number of lines, using no part of the reader but `parse_line`."""
    offset = 3 if text.startswith(b"\xef\xbb\xbf") else 0
    lines = text[offset:].split(b"\n")
    if lines[-1] == b"":
        del lines[-1]
    drawings, rejects = [], []
    for number, line in enumerate(lines, 1):
        content = line.removesuffix(b"\r")
        if content.strip(b" \t\r"):
            position = (number, offset, len(content))
            try:
                drawings.append((position, as_tuple(parse_line(content, raw=raw))))
            except LineError as error:
                rejects.append((position, str(error)))
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


def read_by_scanner(text: bytes, raw: bool, **options):
    """The same as `read_by_standard_parser`, and the lines that fell back to the parser."""
    drawings, rejects, lines, fallback_lines = [], [], 0, 0
    for parsed in scan_stream(io.BytesIO(text), raw=raw, on_reject=rejects.append, **options):
        batch = parsed.batch
        lines += parsed.lines
        fallback_lines += parsed.fallback_lines
        counts, known = np.diff(batch.stroke_offsets), batch.key_id_known
        for i, word in enumerate(batch.words_of_drawings()):
            points = slice(*batch.point_offsets[i : i + 2])
            time = batch.timestamp[i]
            drawing = (
                word,
                batch.countrycode[i].decode(),
                None if np.isnat(time) else int(time.astype(np.int64)),
                (False, True, None)[batch.recognition[i]],
                int(batch.key_id[i]) if known is None or known[i] else None,
                counts[slice(*batch.drawing_offsets[i : i + 2])].tolist(),
                batch.x[points].tobytes(),
                batch.y[points].tobytes(),
                None if batch.t is None else batch.t[points].tobytes(),
            )
            position = (int(parsed.line[i]), int(parsed.offset[i]), int(parsed.length[i]))
            drawings.append((position, drawing))
    reasons = [((r.line, r.offset, r.length), r.reason) for r in rejects]
    return (drawings, reasons, lines), fallback_lines


def assert_same(text: bytes, raw: bool, **options) -> int:
    """Compare both; return how many lines the scanner left to the standard parser."""
    actual, fallback_lines = read_by_scanner(text, raw, **options)
    expected = read_by_standard_parser(text, raw)
    assert actual == expected, f"the scanner reads {actual}, the standard parser {expected}"
    return fallback_lines

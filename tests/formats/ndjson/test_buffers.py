"""Buffers are large enough for any chunk, and return copies of what is filled."""

import numpy as np
import pytest

from quickdraw_kit.formats.ndjson.buffers import LENGTH, LINE, OFFSET, ColumnBuffers
from quickdraw_kit.formats.ndjson.line_parser import parse_line

LINE_TEXT = (
    b'{"word":"cat","countrycode":"D","timestamp":"","recognized":true,"key_id":"18446744073709551615"'
    b',"drawing":[[[1,30],[2,3]],[[4],[255]]]}'
).replace(b'"D"', b'"DE"')


def test_drawings_of_the_standard_parser():
    buffers = ColumnBuffers.for_chunk(1000, raw=False)
    counts = np.zeros(4, np.int64)
    for line in (1, 2):
        counts[0] = line
        buffers.append(counts, parse_line(LINE_TEXT), 1, 100 * line, 70 + line)
    assert counts.tolist() == [2, 2, 4, 6]
    batch = buffers.to_batch(counts, ("dog", "cat"))
    assert batch[0].strokes[0].tolist() == [[1, 2], [30, 3]]
    assert batch[1].strokes[1].tolist() == [[4, 255]]
    assert batch[1].key_id == 2**64 - 1
    assert batch[1].word == "cat"
    assert batch[1].countrycode == "DE"
    assert np.isnat(batch[1].timestamp)
    assert buffers.field(OFFSET, counts).tolist() == [100, 200]
    assert buffers.field(LENGTH, counts).tolist() == [71, 72]
    assert buffers.field(LINE, counts).tolist() == [1, 2]


def test_a_batch_does_not_change_when_the_buffers_are_reused():
    buffers = ColumnBuffers.for_chunk(1000, raw=False)
    counts = np.array([1, 0, 0, 0])
    buffers.append(counts, parse_line(LINE_TEXT), 0, 0, 0)
    batch = buffers.to_batch(counts, ("cat",))
    buffers.append(np.array([1, 0, 0, 0]), parse_line(LINE_TEXT.replace(b"[1,", b"[9,")), 0, 0, 0)
    assert batch.x.tolist() == [1, 30, 4]


@pytest.mark.parametrize("raw", [False, True])
def test_memory_is_reserved_once(raw):
    buffers = ColumnBuffers.for_chunk(100, raw=raw)
    assert buffers.reserve(100, raw=raw, timed=True) is buffers
    assert buffers.reserve(90, raw=raw, timed=True) is buffers
    larger = buffers.reserve(200, raw=raw, timed=True)
    assert len(larger.x) > len(buffers.x)
    other = buffers.reserve(100, raw=not raw, timed=True)
    assert (other.t is None) == raw

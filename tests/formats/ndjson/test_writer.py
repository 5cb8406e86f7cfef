"""Lines in the exact official layout."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from quickdraw_kit.formats.ndjson.writer import encode_lines
from quickdraw_kit.strokes.batch import DrawingBatch

KNOWN = {"key_id_known": None, "recognized_known": None}


def encode(batch: DrawingBatch) -> str:
    return b"".join(encode_lines(batch)).decode()


@pytest.mark.parametrize(
    ("time", "text"),
    [
        ("2017-03-02T23:25:10.074530", "2017-03-02 23:25:10.07453 UTC"),
        ("2017-03-02T23:25:10.100000", "2017-03-02 23:25:10.1 UTC"),
        ("2017-03-02T23:25:10", "2017-03-02 23:25:10 UTC"),
        ("2017-03-02T23:20:00", "2017-03-02 23:20:00 UTC"),
        ("1969-12-31T23:59:59.999999", "1969-12-31 23:59:59.999999 UTC"),
        ("NaT", ""),
    ],
)
def test_timestamps(time, text):
    batch = DrawingBatch.from_strokes([[([1], [2])]], words=["a"])
    batch = replace(batch, timestamp=np.array([time], "M8[us]"), **KNOWN)
    assert f'"timestamp":"{text}","recognized"' in encode(batch)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (-1013, "-1013"),
        (2147483520, "2147483520"),
        (-(2.0**31), "-2147483648"),
        (2.0**40, "1099511627776"),
        (-0.0, "-0.0"),
        (0.5, "0.5"),
        (414.48199462890625, "414.48199462890625"),
        (404.9000015258789, "404.9000015258789"),
        (1e-7, "1e-07"),
    ],
)
def test_raw_numbers(number, text):
    batch = DrawingBatch.from_strokes([[([number, 1], [3, number], [0, -9])]], words=["a"])
    assert f'"drawing":[[[{text},1],[3,{text}],[0,-9]]]}}' in encode(batch)


def test_formatted_numbers_are_in_order_over_many_strokes_and_chunks():
    rng = np.random.default_rng(0)
    strokes = [
        [
            (rng.choice([0.5, 1.25, 7, -3], size=count), rng.normal(size=count), np.arange(count))
            for count in rng.integers(1, 5, rng.integers(1, 4))
        ]
        for _ in range(5000)
    ]
    batch = DrawingBatch.from_strokes(strokes, words=["a"] * 5000)
    lines = encode(batch).splitlines()
    assert len(lines) == 5000
    for drawing, line in zip(batch, lines, strict=True):
        rows = [stroke.T.tolist() for stroke in drawing.strokes]
        expected = str(rows).replace(".0,", ",").replace(".0]", "]").replace(" ", "")
        assert line.endswith(f'"drawing":{expected}}}')


def test_words_that_json_escapes():
    batch = DrawingBatch.from_strokes([[([1], [2])]], words=['a"\\\nÄ\u2028'])
    assert encode(batch).startswith('{"word":"a\\"\\\\\\n\\u00c4\\u2028","drawing":')
    assert '","countrycode":"","timestamp":"",' in encode(replace(batch, **KNOWN))


def test_json_writes_the_same_where_ndjson_is_not_installed(monkeypatch):
    words = ["star", 'qu"ote', "h\u00e9lice", "back\\slash", "\U0001f600"]
    batch = DrawingBatch.from_strokes([[([1], [2])]] * len(words), words=words)
    text = encode(batch)
    monkeypatch.setitem(sys.modules, "ndjson", None)
    assert encode(batch) == text

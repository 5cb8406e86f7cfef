"""Which lines are valid, and the reasons for rejecting others."""

import json

import numpy as np
import pytest

from quickdraw_kit.formats.ndjson.line_parser import LineError, parse_line

SIMPLIFIED = {
    "word": "cat",
    "countrycode": "DE",
    "timestamp": "2017-03-02 23:25:10.07453 UTC",
    "recognized": True,
    "key_id": "5201136883597312",
    "drawing": [[[1, 30], [2, 3]], [[4], [255]]],
}
RAW = {**SIMPLIFIED, "drawing": [[[1, -30.5], [2, 3], [0, 16]], [[4], [2755], [90]]]}


def line(base=SIMPLIFIED, /, **changes) -> bytes:
    return json.dumps({**base, **changes}).encode()


def test_simplified():
    parsed = parse_line(line())
    assert not parsed.is_raw
    assert parsed.word == "cat"
    assert parsed.countrycode == "DE"
    assert np.datetime64(parsed.timestamp, "us") == np.datetime64("2017-03-02T23:25:10.074530")
    assert parsed.recognized is True
    assert parsed.key_id == 5201136883597312
    assert parsed.x.dtype == parsed.y.dtype == np.uint8
    assert parsed.x.tolist() == [1, 30, 4]
    assert parsed.y.tolist() == [2, 3, 255]
    assert parsed.t is None
    assert parsed.point_counts == [2, 1]


def test_raw():
    parsed = parse_line(line(RAW))
    assert parsed.is_raw
    assert parsed.x.dtype == np.float64
    assert parsed.t.dtype == np.int32
    assert parsed.x.tolist() == [1, -30.5, 4]
    assert parsed.t.tolist() == [0, 16, 90]


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        (json.dumps(dict(reversed(SIMPLIFIED.items()))).encode(), {}),
        (json.dumps(SIMPLIFIED, indent=1).replace("\n", "\r\t ").encode(), {}),
        (line(extra={"a": [None]}), {}),
        (line(word="Überraschung \u2028"), {"word": "Überraschung \u2028"}),
        (json.dumps({**SIMPLIFIED, "word": "日本"}, ensure_ascii=False).encode(), {"word": "日本"}),
        (line(word='a"b\\c'), {"word": 'a"b\\c'}),
        (line(countrycode=""), {"countrycode": ""}),
        (line(timestamp=""), {"timestamp": None}),
        (line(recognized=None), {"recognized": None}),
        (line(word=None), {"word": None}),
        (line(key_id=None), {"key_id": None}),
        (line(timestamp=None), {"timestamp": None}),
        (line(countrycode=None), {"countrycode": ""}),
        (line(timestamp="1970-01-01 00:00:01 UTC"), {"timestamp": 10**6}),
        (line(timestamp="1969-12-31 23:59:59.5 UTC"), {"timestamp": -(10**6) // 2}),
        (line(timestamp="2016-02-29 00:00:00.000001 UTC"), {"timestamp": 1456704000000001}),
        (line(key_id=7), {"key_id": 7}),
        (line(key_id="0"), {"key_id": 0}),
        (line(key_id=str(2**64 - 1)), {"key_id": 2**64 - 1}),
        (line().replace(b"[1, 30]", b"[1.0, 3e1]"), {}),
        (line().replace(b"[1, 30]", b"[100e-2, 30.0000000000000000001]"), {}),
        (line()[:-1] + b', "word": "dog"}', {"word": "dog"}),
    ],
)
def test_unusual_but_valid(text, changes):
    expected, parsed = parse_line(line()), parse_line(text)
    for name in ("word", "countrycode", "timestamp", "recognized", "key_id", "point_counts"):
        assert getattr(parsed, name) == changes.get(name, getattr(expected, name)), name
    np.testing.assert_array_equal(parsed.x, expected.x)
    np.testing.assert_array_equal(parsed.y, expected.y)


def test_times_are_rounded_half_to_even():
    parsed = parse_line(
        line(RAW, drawing=[[[0] * 5, [0] * 5, [0.5, 1.5, -0.5, 2.4999, 2**31 - 1]]])
    )
    assert parsed.t.tolist() == [0, 2, 0, 2, 2**31 - 1]


def test_coordinates_are_doubles():
    text = line(RAW).replace(b"-30.5", b"1.00000005960464477539062500001")
    assert parse_line(text).x[1] == 1.00000005960464477539062500001


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "not JSON: Expecting value at column 1 of 0"),
        (line()[:-5], "not JSON: Expecting ',' delimiter at column"),
        (b"[1]", "the line is a list of 1, expected a JSON object"),
        (b"\xef\xbb\xbf" + line(), "not JSON: Unexpected UTF-8 BOM"),
        (line() + line(), "not JSON: Extra data at column"),
        (b"\xc2\xa0" + line(), "not JSON: Expecting value at column 1"),
        (line().replace(b"cat", b"c\xfft"), "byte 0xff at column 12 is not UTF-8"),
        (b"[" * 100_000, "lists are nested too deeply"),
        (line(key_id=1).replace(b": 1,", b": " + b"1" * 5000 + b","), "too many digits"),
        (line(word="c\tt").replace(b"\\t", b"\t"), "not JSON: Invalid control character"),
        (line(drawing=[]), "drawing is [], expected a list of at least one stroke"),
        (line(drawing="x"), 'drawing is "x", expected a list'),
        (line(drawing=[[1, 2]]), "stroke 1 is not lists x, y or x, y, t"),
        (line(drawing=[[]]), "the drawing has no points"),
        (line(drawing=[[[1], [2], [3], [4], [5]]]), "stroke 1 has 5 rows"),
        (line(drawing=[[[], []]]), "the drawing has no points"),
        (line(drawing=[[[1], [1]], [[1], [1], [1]]]), "stroke 2 has 3 rows and stroke 1 has 2"),
        (
            line(drawing=[[[1], [1]], [[1], [1]], [[1] * 5, [1] * 4]]),
            "stroke 3 has 5 x and 4 y",
        ),
        (line(drawing=[[[1, 2], [1, 2], [1]]]), "stroke 1 has 2 x, 2 y and 1 t"),
        (line(drawing=[[["1"], [1]]]), 'x "1" in stroke 1, expected a number'),
        (line(drawing=[[[True], [1]]]), "x true in stroke 1, expected a number"),
        (line(drawing=[[[1], [None]]]), "y null in stroke 1, expected a number"),
        (line(drawing=[[[[1]], [1]]]), "x a list of 1 in stroke 1, expected a number"),
        (line(drawing=[[[float("nan")], [1]]]), "x NaN in stroke 1, expected"),
        (line(drawing=[[[float("inf")], [1]]]), "x Infinity in stroke 1, expected"),
        (line(drawing=[[[10**400], [1]]]), "an integer of more than 40 digits in stroke 1"),
        (
            line(RAW).replace(b"2755", b"1e39"),
            "y 1e+39 in stroke 2, expected numbers below 3.4e38",
        ),
        (line(RAW).replace(b"2755", b"1e999"), "y Infinity in stroke 2, expected numbers below"),
        (
            line(RAW, drawing=[[[1, 1], [1, 1], [0, 2**31]]]),
            "t 2147483648 in stroke 1, expected milliseconds",
        ),
        (line(RAW, drawing=[[[1], [1], ["0"]]]), 't "0" in stroke 1, expected a number'),
    ],
)
def test_rejected(text, reason):
    with pytest.raises(LineError) as caught:
        parse_line(text)
    assert reason in str(caught.value)


def test_only_the_drawing_is_required():
    parsed = parse_line(json.dumps({"drawing": SIMPLIFIED["drawing"]}).encode())
    assert (parsed.word, parsed.timestamp, parsed.recognized, parsed.key_id) == (None,) * 4
    assert parsed.countrycode == ""
    rest = {name: value for name, value in SIMPLIFIED.items() if name != "drawing"}
    with pytest.raises(LineError, match="key 'drawing' is missing"):
        parse_line(json.dumps(rest).encode())


def test_the_other_variant_is_rejected():
    assert parse_line(line(RAW), raw=True).is_raw
    with pytest.raises(LineError, match=r"the drawing is raw \(3 rows\), expected simplified"):
        parse_line(line(RAW), raw=False)
    with pytest.raises(LineError, match=r"the drawing is simplified \(2 rows\), expected raw"):
        parse_line(line(), raw=True)


@pytest.mark.parametrize(
    ("drawing", "reason"),
    [
        ([[[1], [2]], [[1, 300], [1, 2]]], "x 300 in stroke 2, expected whole numbers 0 to 255"),
        ([[[1], [-1]]], "y -1 in stroke 1, expected whole"),
        ([[[1.5], [1]]], "x 1.5 in stroke 1, expected whole"),
    ],
)
def test_coordinates_outside_the_frame_are_raw_where_that_is_possible(drawing, reason):
    parsed = parse_line(line(drawing=drawing))
    assert parsed.is_raw
    assert parsed.t is None
    with pytest.raises(LineError) as caught:
        parse_line(line(drawing=drawing), raw=False)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("word", 3), ("word", "\ud83d"),
        ("countrycode", "D"), ("countrycode", "ÄÖ"), ("countrycode", "D1"),
        ("timestamp", "2017-02-29 00:00:00 UTC"), ("timestamp", "0000-01-01 00:00:00 UTC"),
        ("timestamp", "2017-01-01 00:00:60 UTC"), ("timestamp", "2017-01-01 00:00:00. UTC"),
        ("timestamp", "\uff12017-01-01 00:00:00 UTC"),
        ("recognized", "maybe"), ("recognized", 2),
        ("key_id", "12a"), ("key_id", "\u0661"), ("key_id", -1), ("key_id", True),
        ("key_id", 2**64), ("key_id", "9" * 4000), ("key_id", 1e19),
        ("key_id", "0b5dbe10-3a0e-4c7e-9b9e-3f1d2a7c8f11"),
    ],
)  # fmt: skip
def test_metadata_that_is_not_valid_is_unknown_and_counted(field, value):
    parsed = parse_line(line(**{field: value}))
    assert parsed.dropped == (field,)
    assert getattr(parsed, field) == ("" if field == "countrycode" else None)
    assert parsed.x.tolist() == [1, 30, 4]


@pytest.mark.parametrize(
    "value",
    [
        "2017-03-02T23:25:10.07453Z", "2017-03-02 23:25:10.074530+00:00",
        "2017-03-03T00:25:10.074530+0100", 1488497110.07453, 1488497110074530,
        "1488497110074530", 1488497110074530000,
    ],
)  # fmt: skip
def test_spellings_of_one_time(value):
    parsed = parse_line(line(timestamp=value))
    assert parsed.dropped == ()
    assert parsed.timestamp == parse_line(line()).timestamp


@pytest.mark.parametrize(
    "value",
    [1488497110, 1488497110000, "Thu, 02 Mar 2017 23:25:10 GMT",
     "Fri Mar 03 2017 00:25:10 GMT+0100 (CET)"],
)  # fmt: skip
def test_spellings_of_whole_seconds(value):
    assert parse_line(line(timestamp=value)).timestamp == 1488497110 * 10**6


@pytest.mark.parametrize(
    "drawing",
    [
        [[[1, 2], [30, 3], [7, 7], [8, 8], [9, 9]], [[4, 255]]],
        [[{"x": x, "y": y} for x, y in [(1, 2), (30, 3), (7, 7), (8, 8), (9, 9)]],
         [{"x": 4, "y": 255}]],
        [{"x": [1, 30, 7, 8, 9], "y": [2, 3, 7, 8, 9]}, {"x": [4], "y": [255]}],
        "[[[1, 30, 7, 8, 9], [2, 3, 7, 8, 9]], [[4], [255]]]",
        [[[1, 30, 7, 8, 9], [2, 3, 7, 8, 9]], [[4], [255]], [[], []]],
    ],
)  # fmt: skip
def test_any_shape_of_strokes(drawing):
    parsed = parse_line(line(drawing=drawing))
    assert (parsed.x.tolist(), parsed.y.tolist()) == ([1, 30, 7, 8, 9, 4], [2, 3, 7, 8, 9, 255])
    assert parsed.point_counts == [5, 1]


def test_ambiguous_strokes_are_rows_unless_the_file_says_otherwise():
    text = line(drawing=[[[1, 2], [3, 4]]])
    assert parse_line(text).y.tolist() == [3, 4]
    assert parse_line(text, points=True).y.tolist() == [2, 4]


def test_long_values_are_shortened_in_reasons():
    with pytest.raises(LineError) as caught:
        parse_line(line(drawing="x" * 10_000))
    assert len(str(caught.value)) < 200

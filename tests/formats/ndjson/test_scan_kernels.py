"""The scanner and the standard parser read the same drawings and rejects from any text."""

import json
import os
import subprocess
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from quickdraw_kit.formats.ndjson.files import read_ndjson
from tests.conftest import examples
from tests.formats.ndjson.differential import assert_same, official

WORDS = ["cat", "The Eiffel Tower", "t-shirt", "Ä", 'quo"te', "\u2028", "a\x7fb"]
WORDS += ["back\\slash", "back\\\\slash"]  # the second is what the first looks like in JSON

# for each column: values that are mostly valid, and values that are unusual or invalid
words = st.sampled_from(WORDS), st.sampled_from(["", "new", 3])
countries = st.sampled_from(["US", "de", ""]), st.sampled_from(["D1", "USA", "U", "ÄÖ", None])
timestamps = (
    st.datetimes().map(lambda time: f"{time.date()} {time:%H:%M:%S.%f} UTC"),
    st.sampled_from(["", "2017-03-02 23:25:10 UTC", "2017-02-29 00:00:00 UTC", "2017", 0]),
)
flags = st.booleans(), st.sampled_from([0, "true", None])
key_ids = (
    st.integers(0, 2**64 - 1).map(str),
    st.sampled_from(["007", "", "0", "9" * 19, "9" * 20, str(2**64), 12, -1, 1.0]),
)
small = st.integers(0, 255) | st.sampled_from([9, 10, 99, 100, 199, 249, 250, 255])
real = st.one_of(
    st.integers(-2000, 3000),
    st.floats(-2000, 3000),
    st.floats(-2000, 3000, width=32),
    st.sampled_from([0.0, -0.0, 1e-7, 0.001, 2**53 + 0.0, 1e15, 123456789012345678, 10**19, 1e22]),
    st.floats(-1e38, 1e38),
    st.integers(-(2**70), 2**70),
)
numbers = {
    "small": (small, st.sampled_from([256, -1, 0.5, 1.0, 1e2, float("nan"), "1", True])),
    "real": (real, st.sampled_from([1e39, float("inf"), float("nan"), 10**39, "1", None])),
    "time": (st.integers(0, 10**6), st.sampled_from([-1, 2**31 - 1, 2**31, -(2**31), 0.5, 1e3])),
}


@st.composite
def strokes(draw, raw, odd):
    def row(dtype, count):
        row = draw(st.lists(numbers[dtype][0], min_size=count, max_size=count))
        if odd == "number" and draw(st.booleans()):
            row[draw(st.integers(0, count - 1))] = draw(numbers[dtype][1])
        if odd == "lengths" and draw(st.booleans()):
            row = row[1:]
        return row

    raw ^= odd == "variant"
    return [
        [row("real" if raw else "small", count), row("real" if raw else "small", count)]
        + ([row("time", count)] if raw else [])
        for count in draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    ]


@st.composite
def lines(draw, raw):
    """A line in the official layout, or one that differs from it in one way."""
    columns = {"word": words, "countrycode": countries, "timestamp": timestamps}
    columns |= {"recognized": flags, "key_id": key_ids}
    other_oddities = ["number", "lengths", "variant", "layout", "missing key", "broken", "cut off"]
    odd = draw(st.just("") | st.sampled_from([*columns, *other_oddities]))
    document = {name: draw(column[name == odd]) for name, column in columns.items()}
    document["drawing"] = draw(strokes(raw, odd))
    if odd == "missing key":
        for name in draw(st.sets(st.sampled_from(list(document)), min_size=1)):
            del document[name]
    if odd != "layout":
        text = json.dumps(document, separators=(",", ":")).encode()
    else:
        document = {key: document[key] for key in draw(st.permutations(list(document)))}
        separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\t", "\r: ")]))
        ascii_only = draw(st.booleans())
        text = json.dumps(document, separators=separators, ensure_ascii=ascii_only).encode()
    if odd == "broken":
        at = draw(st.integers(0, len(text)))
        inserted = draw(
            st.sampled_from([b"", *(bytes([c]) for c in b'0159-+.eE,:[]{}" \t\r\\n\xff\x00')])
        )
        text = text[:at] + inserted + text[at + draw(st.integers(0, 2)) :]
    if odd == "cut off":
        text = text[: draw(st.integers(0, len(text)))]
    return text


@st.composite
def files(draw, raw):
    content = draw(st.lists(lines(raw) | st.sampled_from([b"", b" \t"]), min_size=1, max_size=4))
    newline = draw(st.sampled_from([b"\n", b"\n", b"\r\n"]))
    start = draw(st.sampled_from([b"", b"", b"\xef\xbb\xbf"]))
    if draw(st.integers(0, 3)):  # the scanner knows only words of lines before
        content = [*known_words(raw), *content]
    return start + newline.join(content) + draw(st.sampled_from([newline, b"", b"\r"]))


def known_words(raw) -> list[bytes]:
    drawing = [[[1], [2], [3]]] if raw else [[[1], [2]]]
    return [official(word=word, drawing=drawing) for word in WORDS]


@examples(600)
@given(st.booleans().flatmap(lambda raw: st.tuples(files(raw), st.just(raw))))
@example((b"", False))
@example((b"\xef\xbb\xbf", False))
@example((b"\n\n", True))
@example((official(), False))
@example((official() + b"\r\n" + official() + b"\r", False))
@example((official().replace(b"30", b"030"), False))
@example((official(drawing=[[[-0.0], [1], [2]]]), True))
@example((official(drawing=[[[0], [1], [2]]]).replace(b"[0]", b"[-0]"), True))
def test_both_paths_agree(case):
    assert_same(*case)


@pytest.mark.parametrize("raw", [False, True])
def test_both_paths_agree_after_any_change_of_one_byte(raw):
    drawing = [[[12, 0.5], [200, -3], [0, 7]]] if raw else [[[12, 0], [200, 3]], [[7], [8]]]
    text = official(drawing=drawing)
    changed = []
    for at in range(len(text)):
        for byte in b'019"\\,.-[]{}eu \r\x00\xc3':
            changed.append(text[:at] + bytes([byte]) + text[at + 1 :])
        changed.append(text[:at] + text[at + 1 :])
        changed.append(text[:at])
    assert_same(b"\n".join(changed), raw)


def test_both_paths_agree_on_dates_and_times():
    days = [
        f"{year:04}-{month:02}-{day:02}"
        for year in (0, 1, 4, 100, 400, 1600, 1900, 1969, 1970, 1999, 2000, 2016, 2017, 2100, 9999)
        for month in range(14)
        for day in (0, 1, 28, 29, 30, 31, 32)
    ]
    hours = [
        f"{hour:02}:{minute:02}:{second:02}"
        for hour in (0, 9, 23, 24)
        for minute in (0, 59, 60)
        for second in (0, 59, 60)
    ]
    fractions = ["", ".", ".0", ".5", ".05", ".123456", ".000001", ".1234567", ".x", "5"]
    texts = [f"{day} 12:34:56.789 UTC" for day in days]
    texts += [f"2017-03-02 {hour} UTC" for hour in hours]
    texts += [f"2017-03-02 00:00:00{fraction} UTC" for fraction in fractions]
    texts += ["2017-03-02 00:00:00 UTC ", "2017-03-02 00:00:00", "2017-03-02 00:00:00 CET", " "]
    lines = [official(timestamp=text) for text in texts]
    assert_same(b"\n".join([official(), *lines]), raw=False)


def test_both_paths_agree_on_key_ids():
    edges = [0, 9, 10**18, 10**19 - 1, 10**19, 2**63, 2**64 - 1, 2**64, 10**20 - 1, 10**20]
    lines = [official(key_id=key_id) for edge in edges for key_id in (str(edge), edge, f"0{edge}")]
    assert_same(b"\n".join([official(), *lines]), raw=False)


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["simplified", "raw"])
def test_both_paths_agree_on_all_real_files(real_data, variant):
    paths = sorted((real_data / "quickdraw" / variant).glob("*.ndjson"))
    assert len(paths) > 300
    for path in paths:
        fallback_lines = assert_same(path.read_bytes(), raw=variant == "raw")
        assert fallback_lines == 1  # the first line, with a word that is not known yet


def test_the_official_layout_is_scanned_not_parsed():
    bare = {"word": "cat", "drawing": [[[0], [255]]]}
    lines = [
        official(),
        json.dumps(bare, separators=(",", ":")).encode(),
        official().replace(b'"countrycode":"DE",', b""),
        official()
        .replace(b'"recognized":true,', b"")
        .replace(b'"key_id":"5201136883597312",', b""),
        official(countrycode=""),
        official(timestamp=""),
        official(timestamp="2016-02-29 00:00:00 UTC"),
        official(recognized=False),
        official(key_id="0"),
        official(drawing=[[[0], [255]]] * 50),
    ]
    assert assert_same(lines[0], raw=False) == 1
    for count in range(1, len(lines) + 1):
        assert assert_same(b"\n".join(lines[:count]) + b"\r\n", raw=False) == 1


def test_alternating_words_are_found_again():
    words = [f"word {i}" for i in range(300)]
    text = b"\n".join(official(word=word) for word in words * 3)
    assert read_ndjson(text).words_of_drawings() == words * 3
    assert assert_same(text, raw=False) == 300


READ_TWO_CHUNKS = """
import io
from quickdraw_kit.formats.ndjson.chunks import iter_chunks
from quickdraw_kit.formats.ndjson.scanner import scan_chunks
from tests.formats.ndjson.differential import official

lines = official(word="x" * 500) + b"\\n" + official(word="y") + b"\\n"
chunks = iter_chunks(io.BytesIO(lines * 2), chunk_bytes=len(lines))
for parsed in scan_chunks(chunks, raw=False, name="test", on_reject=None):
    print(len(parsed.batch), parsed.fallback_lines)
"""


def test_a_short_line_after_a_long_word_is_not_read_beyond_the_buffer():
    """Only plain Python checks indices, so the kernels run as plain Python here."""
    process = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", READ_TWO_CHUNKS],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.stdout.splitlines() == ["2 2", "2 0"], process.stderr

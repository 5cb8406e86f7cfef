"""Any container and encoding of the same drawings gives the same batch."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickdraw_kit.errors import DataError
from quickdraw_kit.formats.ndjson.files import read_ndjson

WORDS = st.sampled_from(["cat", 'a "b" \\', "x],[{", "ünï"])
LINES = st.lists(
    st.fixed_dictionaries(
        {
            "word": WORDS,
            "drawing": st.lists(
                st.integers(5, 9).flatmap(
                    lambda n: st.tuples(
                        *[st.lists(st.integers(0, 255), min_size=n, max_size=n)] * 2
                    )
                ),
                min_size=1,
                max_size=3,
            ),
        }
    ),
    min_size=1,
    max_size=5,
)
CONTAINERS = {
    "array": json.dumps,
    "indented array": lambda lines: json.dumps(lines, indent=2),
    "object with a list": lambda lines: json.dumps({"v": {"a": [1]}, "drawings": lines}),
    "indented object": lambda lines: json.dumps({"drawings": lines, "v": [{}]}, indent=1),
    "indented lines": lambda lines: "\n".join(json.dumps(line, indent=2) for line in lines),
    "Windows lines": lambda lines: "\r\n".join(map(json.dumps, lines)),
}


@given(
    LINES,
    st.sampled_from(sorted(CONTAINERS)),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
)
def test_any_container(lines, container, encoding):
    expected = read_ndjson("\n".join(map(json.dumps, lines)).encode())
    assert read_ndjson(CONTAINERS[container](lines).encode(encoding)).equals(expected)


def test_a_list_that_is_cut_off():
    text = json.dumps([{"word": "cat", "drawing": [[[1, 30], [2, 3]]]}] * 3).encode()
    with pytest.raises(DataError, match="is cut off"):
        read_ndjson(text[:-10])


def test_drawings_by_word():
    drawing = [[[1, 2, 3, 4, 5], [1, 2, 3, 4, 5]]]
    text = json.dumps({"drawings": {"cat": [drawing, drawing], "dog": drawing}}).encode()
    assert read_ndjson(text).words_of_drawings() == ["cat", "cat", "dog"]

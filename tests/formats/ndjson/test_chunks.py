"""Chunks of lines: every line comes once, whole and in order, for all sizes."""

import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from quickdraw_kit.formats.ndjson.chunks import iter_chunks

BOM = b"\xef\xbb\xbf"


class SlowStream(io.RawIOBase):
    """A stream that returns a few bytes at a time, as a pipe does."""

    def __init__(self, content: bytes, step: int) -> None:
        self.content, self.step = content, step

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        data = self.content[: min(self.step, len(buffer))]
        buffer[: len(data)] = data
        self.content = self.content[len(data) :]
        return len(data)


def read_lines(file, **options):
    """Return each line as (offset, content), or as (offset, length) if it is too long."""
    lines = []
    for chunk in iter_chunks(file, **options):
        if chunk.too_long:
            assert chunk.size == 0
            lines.append((chunk.offset, chunk.too_long))
            continue
        content = bytes(chunk.data[: chunk.size])
        assert content.endswith(b"\n")
        offset = chunk.offset
        for line in content[:-1].split(b"\n"):
            lines.append((offset, line))
            offset += len(line) + 1
    return lines


def expected(content: bytes, longest: int):
    offset = len(BOM) if content.startswith(BOM) else 0
    lines = []
    for line in content[offset:].split(b"\n"):
        lines.append((offset, line if len(line) <= longest else len(line)))
        offset += len(line) + 1
    if lines[-1][1] == b"":
        del lines[-1]
    return lines


contents = st.lists(st.sampled_from([b"\n", b"a", b"bc" * 3, b"\r", BOM]), max_size=30).map(
    b"".join
)


@given(contents, st.integers(1, 40), st.integers(3, 30), st.integers(1, 50))
@example(BOM, 8, 8, 8)
@example(BOM + b"abcdefgh\n", 4, 8, 3)
@example(b"abcdefgh", 4, 8, 8)
@example(b"abcdefghi", 4, 8, 8)
def test_every_line_comes_once(content, chunk_bytes, max_line_bytes, step):
    lines = read_lines(
        SlowStream(content, step), chunk_bytes=chunk_bytes, max_line_bytes=max_line_bytes
    )
    assert lines == expected(content, max_line_bytes)


@given(contents, st.integers(0, 60), st.integers(1, 40))
def test_all_lines_before_stop_come(content, stop, chunk_bytes):
    lines = read_lines(io.BytesIO(content), stop=stop, chunk_bytes=chunk_bytes)
    wanted = expected(content, len(content))
    assert [line for line in lines if line[0] < stop] == [line for line in wanted if line[0] < stop]


def test_little_is_read_beyond_stop():
    file = io.BytesIO(b"0123456\n" * (1 << 17))
    assert read_lines(file, stop=16, chunk_bytes=1 << 20)[:2] == [(0, b"0123456"), (8, b"0123456")]
    assert file.tell() <= 1 << 17


@pytest.mark.parametrize("length", [100, 101])
def test_the_longest_line(length):
    content = b"x" * length + b"\ny"
    lines = read_lines(io.BytesIO(content), chunk_bytes=16, max_line_bytes=100)
    assert lines[0] == ((0, b"x" * 100) if length == 100 else (0, 101))
    assert lines[1:] == [(length + 1, b"y")]


def test_the_last_line_may_lack_its_newline():
    chunks = iter_chunks(io.BytesIO(b"one\ntwo\nthree"), chunk_bytes=8)
    contents = [bytes(chunk.data[: chunk.size]) for chunk in chunks]
    assert contents == [b"one\ntwo\n", b"three\n"]

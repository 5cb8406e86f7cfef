"""Blocks of lines: every line once, whole, in its place, whatever the sizes."""

import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from quickdraw_kit.formats.ndjson.chunks import iter_chunks

BOM = b"\xef\xbb\xbf"


class Dribble(io.RawIOBase):
    """A stream that gives a few bytes at a time, as a pipe does."""

    def __init__(self, content: bytes, step: int) -> None:
        self.content, self.step = content, step

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        piece = self.content[: min(self.step, len(buffer))]
        buffer[: len(piece)] = piece
        self.content = self.content[len(piece) :]
        return len(piece)


def collected(file, **options):
    """Each line as (offset, content), or as (offset, length) when it is too long."""
    lines = []
    for block in iter_chunks(file, **options):
        if block.too_long:
            assert block.size == 0
            lines.append((block.offset, block.too_long))
            continue
        content = bytes(block.data[: block.size])
        assert content.endswith(b"\n")
        offset = block.offset
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
    lines = collected(
        Dribble(content, step), chunk_bytes=chunk_bytes, max_line_bytes=max_line_bytes
    )
    assert lines == expected(content, max_line_bytes)


@given(contents, st.integers(0, 60), st.integers(1, 40))
def test_all_lines_before_the_stop_come(content, stop, chunk_bytes):
    lines = collected(io.BytesIO(content), stop=stop, chunk_bytes=chunk_bytes)
    wanted = expected(content, len(content))
    assert [line for line in lines if line[0] < stop] == [line for line in wanted if line[0] < stop]


def test_little_is_read_beyond_the_stop():
    file = io.BytesIO(b"0123456\n" * (1 << 17))
    assert collected(file, stop=16, chunk_bytes=1 << 20)[:2] == [(0, b"0123456"), (8, b"0123456")]
    assert file.tell() <= 1 << 17


@pytest.mark.parametrize("length", [100, 101])
def test_the_longest_line(length):
    content = b"x" * length + b"\ny"
    lines = collected(io.BytesIO(content), chunk_bytes=16, max_line_bytes=100)
    assert lines[0] == ((0, b"x" * 100) if length == 100 else (0, 101))
    assert lines[1:] == [(length + 1, b"y")]

"""Lines of several chunks, by both paths: variants, vocabularies, positions and rejects."""

import io

import pytest

from quickdraw_kit.errors import MalformedLineError
from quickdraw_kit.formats.ndjson.chunks import iter_chunks
from quickdraw_kit.formats.ndjson.scanner import Reject, scan_chunks


def line(word: str, key_id: int, points: str = "[1,30],[2,3]") -> bytes:
    return (
        f'{{"word":"{word}","countrycode":"DE","timestamp":"2017-03-02 23:25:10 UTC",'
        f'"recognized":true,"key_id":"{key_id}","drawing":[[{points}]]}}\n'
    ).encode()


def scan(content: bytes, *, raw=None, on_reject=None, **options):
    chunks = iter_chunks(io.BytesIO(content), chunk_bytes=400)
    return list(scan_chunks(chunks, raw=raw, name="test", on_reject=on_reject, **options))


def test_positions_continue_from_chunk_to_chunk():
    lines = [line("cat", i) for i in range(10)]
    lines[4] = b"bad\n"
    content = b"".join(lines)
    rejects = []
    chunks = scan(content, on_reject=rejects.append)
    assert len(chunks) == 3
    assert [key for chunk in chunks for key in chunk.batch.key_id] == [0, 1, 2, 3, 5, 6, 7, 8, 9]
    assert [n for chunk in chunks for n in chunk.line] == [1, 2, 3, 4, 6, 7, 8, 9, 10]
    assert sum(chunk.lines for chunk in chunks) == 10
    offsets = [offset for chunk in chunks for offset in chunk.offset]
    assert offsets == [content.index(each) for each in lines if each != b"bad\n"]
    assert rejects == [Reject("test", 5, content.index(b"bad"), 3, rejects[0].reason)]


def test_a_later_chunk_may_decide_the_variant():
    content = b"bad\n" * 200 + line("cat", 1, "[1,2.5],[2,3],[0,9]") + line("cat", 2)
    rejects = []
    chunks = scan(content, on_reject=rejects.append)
    assert [len(chunk.batch) for chunk in chunks] == [0] * (len(chunks) - 1) + [1]
    assert chunks[-1].batch.is_float
    assert len(rejects) == 201


@pytest.mark.parametrize("max_words", [0, 3])
def test_a_vocabulary_that_is_too_large_starts_over(max_words):
    words = [f"word {i % 7}" for i in range(60)]
    content = b"".join(line(word, i) for i, word in enumerate(words))
    chunks = scan(content, max_words=max_words)
    assert [word for chunk in chunks for word in chunk.batch.words_of_drawings()] == words
    assert max(len(chunk.batch.words) for chunk in chunks) <= max_words + 3


def test_without_on_reject_the_first_bad_line_is_an_error():
    with pytest.raises(MalformedLineError, match="test, line 2"):
        scan(line("cat", 1) + b"bad\nbad\n")


def test_errors_of_on_reject_propagate():
    def fail(reject):
        raise RuntimeError(reject.reason)

    with pytest.raises(RuntimeError, match="not JSON"):
        scan(b"bad\n", on_reject=fail)

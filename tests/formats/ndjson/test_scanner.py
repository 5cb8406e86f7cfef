"""The reader joins both paths: kinds, vocabularies and places over several blocks."""

import io

import pytest

from quickdraw_kit.errors import MalformedLineError
from quickdraw_kit.formats.ndjson import scanner as reader
from quickdraw_kit.formats.ndjson.chunks import iter_chunks
from quickdraw_kit.formats.ndjson.scanner import scan_chunks


def line(word: str, key_id: int, points: str = "[1,30],[2,3]") -> bytes:
    return (
        f'{{"word":"{word}","countrycode":"DE","timestamp":"2017-03-02 23:25:10 UTC",'
        f'"recognized":true,"key_id":"{key_id}","drawing":[[{points}]]}}\n'
    ).encode()


def scans_of(content: bytes, *, raw=None, on_reject=None, chunk_bytes=400):
    blocks = iter_chunks(io.BytesIO(content), chunk_bytes=chunk_bytes)
    return list(scan_chunks(blocks, raw=raw, name="test", on_reject=on_reject))


def test_places_go_on_from_block_to_block():
    lines = [line("cat", i) for i in range(10)]
    lines[4] = b"bad\n"
    content = b"".join(lines)
    rejects = []
    scans = scans_of(content, on_reject=rejects.append)
    assert len(scans) == 3
    assert [key for scan in scans for key in scan.batch.key_id] == [0, 1, 2, 3, 5, 6, 7, 8, 9]
    assert [n for scan in scans for n in scan.line] == [1, 2, 3, 4, 6, 7, 8, 9, 10]
    assert sum(scan.lines for scan in scans) == 10
    offsets = [offset for scan in scans for offset in scan.offset]
    assert offsets == [content.index(each) for each in lines if each != b"bad\n"]
    assert rejects == [reader.Reject("test", 5, content.index(b"bad"), 3, rejects[0].reason)]


def test_the_kind_is_settled_by_a_later_block():
    content = b"bad\n" * 200 + line("cat", 1, "[1,2.5],[2,3],[0,9]") + line("cat", 2)
    rejects = []
    scans = scans_of(content, on_reject=rejects.append)
    assert [len(scan.batch) for scan in scans] == [0] * (len(scans) - 1) + [1]
    assert scans[-1].batch.is_float
    assert len(rejects) == 201


@pytest.mark.parametrize("limit", [0, 3])
def test_a_vocabulary_that_is_too_large_begins_anew(monkeypatch, limit):
    monkeypatch.setattr(reader, "_VOCABULARY_LIMIT", limit)
    words = [f"word {i % 7}" for i in range(60)]
    content = b"".join(line(word, i) for i, word in enumerate(words))
    scans = scans_of(content)
    assert [word for scan in scans for word in scan.batch.words_of_drawings()] == words
    assert max(len(scan.batch.words) for scan in scans) <= limit + 3


def test_without_on_reject_the_first_bad_line_is_an_error():
    with pytest.raises(MalformedLineError, match="test, line 2"):
        scans_of(line("cat", 1) + b"bad\nbad\n")


def test_an_error_of_on_reject_is_not_swallowed():
    def refuse(reject):
        raise RuntimeError(reject.reason)

    with pytest.raises(RuntimeError, match="not JSON"):
        scans_of(b"bad\n", on_reject=refuse)

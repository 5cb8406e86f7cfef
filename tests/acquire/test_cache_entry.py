"""The folder of downloads and what stands beside each file."""

import threading
from pathlib import Path

import pytest

from quickdraw_kit.acquire.cache_entry import CacheEntry, checksums, content_md5, get_data_home
from quickdraw_kit.storage.retry import PermanentError, RemoteObject

VERSION = RemoteObject("https://x/cat", 3, etag='"a"')


@pytest.fixture
def place(tmp_path):
    return CacheEntry(tmp_path / "kind" / "cat.ndjson")


def whole(place) -> CacheEntry:
    partial = place.start(VERSION)
    partial.write_bytes(b"abc")
    md5, crc32c = checksums(partial)
    place.commit(partial, RemoteObject("https://x/cat", 3, md5=md5, crc32c=crc32c))
    return place


def test_the_home(monkeypatch, tmp_path):
    assert get_data_home().name == "quickdraw_kit"
    monkeypatch.setenv("QUICKDRAW_KIT_HOME", str(tmp_path))
    assert get_data_home() == tmp_path
    assert get_data_home("~/data") == Path.home() / "data"
    monkeypatch.chdir(tmp_path)
    assert get_data_home("here") == tmp_path / "here"


def test_a_commit_leaves_the_file_and_its_record(place):
    whole(place)
    assert place.is_whole()
    assert place.is_intact()
    assert sorted(path.name for path in place.path.parent.iterdir()) == [
        ".cat.ndjson.json",
        "cat.ndjson",
    ]


def test_a_kill_within_a_commit_never_trusts_the_older_file(place, monkeypatch):
    partial = place.start(VERSION)
    partial.write_bytes(b"abc")
    place.path.write_bytes(b"old")  # of the same size

    def killed(*arguments):
        raise SystemExit

    record = RemoteObject("https://x/cat", 3, md5="0", crc32c="0")
    with monkeypatch.context() as patch:
        patch.setattr(type(partial), "replace", killed_at(partial, killed))
        with pytest.raises(SystemExit):
            place.commit(partial, record)
    assert place.record() == record
    assert not place.is_whole()


def killed_at(path, killed):
    replace = type(path).replace
    return lambda self, target: killed() if self == path else replace(self, target)


@pytest.mark.parametrize("record", [b"", b"[]", b"{", b'{"size": 3}', b'{"url": "", "cat": 1}'])
def test_a_record_that_is_none(place, record):
    whole(place)
    (place.path.parent / ".cat.ndjson.json").write_bytes(record)
    assert place.record() is None
    assert not place.is_whole()


def test_another_start_drops_the_first(place):
    first = place.start(VERSION)
    first.write_bytes(b"ab")
    assert place.partial_size() == 2
    second = place.start(VERSION)
    assert first != second
    assert not first.exists()
    assert place.partial_size() == 0


def test_what_cannot_be_pinned_is_of_no_use_later(place):
    place.start(RemoteObject("https://x/cat", 3)).write_bytes(b"ab")
    assert place.partial_size() == 0


def test_names_that_begin_alike_do_not_meddle(tmp_path):
    cat, other = CacheEntry(tmp_path / "cat.nd"), CacheEntry(tmp_path / "cat.nd.json")
    kept = other.start(VERSION)
    cat.start(VERSION)
    cat.discard()
    assert kept.exists()


def test_a_lock_is_held_by_one_and_given_up_when_stopped(place):
    notes, stopped = [], threading.Event()

    def second() -> None:
        with pytest.raises(PermanentError, match="stopped"), place.lock(stopped.is_set, wait):
            pass

    def wait(note: str) -> None:
        notes.append(note)
        stopped.set()

    with place.lock(lambda: False, notes.append):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert notes == ["another process is fetching it"]


def test_checksums_of_more_than_one_piece(tmp_path):
    path = tmp_path / "zeros"
    path.write_bytes(bytes(3 << 20))
    assert checksums(path)[0] == "d1dd210d6b1312cb342b56d02bd5e651"


def test_content_that_is_cut_off_has_no_checksum(tmp_path):
    import gzip

    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(bytes(1000))[:-4])
    assert content_md5(path) == "damaged"

"""The folder of downloads, and the hidden files beside each file."""

import threading
from pathlib import Path

import pytest

from quickdraw_kit.acquire.cache_entry import CacheEntry, get_data_home
from quickdraw_kit.storage.file_info import FileInfo
from quickdraw_kit.storage.hashing import md5_and_crc32c
from quickdraw_kit.storage.retry import PermanentError

VERSION = FileInfo("https://x/cat", 3, etag='"a"')


@pytest.fixture
def entry(tmp_path):
    return CacheEntry(tmp_path / "simplified" / "cat.ndjson")


def complete(entry) -> CacheEntry:
    partial = entry.start_partial(VERSION)
    partial.write_bytes(b"abc")
    md5, crc32c = md5_and_crc32c(partial)
    entry.commit(partial, FileInfo("https://x/cat", 3, md5=md5, crc32c=crc32c))
    return entry


def test_get_data_home(monkeypatch, tmp_path):
    assert get_data_home().name == "quickdraw_kit"
    monkeypatch.setenv("QUICKDRAW_KIT_HOME", str(tmp_path))
    assert get_data_home() == tmp_path
    assert get_data_home("~/data") == Path("~/data").expanduser()
    monkeypatch.chdir(tmp_path)
    assert get_data_home("here") == tmp_path / "here"


def test_a_commit_leaves_the_file_and_its_record(entry):
    complete(entry)
    assert entry.is_complete()
    assert entry.is_intact()
    assert sorted(path.name for path in entry.path.parent.iterdir()) == [
        ".cat.ndjson.json",
        "cat.ndjson",
    ]


def test_a_kill_within_a_commit_never_trusts_the_older_file(entry, monkeypatch):
    partial = entry.start_partial(VERSION)
    partial.write_bytes(b"abc")
    entry.path.write_bytes(b"old")  # of the same size

    def killed(*arguments):
        raise SystemExit

    record = FileInfo("https://x/cat", 3, md5="0", crc32c="0")
    with monkeypatch.context() as patch:
        patch.setattr(type(partial), "replace", killed_at(partial, killed))
        with pytest.raises(SystemExit):
            entry.commit(partial, record)
    assert entry.record() == record
    assert not entry.is_complete()


def killed_at(path, killed):
    replace = type(path).replace
    return lambda self, target: killed() if self == path else replace(self, target)


@pytest.mark.parametrize("record", [b"", b"[]", b"{", b'{"size": 3}', b'{"url": "", "cat": 1}'])
def test_an_invalid_record(entry, record):
    complete(entry)
    (entry.path.parent / ".cat.ndjson.json").write_bytes(record)
    assert entry.record() is None
    assert not entry.is_complete()


def test_a_new_partial_file_replaces_the_first(entry):
    first = entry.start_partial(VERSION)
    first.write_bytes(b"ab")
    assert entry.partial_size() == 2
    second = entry.start_partial(VERSION)
    assert first != second
    assert not first.exists()
    assert entry.partial_size() == 0


def test_a_partial_file_without_a_version_is_not_resumed(entry):
    entry.start_partial(FileInfo("https://x/cat", 3)).write_bytes(b"ab")
    assert entry.partial_size() == 0


def test_names_with_a_common_prefix_do_not_interfere(tmp_path):
    cat, other = CacheEntry(tmp_path / "cat.nd"), CacheEntry(tmp_path / "cat.nd.json")
    kept = other.start_partial(VERSION)
    cat.start_partial(VERSION)
    cat.discard_partial()
    assert kept.exists()


def test_one_process_has_the_lock_and_the_wait_can_be_stopped(entry):
    notes, stopped = [], threading.Event()

    def second() -> None:
        with pytest.raises(PermanentError, match="stopped"), entry.lock(stopped.is_set, wait):
            pass

    def wait(note: str) -> None:
        notes.append(note)
        stopped.set()

    with entry.lock(lambda: False, notes.append):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert notes == ["another process is downloading it"]

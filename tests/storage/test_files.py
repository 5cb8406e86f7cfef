"""Files are written completely or not at all, and opened whatever their compression."""

import bz2
import gzip
import io
import lzma
import stat
import zipfile

import pytest
import zstandard

from quickdraw_kit.errors import DataError
from quickdraw_kit.storage.files import (
    atomic_write,
    compressed_writer,
    detect_compression,
    open_decompressed,
    parse_json,
)


def pack_zip(content):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("drawing.txt", content)
        archive.writestr("__MACOSX/._drawing.txt", b"of macOS")
    return file.getvalue()


PACKERS = [gzip.compress, zstandard.compress, bz2.compress, lzma.compress]


@pytest.mark.parametrize("pack", [bytes, *PACKERS, pack_zip])
def test_a_file_opens_whatever_its_compression_and_its_name(tmp_path, pack):
    path = tmp_path / "drawing.txt"
    path.write_bytes(pack(b"one\ntwo\n"))
    with open_decompressed(path) as file:
        assert file.read(4) == b"one\n"
        assert file.read() == b"two\n"


@pytest.mark.parametrize("pack", PACKERS)
def test_concatenated_frames_are_one_file(tmp_path, pack):
    path = tmp_path / "parts"
    path.write_bytes(pack(b"one ") + pack(b"two"))
    with open_decompressed(path) as file:
        assert file.read() == b"one two"


def test_an_empty_file_opens(tmp_path):
    (tmp_path / "empty").touch()
    with open_decompressed(tmp_path / "empty") as file:
        assert file.read() == b""


def test_a_folder_is_not_a_file(tmp_path):
    with pytest.raises(DataError, match="is a folder"):
        open_decompressed(tmp_path)


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def fail() -> None:
        with atomic_write(path) as file:
            file.write(b"new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_bytes() == b"old"
    assert [left.name for left in tmp_path.iterdir()] == ["a"]


def test_a_file_is_not_visible_before_it_is_complete(tmp_path):
    with atomic_write(tmp_path / "a") as file:
        file.write(b"new")
        file.flush()
        assert not (tmp_path / "a").exists()
    assert (tmp_path / "a").read_bytes() == b"new"


def test_the_permissions_are_those_of_any_new_file(tmp_path):
    with atomic_write(tmp_path / "a"):
        pass
    (tmp_path / "b").touch()
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in "ab"}
    assert len(modes) == 1


@pytest.mark.parametrize(
    ("name", "compression"), [("a.txt", None), ("a.gz", "gzip"), ("a.zst", "zstd")]
)
def test_a_file_is_compressed_by_its_name(tmp_path, name, compression):
    with atomic_write(tmp_path / name) as file, compressed_writer(file, name) as out:
        out.write(b"text")
    assert detect_compression(tmp_path / name) == compression
    with open_decompressed(tmp_path / name) as file:
        assert file.read() == b"text"


def test_deeply_nested_json_is_a_value_error():
    with pytest.raises(ValueError, match="nested too deeply"):
        parse_json(b"[" * 100_000)

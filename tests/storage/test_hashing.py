"""Checksums against known values."""

import gzip
import hashlib

from quickdraw_kit.storage.hashing import (
    FileEntry,
    hashed_write,
    md5_and_crc32c,
    md5_of_content,
    sha256_file,
)

DIGITS = b"123456789"


def test_checksums_of_a_file(tmp_path):
    (tmp_path / "a").write_bytes(DIGITS)
    assert md5_and_crc32c(tmp_path / "a") == ("25f9e794323b453885f5181f1b624d0b", "e3069283")
    assert sha256_file(tmp_path / "a") == hashlib.sha256(DIGITS).hexdigest()


def test_checksums_of_several_chunks(tmp_path):
    (tmp_path / "zeros").write_bytes(bytes(3 << 20))
    assert md5_and_crc32c(tmp_path / "zeros")[0] == "d1dd210d6b1312cb342b56d02bd5e651"


def test_md5_of_compressed_content(tmp_path):
    (tmp_path / "a.gz").write_bytes(gzip.compress(DIGITS))
    assert md5_of_content(tmp_path / "a.gz") == "25f9e794323b453885f5181f1b624d0b"
    (tmp_path / "b.gz").write_bytes(gzip.compress(DIGITS)[:-1])
    assert md5_of_content(tmp_path / "b.gz") is None


def test_a_file_is_hashed_while_it_is_written(tmp_path):
    with hashed_write(tmp_path, "a.bin") as file:
        file.write(DIGITS[:4])
        file.write(memoryview(DIGITS)[4:])
    assert (tmp_path / "a.bin").read_bytes() == DIGITS
    assert file.entry == FileEntry("a.bin", 9, hashlib.sha256(DIGITS).hexdigest())

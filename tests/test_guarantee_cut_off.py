"""Compressed data that is damaged or cut off is an error, never a shorter file."""

import gzip

import pytest
import zstandard

from quickdraw_kit.errors import DataError
from quickdraw_kit.storage.files import open_decompressed

TEXT = b"".join(b"line %d\n" % number for number in range(300))


def checked(data):
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress, checked])
@pytest.mark.parametrize("members", [1, 2])
def test_every_cut_is_found(tmp_path, pack, members):
    path = tmp_path / "data"
    packed = pack(TEXT)
    whole = packed * members
    for cut in range(4, len(whole)):
        path.write_bytes(whole[:cut])
        with open_decompressed(path) as file:
            if cut == len(packed):
                assert file.read() == TEXT
            else:
                with pytest.raises(DataError, match=f"{path} is cut off"):
                    file.read()


@pytest.mark.parametrize("pack", [gzip.compress, checked])
def test_no_flipped_byte_changes_the_content_unseen(tmp_path, pack):
    path = tmp_path / "data"
    packed = pack(TEXT)
    for place in range(16, len(packed) - 8):
        damaged = bytearray(packed)
        damaged[place] ^= 0x10
        path.write_bytes(damaged)
        try:
            with open_decompressed(path) as file:
                content = file.read()
        except DataError:
            continue
        assert content == TEXT  # some bits are padding


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_what_follows_the_data_is_not_ignored(tmp_path, pack):
    path = tmp_path / "data"
    path.write_bytes(pack(TEXT) + b"something else")
    with open_decompressed(path) as file, pytest.raises(DataError, match="is damaged"):
        file.read()


def test_zeros_behind_a_gzip_member_are_padding(tmp_path):
    path = tmp_path / "data"
    path.write_bytes(gzip.compress(TEXT) + bytes(5000))
    with open_decompressed(path) as file:
        assert file.read() == TEXT

"""Picture files, good and hostile."""

import contextlib
import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from quickdraw_kit.errors import DataError
from quickdraw_kit.trace import image_file as module
from quickdraw_kit.trace.image_file import is_picture, read_picture


def saved(image: Image.Image, form: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def bomb(side: int) -> bytes:
    """A PNG of a few bytes that declares a huge picture."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    body = zlib.compress(bytes(1000))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "BMP", "GIF"])
def test_formats(form):
    data = saved(Image.new("RGB", (30, 20), (200, 10, 10)), form)
    assert is_picture(data[:16])
    assert read_picture(data).shape[:2] == (20, 30)


@pytest.mark.parametrize(
    ("mode", "shape"),
    [("1", ()), ("L", ()), ("LA", (4,)), ("P", (3,)), ("RGB", (3,)), ("RGBA", (4,)), ("I;16", ())],
)
def test_modes(mode, shape):
    assert read_picture(saved(Image.new(mode, (30, 20)), "PNG")).shape == (20, 30, *shape)


def test_sixteen_bits_keep_their_contrast():
    deep = np.full((20, 30), 60000, np.uint16)
    deep[5:9] = 3000
    assert np.ptp(read_picture(saved(Image.fromarray(deep), "PNG"))) > 200


def test_a_picture_stands_upright():
    exif = Image.Exif()
    exif[0x0112] = 6  # held on its side
    data = saved(Image.new("L", (30, 20)), "JPEG", exif=exif)
    assert read_picture(data).shape == (30, 20)


def test_large_pictures_are_made_smaller():
    assert max(read_picture(saved(Image.new("L", (5000, 100)), "PNG")).shape) == 2048


@pytest.mark.parametrize("side", [9_000, 12_000, 50_000])
def test_bombs_are_not_unpacked(side):
    with pytest.raises(DataError, match="make it smaller"):
        read_picture(bomb(side))


def test_files_that_are_too_long(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAX_BYTES", 100)
    path = tmp_path / "long.png"
    path.write_bytes(bytes(101))
    with pytest.raises(DataError, match=r"long\.png has more than 100 bytes"):
        read_picture(path)


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n", b"%PDF-1.4", b"II*\0" + bytes(99)])
def test_what_is_no_picture(data):
    with pytest.raises(DataError, match="expected PNG"):
        read_picture(data)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_damaged_files_are_errors_of_ours(form):
    noise = np.random.default_rng(0).integers(0, 256, (60, 60), dtype=np.uint8)
    whole = saved(Image.fromarray(noise), form)
    rng = np.random.default_rng(1)
    for _ in range(60):
        data = bytearray(whole[: rng.integers(1, len(whole) + 1)])
        data[rng.integers(len(data))] ^= 1 << rng.integers(8)
        with contextlib.suppress(DataError):
            assert read_picture(bytes(data)).dtype == np.uint8

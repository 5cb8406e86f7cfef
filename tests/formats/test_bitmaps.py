import gzip
from dataclasses import replace

import numpy as np
import pytest

from quickdraw_kit.errors import DataError, MalformedLineError
from quickdraw_kit.formats.binary import write_binary
from quickdraw_kit.formats.bitmaps import join_bitmaps, read_bitmaps
from quickdraw_kit.formats.ndjson.files import read_ndjson, write_ndjson
from quickdraw_kit.raster.render import rasterize
from quickdraw_kit.strokes.batch import DrawingBatch


@pytest.fixture
def write(tmp_path):
    def save(data, name):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return save


@pytest.fixture
def drawings():
    rng = np.random.default_rng(3)
    return DrawingBatch.from_strokes(
        [[rng.integers(0, 256, (2, 5))] for _ in range(12)],
        words=["cat"] * 12,
        key_id=range(12),
    )


def test_bitmaps_are_mapped_and_not_loaded(tmp_path):
    array = np.arange(5 * 784, dtype=np.uint8).reshape(5, 784)
    np.save(tmp_path / "cat.npy", array)
    mapped = read_bitmaps(tmp_path / "cat.npy")
    assert isinstance(mapped, np.memmap)
    assert not mapped.flags.writeable
    np.testing.assert_array_equal(mapped, array)


@pytest.mark.parametrize(
    ("shape", "expected"), [((3, 28, 28), (3, 784)), ((0, 784), (0, 784)), ((4, 9), (4, 9))]
)
def test_square_bitmaps_of_any_side_are_rows(tmp_path, shape, expected):
    np.save(tmp_path / "cat.npy", np.ones(shape, np.uint8))
    assert read_bitmaps(tmp_path / "cat.npy").shape == expected


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros((5, 784), np.float32), "holds float32"),
        (np.zeros((5, 783), np.uint8), r"uint8 \(5, 783\)"),
        (np.zeros((5, 28, 27), np.uint8), "expected uint8 bitmaps"),
        (np.zeros(784, np.uint8), "expected uint8 bitmaps"),
        (np.zeros((), np.uint8), "expected uint8 bitmaps"),
        (np.zeros((5, 0), np.uint8), "expected uint8 bitmaps"),
        (np.asfortranarray(np.zeros((5, 784), np.uint8)), "expected uint8 bitmaps"),
        (np.array([None, {}], object), "holds Python objects"),
    ],
)
def test_other_arrays_are_refused(tmp_path, array, reason):
    np.save(tmp_path / "cat.npy", array, allow_pickle=True)
    with pytest.raises(DataError, match=reason):
        read_bitmaps(tmp_path / "cat.npy")


def test_cut_off_or_compressed_files_are_refused(tmp_path, write):
    np.save(tmp_path / "cat.npy", np.zeros((5, 784), np.uint8))
    whole = (tmp_path / "cat.npy").read_bytes()
    for cut in (0, 5, 50, 128, len(whole) - 1):
        with pytest.raises(DataError, match=r"cut\.npy"):
            read_bitmaps(write(whole[:cut], "cut.npy"))
    with pytest.raises(DataError, match="is compressed"):
        read_bitmaps(write(gzip.compress(whole), "cat.npy.gz"))


def test_each_row_gets_its_drawing(tmp_path, drawings):
    np.save(tmp_path / "cat.npy", rasterize(drawings).reshape(-1, 784))
    write_ndjson(drawings, tmp_path / "cat.ndjson")
    write_binary(drawings, tmp_path / "full_binary_cat.bin")
    bitmaps = read_bitmaps(tmp_path / "cat.npy")
    for beside in (drawings, tmp_path / "cat.ndjson", tmp_path / "full_binary_cat.bin"):
        joined = join_bitmaps(bitmaps, beside)
        # a .bin cannot say that it is not known whether drawings were recognized
        assert replace(joined, recognized_known=drawings.recognized_known).equals(drawings)


def test_unrelated_files_are_refused(tmp_path, drawings):
    bitmaps = rasterize(drawings).reshape(-1, 784)
    with pytest.raises(DataError, match="a row of 784 pixels per drawing"):
        join_bitmaps(bitmaps[1:], drawings)
    with pytest.raises(DataError, match=r"drawing 0 \(key_id 0\) is not row 0: 12 of 12"):
        join_bitmaps(np.roll(bitmaps, 1, axis=0), drawings)
    one = bitmaps.copy()
    one[7, 300] ^= 1
    with pytest.raises(DataError, match=r"drawing 7 .*: 1 of 12"):
        join_bitmaps(one, drawings)
    assert join_bitmaps(one, drawings, check=0).equals(drawings)
    assert len(join_bitmaps(bitmaps[:0], drawings[:0])) == 0


def test_malformed_lines_are_not_skipped(tmp_path, drawings):
    write_ndjson(drawings, tmp_path / "cat.ndjson")
    lines = (tmp_path / "cat.ndjson").read_bytes().splitlines(keepends=True)
    lines[4] = b"{}\n"
    (tmp_path / "cat.ndjson").write_bytes(b"".join(lines))
    with pytest.raises(MalformedLineError, match="line 5"):
        join_bitmaps(rasterize(drawings).reshape(-1, 784), tmp_path / "cat.ndjson")


@pytest.mark.parametrize("category", ["bowtie", "smiley face", "clock", "apple"])
def test_real_bitmaps_match_their_lines(real_data, category):
    """The head of these files is complete, so that line i is row i there."""
    bitmaps = read_bitmaps(real_data / "quickdraw" / "numpy_bitmap" / f"{category}.npy")
    batch = read_ndjson(real_data / "quickdraw" / "simplified" / f"{category}.ndjson")[:25]
    joined = join_bitmaps(bitmaps[:25], batch)
    assert set(joined.words_of_drawings()) == {category}
    shifted = replace(batch, x=batch.x[::-1].copy())
    with pytest.raises(DataError, match="is not row"):
        join_bitmaps(bitmaps[:25], shifted)

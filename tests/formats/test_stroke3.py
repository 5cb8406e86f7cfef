import io
import pickle
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickdraw_kit.errors import DataError, UsageError
from quickdraw_kit.formats.stroke3 import read_stroke3, to_stroke3, write_stroke3
from quickdraw_kit.strokes.batch import DrawingBatch
from quickdraw_kit.strokes.key_ids import row_key_ids
from tests.strokes.strategies import batches

WORDS = ("cat", "hot dog", "The Eiffel Tower")
SKETCHES = [
    np.array([[5, 5, 0], [10, -5, 1], [-3, 4, 0], [1, 1, 0]], np.int16),
    np.array([[0, 0, 1]], np.int16),
    np.zeros((0, 3), np.int16),
]


def ragged(arrays):
    objects = np.empty(len(arrays), object)
    objects[:] = arrays
    return objects


def npy(content: bytes, shape="(3,)", descr="|O") -> bytes:
    """A .npy with a header of our choice."""
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + content


@pytest.fixture
def npz(tmp_path):
    """Write members as they are into a .npz."""

    def write(compression=zipfile.ZIP_DEFLATED, name="cat.npz", **members):
        path = tmp_path / name
        with zipfile.ZipFile(path, "w", compression) as archive:
            for member, data in members.items():
                archive.writestr(f"{member}.npy", data)
        return path

    return write


def lists(batch):
    return [[stroke.tolist() for stroke in batch[i].strokes] for i in range(len(batch))]


@given(batches(words=WORDS), st.data())
def test_round_trip(tmp_path_factory, batch, data):
    path = tmp_path_factory.mktemp("stroke3") / "drawings.npz"
    names = st.sampled_from(["train", "valid", "test"])
    splits = data.draw(st.lists(names, min_size=len(batch), max_size=len(batch)))
    write_stroke3(batch, path, splits=splits)
    for split in ("train", "valid", "test"):
        part = batch.filter(np.array(splits, str) == split) if splits else batch
        if len(part) == 0:
            continue
        back = read_stroke3(path, split=split)
        assert lists(back) == lists(part)
        assert back.key_id.tolist() == part.key_id.tolist()
        assert back.words_of_drawings() == part.words_of_drawings()
    assert len(read_stroke3(path)) == len(batch)


@given(batches(dtype=np.int16, low=-16000, high=16000))
def test_keeps_coordinates_of_any_scale(tmp_path_factory, batch):
    path = tmp_path_factory.mktemp("stroke3") / "cat.npz"
    write_stroke3(batch, path)
    assert lists(read_stroke3(path)) == lists(batch)


def test_files_open_without_pickle_and_are_reproducible(tmp_path):
    batch = DrawingBatch.from_strokes(
        [[([0, 9], [0, 9])], [([3], [4]), ([5], [6])]], words=["cat", "dog"]
    )
    for name in ("a.npz", "b.npz"):
        write_stroke3(batch, tmp_path / name, splits=["valid", "train"])
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    with np.load(tmp_path / "a.npz", allow_pickle=False) as arrays:
        assert arrays["train"].tolist() == [[3, 4, 1], [2, 2, 1]]
        assert arrays["train_offsets"].tolist() == [0, 2]
        assert arrays["words"][arrays["valid_word"]].tolist() == ["cat"]


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_reads_official_files(npz, protocol):
    path = npz(
        train=npy(pickle.dumps(ragged(SKETCHES), protocol)),
        test=npy(pickle.dumps(ragged(SKETCHES[:2]), protocol)),
        name="hot dog.full.npz",
    )
    batch = read_stroke3(path)
    assert lists(batch[:2]) == [[[[5, 5], [15, 0]], [[12, 4], [13, 5]]], [[[0, 0]]]]
    assert batch.stroke_counts.tolist() == [2, 1, 0, 2, 1]
    assert set(batch.words_of_drawings()) == {"hot dog"}
    assert batch.x.dtype == np.int16
    keys = row_key_ids("sketchrnn/hot dog/train", 0, 3).tolist()
    assert batch.key_id.tolist()[:3] == keys
    assert read_stroke3(path, split="test").equals(batch[3:])
    assert read_stroke3(path, word="cat").words == ("cat",)


def test_reads_pickles_of_python_2(npz):
    """The bytes that numpy 1.13 under Python 2.7 wrote, as the official files were made."""
    reconstruct = b"cnumpy.core.multiarray\n_reconstruct\nq\x01"
    stream = (
        b"\x80\x02"
        + reconstruct
        + b"cnumpy\nndarray\nq\x02K\x00\x85U\x01b\x87Rq\x03(K\x01K\x01\x85cnumpy\ndtype\nq\x04"
        + b"U\x02O8K\x00K\x01\x87Rq\x05(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?tb\x89]"
        + b"h\x01h\x02K\x00\x85U\x01b\x87R(K\x01\x8a\x01\x02K\x03\x86h\x04U\x02i2K\x00K\x01\x87R"
        + b"(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T\x0c\x00\x00\x00"
        + np.array([[1, 2, 0], [3, 4, 1]], "<i2").tobytes()
        + b"tbatb."
    )
    assert lists(read_stroke3(npz(train=npy(stream, "(1L,)")))) == [[[[1, 2], [4, 6]]]]


@pytest.mark.parametrize(
    "array", [np.asfortranarray(SKETCHES[0]), SKETCHES[0].astype(">i2"), SKETCHES[0].astype(int)]
)
def test_reads_any_byte_order_and_size(npz, array):
    path = npz(train=npy(pickle.dumps(ragged([array]), 4), "(1,)"))
    assert lists(read_stroke3(path)) == [[[[5, 5], [15, 0]], [[12, 4], [13, 5]]]]


def test_reads_drawings_of_equal_length(npz, tmp_path):
    path = tmp_path / "cat.npz"
    np.savez(path, train=np.stack([SKETCHES[0]] * 3), valid=np.zeros(0, np.int16))
    assert lists(read_stroke3(path)) == [[[[5, 5], [15, 0]], [[12, 4], [13, 5]]]] * 3


def test_keeps_real_valued_movements(npz):
    path = npz(train=npy(pickle.dumps(ragged([SKETCHES[0] / np.float32([4, 4, 1])]), 4), "(1,)"))
    batch = read_stroke3(path)
    assert batch.is_float
    assert lists(batch) == [[[[1.25, 1.25], [3.75, 0]], [[3, 1], [3.25, 1.25]]]]


TERABYTES = 10**12


def test_a_small_file_that_declares_terabytes_is_refused(npz, tmp_path):
    path = npz(zipfile.ZIP_STORED, train=npy(b"", f"({TERABYTES}, 3)", "<i2"))
    small = path.read_bytes()
    assert len(small) < 400
    with pytest.raises(DataError, match="but holds 0 after the header"):
        read_stroke3(path)
    # the same, declared by the archive: the sizes of the member in its directory
    place = small.rindex(b"PK\x01\x02")
    forged = bytearray(small)
    forged[place + 24 : place + 28] = (2**32 - 2).to_bytes(4, "little")
    path.write_bytes(forged)
    with pytest.raises(DataError, match="exhaust the memory"):
        read_stroke3(path)
    forged[place + 20 : place + 24] = (2**32 - 2).to_bytes(4, "little")
    path.write_bytes(forged)
    with pytest.raises(DataError, match="declares more bytes than the file has"):
        read_stroke3(path)


def test_a_zip_bomb_is_refused_before_it_is_opened(npz):
    with pytest.raises(DataError, match="exhaust the memory"):
        read_stroke3(npz(train=npy(bytes(6 * 20_000_000), "(20000000, 3)", "<i2")))


def test_damaged_archives_raise(tmp_path, npz):
    path = npz(train=npy(pickle.dumps(ragged(SKETCHES), 4)))
    whole = path.read_bytes()
    for cut in range(0, len(whole), 7):
        path.write_bytes(whole[:cut])
        with pytest.raises(DataError, match=str(path)):
            read_stroke3(path)
    for place in range(40, 200, 3):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=str(path)):
            read_stroke3(path)


def test_member_name_that_is_not_text(tmp_path):
    path = tmp_path / "cat.npz"
    np.savez(path, train=ragged(SKETCHES), ä=np.zeros(1))
    path.write_bytes(path.read_bytes().replace("ä".encode(), b"\xff\xff"))
    with pytest.raises(DataError, match="not a complete"):
        read_stroke3(path)


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.array([[0, 0, 2]]), r"drawing 1: the row \[0, 0, 2\] is not a movement"),
        (
            np.array([[40000, 0, 0]]),
            r"drawing 1: the pen leaves the range of int16 at \[40000, 0\]",
        ),
        (np.array([[2**62, 0, 0]] * 9), "drawing 1: the row"),
        (np.array([[np.nan, 0, 0]]), "drawing 1: the row"),
        (np.array([[1, 2, 0, 0]]), r"drawing 1: an array int64 \(1, 4\)"),
        (np.array([1, 2, 0]), r"drawing 1: an array int64 \(3,\)"),
    ],
)
def test_invalid_movements_are_refused(npz, array, reason):
    arrays = ragged([SKETCHES[0], array, SKETCHES[1]])
    with pytest.raises(DataError, match=f"cat.npz, train, {reason}"):
        read_stroke3(npz(train=npy(pickle.dumps(arrays, 4))))


@pytest.mark.parametrize(
    "changed",
    [
        {"train_offsets": np.array([0, 3, 1])},
        {"train_offsets": np.array([0, 1, 9])},
        {"train_offsets": np.array([0.0, 1, 2])},
        {"train_word": np.array([0, 7], np.int32)},
        {"train_key_id": np.zeros(1, np.uint64)},
        {"train": np.zeros((2, 2), np.int16)},
    ],
)
def test_inconsistent_flat_arrays_are_refused(tmp_path, changed):
    path = tmp_path / "cat.npz"
    rows, offsets = to_stroke3(DrawingBatch.from_strokes([[([1], [1])]] * 2, words=["cat"] * 2))
    arrays = {
        "train": rows,
        "train_offsets": offsets,
        "train_key_id": np.zeros(2, np.uint64),
        "train_word": np.zeros(2, np.int32),
        "words": np.array(["cat"]),
    }
    np.savez(path, **arrays)
    assert len(read_stroke3(path)) == 2
    np.savez(path, **{**arrays, **changed})
    with pytest.raises(DataError, match="do not belong together"):
        read_stroke3(path)
    del arrays["words"]
    np.savez(path, **arrays)
    with pytest.raises(DataError, match="has no words"):
        read_stroke3(path)


def test_other_archives_and_splits_are_refused(tmp_path, npz):
    path = npz(something=npy(b"", "(0,)", "<i2"))
    with pytest.raises(DataError, match=r"has \['something'\], expected train, valid or test"):
        read_stroke3(path)
    path = npz(train=npy(b"", "(0,)", "<i2"))
    assert len(read_stroke3(path)) == 0
    with pytest.raises(DataError, match="expected valid"):
        read_stroke3(path, split="valid")
    with pytest.raises(UsageError, match="no split 'dev'"):
        read_stroke3(path, split="dev")
    with pytest.raises(UsageError, match="for each of 1"):
        write_stroke3(
            DrawingBatch.from_strokes([[([1], [1])]], words=["cat"]), path, splits=["dev"]
        )


def one(**columns):
    return replace(DrawingBatch.from_strokes([[([0, 9], [0, 9])]], words=["cat"]), **columns)


@pytest.mark.parametrize(
    ("batch", "reason"),
    [
        (one(x=np.zeros(2), y=np.zeros(2)), "simplify"),
        (one(stroke_offsets=np.array([0, 0, 2]), drawing_offsets=np.array([0, 2])), "drawing 0"),
        (one(x=np.array([-32768, 32767], np.int16), y=np.zeros(2, np.int16)), "do not fit int16"),
    ],
)
def test_values_out_of_range_are_not_written(tmp_path, batch, reason):
    with pytest.raises(DataError, match=reason):
        write_stroke3(batch, tmp_path / "cat.npz")
    assert list(tmp_path.iterdir()) == []


def test_numpy_reads_the_same_movements(tmp_path):
    rng = np.random.default_rng(5)
    sketches = []
    for _ in range(50):
        moves = rng.integers(-50, 50, (rng.integers(1, 40), 3)).astype(np.int16)
        moves[:, 2] = rng.integers(0, 2, len(moves))
        sketches.append(moves)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, train=ragged(sketches))
    path = tmp_path / "cat.npz"
    path.write_bytes(buffer.getvalue())
    batch = read_stroke3(path)
    for number, moves in enumerate(sketches):
        points = np.cumsum(moves[:, :2], axis=0)
        assert np.concatenate(batch[number].strokes).tolist() == points.tolist()
        assert len(batch[number].strokes) == moves[:-1, 2].sum() + 1
    write_stroke3(batch, path)
    assert lists(read_stroke3(path)) == lists(batch)

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickdraw_kit.errors import DataError
from quickdraw_kit.formats.object_arrays import parse_object_array

SKETCHES = [
    np.array([[5, 5, 0], [10, -5, 1], [-3, 4, 0], [1, 1, 0]], np.int16),
    np.array([[0, 0, 1]], np.int16),
    np.zeros((0, 3), np.int16),
]


def ragged(arrays):
    objects = np.empty(len(arrays), object)
    objects[:] = arrays
    return objects


@given(
    st.sampled_from([2, 3, 4]),
    st.lists(st.integers(0, 5), max_size=5),
    st.sampled_from(["u1", "<i2", ">i2", "i4", "i8", "f2", "<f4", ">f8", "?"]),
    st.sampled_from("CF"),
)
def test_reads_what_numpy_pickles(protocol, lengths, dtype, order):
    rng = np.random.default_rng(len(lengths))
    arrays = [
        np.array(rng.integers(0, 100, (length, 3)), np.dtype(dtype), order=order)
        for length in lengths
    ]
    content = b"before" + pickle.dumps(ragged(arrays), protocol)
    actual = parse_object_array(content, 6, "a.npy")
    assert len(actual) == len(arrays)
    for ours, theirs in zip(actual, arrays, strict=True):
        np.testing.assert_array_equal(ours, theirs)
        assert ours.dtype == theirs.dtype


class Evil:
    def __reduce__(self):
        return (exec, ("raise SystemExit('the pickle was executed')",))


def pickled(thing, protocol=4):
    return pickle.dumps(thing, protocol)


RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (pickled(Evil()), "calls"),
        (pickled(ragged([Evil(), SKETCHES[0], SKETCHES[1]])), "calls"),
        (pickled(ragged([SKETCHES[0], [1, 2], SKETCHES[1]])), "object 1 is not a numeric array"),
        (pickled(ragged([{"a": 1}] * 3)), "has the opcode"),
        (pickled(ragged([np.zeros(3, "datetime64[s]")] * 3)), "the pickle"),
        (pickled(ragged([np.zeros(3, "i2,i2")] * 3)), "the pickle"),
        (pickled(ragged([np.zeros(1, "S4")] * 3)), "the pickle sets a state"),
        (pickled([1, 2, 3]), "something other than an array"),
        (pickled(ragged(SKETCHES), 5), "calls|has the opcode"),
        (b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R.", "calls os.system"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.", "calls os.system"),
        (b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n"
         b"J\xff\xff\xff\x7f\x85U\x01b\x87R.", "calls numpy.core"),
        (b"\x80\x02" + b"]\x94" * 9 + b"q\xff.", "something other"),
        (b"\x80\x02Ncos\nsystem\nb.", "sets a state"),
        (b"\x80\x02cos\nsystem\n)\x81.", "has the opcode NEWOBJ"),
        (b"(ios\nsystem\n.", "has the opcode INST"),
        (b"(cos\nsystem\no.", "has the opcode OBJ"),
        (b"\x80\x02\x82\x01.", "has the opcode EXT1"),
        (b"Psomething\n.", "has the opcode PERSID"),
        (b"\x80\x05\x97.", "has the opcode NEXT_BUFFER"),
        (b"V" + b"9" * 50 + b"\n.", "has the opcode UNICODE"),
        (b"\x80\x02\x8b\xff\xff\xff\x7f.", "damaged or cut off"),
        (b"\x80\x02" + RECONSTRUCT + b"(K\x01\x8a\x08" + b"\x7f" * 8 + b"\x85NNNtb.",
         "sets a state|invalid shape"),
        (b"(" * 100, "damaged or cut off"),
        (b"\x80\x02r\xff\xff\xff\xff.", "damaged or cut off"),
        (b"\x80\x04\x8e" + b"\xff" * 8, "damaged or cut off"),
        (b"\x80\x02)R.", "damaged or cut off|not a global"),
        (pickled(ragged(SKETCHES))[:-30], "damaged or cut off"),
    ],
)  # fmt: skip
def test_other_pickles_are_refused_and_not_executed(content, reason):
    with pytest.raises(DataError, match=reason):
        parse_object_array(content, 0, "a.npy")


@given(st.binary(max_size=200))
def test_arbitrary_bytes_raise(content):
    with pytest.raises(DataError):
        parse_object_array(content, 0, "bytes")


@given(st.data())
def test_a_damaged_pickle_gives_arrays_or_an_error(data):
    content = bytearray(pickle.dumps(ragged(SKETCHES), data.draw(st.sampled_from([2, 3, 4]))))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        arrays = parse_object_array(bytes(content), 0, "bytes")
    except DataError:
        return
    assert all(type(array) is np.ndarray and array.dtype.kind in "iufb" for array in arrays)
    assert sum(array.nbytes for array in arrays) <= len(content)


def test_repeated_arrays_do_not_exhaust_memory():
    one = np.zeros((1000, 3), np.int16)
    with pytest.raises(DataError, match="again and again"):
        parse_object_array(pickle.dumps(ragged([one] * 5000), 4), 0, "a.npy")


def test_repeated_encoding_does_not_exhaust_memory():
    text = b"X\xe8\x03\x00\x00" + b"a" * 1000 + b"q\x01X\x06\x00\x00\x00latin1q\x02"
    encode = b"c_codecs\nencode\nq\x03h\x01h\x02\x86R"
    again = b"h\x03h\x01h\x02\x86R"
    with pytest.raises(DataError, match="encodes more text than it contains"):
        parse_object_array(b"\x80\x02" + text + encode + again * 5000 + b".", 0, "a.npy")

"""What reads damaged files: for each format the reader, what must hold, and valid files.

A reader may return or raise a `QuickdrawError` with a reason; anything else is a fault. `mutate`
damages the files blindly, `fuzz` is guided by the branches that the reader takes. The library is
imported inside functions, because the fuzzer must be imported first.
"""

import contextlib
import gzip
import io
import json
import resource
import warnings
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import zstandard

_MEMORY = 3 << 30  # bytes that a damaged file of some kB may not exceed
_LONGEST = 1 << 13  # bytes of a line of ndjson or CSV: so little is a smaller buffer to make
_BETWEEN = b"|member|"  # parts the members of an archive


@dataclass(frozen=True)
class Target:
    """A reader, and what to start with.

    Parameters
    ----------
    seeds : list of bytes
        Valid inputs.
    name : str
        Name of the file, which some readers need.
    read : callable
        Read the file at a path, and check the result.
    words : sequence of bytes
        Words of such files, which take long to guess.
    whole : callable
        Make the file of an input, for formats with a checksum, a length or much else around it.
    """

    seeds: list[bytes]
    name: str
    read: Callable[[Path], object]
    words: Sequence[bytes] = ()
    whole: Callable[[bytes], bytes] = bytes


def outcome(target: Target, path: Path, data: bytes) -> str:
    """Read a file; return "read" or, when it is refused with a reason, "refused"."""
    from quickdraw_kit.errors import QuickdrawError

    path.unlink(missing_ok=True)  # truncating it instead may wait for the disk
    path.write_bytes(data)
    try:
        target.read(path)
    except QuickdrawError as error:
        if not str(error):
            raise AssertionError("refused without a reason") from error
        return "refused"
    return "read"


def _words(text: str) -> list[bytes]:
    return text.encode().split()


def bound_memory() -> None:
    """Limit this process to a few GB more than it has now."""
    memory = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (memory + _MEMORY, memory + _MEMORY))


def _drawings(each: int):
    from quickdraw_kit.synthetic.generator import generate_drawings

    return generate_drawings(["star", "house"], each, raw=False)


def _lines(path: Path, blank: bytes | None = None) -> int:
    """Count the lines that hold more than white space."""
    from quickdraw_kit.storage.files import open_decompressed

    with open_decompressed(path) as file:
        lines = file.read().removeprefix(b"\xef\xbb\xbf").split(b"\n")
    return sum(bool(line.strip(blank)) for line in lines)


def _accounted(lines: int, read: int, refused: int) -> None:
    assert read + refused == lines, f"{lines} lines, {read} read, {refused} refused"


def _ndjson(folder: Path, each: int) -> Target:
    from quickdraw_kit.errors import DataError
    from quickdraw_kit.formats.ndjson.containers import open_lines
    from quickdraw_kit.formats.ndjson.files import read_ndjson
    from quickdraw_kit.formats.ndjson.writer import encode_lines
    from tests.formats.ndjson.differential import assert_same, official

    # the scanner remembers words, so a line before makes it take other branches
    before = {
        raw: official(word="star", drawing=[[[1], [2], [3]][: 2 + raw]]) + b"\n"
        for raw in (False, True)
    }

    def read(path: Path) -> None:
        rejects: list[object] = []
        batch = read_ndjson(path, on_reject=rejects.append, max_line_bytes=_LONGEST)
        # a list of documents, or one over several lines, is rewritten: its lines are others
        with path.open("rb") as file:
            is_rewritten = open_lines(file, "it").is_rewritten
        if not is_rewritten:
            _accounted(_lines(path, b" \t\r"), len(batch), len(rejects))
        for raw, line in before.items():
            assert_same(line + path.read_bytes(), raw, max_line_bytes=_LONGEST)
        try:
            again = read_ndjson(b"".join(encode_lines(batch)), max_line_bytes=_LONGEST)
        except DataError as error:
            raise AssertionError("what was read cannot be written and read again") from error
        assert again.equals(batch), "what was written is not what was read"

    return Target(
        seeds=[
            b"".join(encode_lines(_drawings(each))),
            official(word="star", drawing=[[[1, 2], [0, 255]], [[9], [9]]]),
            official(word="star", drawing=[[[1, -2.5], [0.125, 1e3], [0, 16]]]),
        ],
        name="damaged.ndjson",
        read=read,
        words=_words("""
            {"word":"star","countrycode":"US","timestamp":" ","recognized": true,"key_id":" false
            ","drawing":[[[ ],[ ]],[[ ]]]} 2017-02-29 23:59:60. UTC null NaN -0 0. 1e39 \ufeff
            -2147483648 18446744073709551615 9007199254740993.5 16777217.00000001 \\\\ \\ud800
        """),
    )


def _bin(folder: Path, each: int) -> Target:
    from quickdraw_kit.formats.binary import iter_binary, pack_binary, read_binary
    from quickdraw_kit.storage.files import open_decompressed
    from quickdraw_kit.strokes.batch import DrawingBatch
    from quickdraw_kit.synthetic.generator import generate_drawings

    def read(path: Path) -> None:
        batch = read_binary(path)
        with open_decompressed(path) as file:
            assert bytes(pack_binary(batch)) == file.read(), "other bytes are written again"
        parts = list(iter_binary(path, chunk_bytes=128))
        assert not parts or DrawingBatch.concat(parts).equals(batch), "in chunks it is another"

    batch = generate_drawings(["star"], 2 * each, raw=False)
    long = DrawingBatch.from_strokes([[[range(20), range(20)], [[9], [9]]], []], words=["star"] * 2)
    seeds = [bytes(pack_binary(each)) for each in (batch, long)]
    return Target(seeds, "damaged.bin", read, (b"US", bytes(17)))


def _npy(folder: Path, each: int) -> Target:
    from quickdraw_kit.formats.bitmaps import read_bitmaps

    def read(path: Path) -> None:
        bitmaps = read_bitmaps(path)
        assert np.array_equal(bitmaps, _by_numpy(path, bitmaps)), "numpy reads other values"

    shapes = (each, 784), (2, 3, 3)
    arrays = [np.arange(np.prod(shape), dtype=np.uint8).reshape(shape) for shape in shapes]
    return Target([_npy_of(array) for array in arrays], "damaged.npy", read, _HEADER)


_HEADER = (
    b"\x93NUMPY\x01\x00",
    b"\x93NUMPY\x02\x00",
    *_words("""
    {'descr':'|u1', 'fortran_order':False, True 'shape':( ,), } '|O' '<i2' '<U5' '>f8'
"""),
)


def _npy_of(array) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def _by_numpy(path: Path, bitmaps):
    """Return what numpy reads in the same shape, or the bitmaps where numpy is stricter."""
    try:
        with warnings.catch_warnings(action="ignore"):  # of headers as Python 2 wrote them
            return np.load(path, allow_pickle=False).reshape(bitmaps.shape)
    except (ValueError, SyntaxError):
        return bitmaps


def _npz(folder: Path, each: int) -> Target:
    from quickdraw_kit.formats.stroke3 import write_stroke3

    write_stroke3(_drawings(each), folder / "seed.npz")
    old, buffer = _ragged(), io.BytesIO()
    np.savez_compressed(buffer, train=old, valid=old, test=old)
    seeds = [(folder / "seed.npz").read_bytes(), buffer.getvalue()]
    words = b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"PK\x06\x06", b"train.npy", b"words.npy"
    return Target(seeds, "damaged.npz", _movements, words)


def _members(folder: Path, each: int) -> Target:
    """The content of a .npz: official pickles or our flat arrays, with valid checksums."""
    from quickdraw_kit.formats.stroke3 import to_stroke3

    batch = _drawings(each)
    flat = *to_stroke3(batch), batch.key_id, batch.word_code, np.array(batch.words)
    names = "train", "train_offsets", "train_key_id", "train_word", "words"

    def whole(data: bytes) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, member in zip(names, data.split(_BETWEEN), strict=False):
                archive.writestr(zipfile.ZipInfo(f"{name}.npy"), member)
        return buffer.getvalue()

    seeds = [_npy_of(_ragged()), _BETWEEN.join(map(_npy_of, flat)), _npy_of(np.stack(_ragged()))]
    pickled = b"numpy.core.multiarray\n_reconstruct\n", b"numpy\nndarray\n", b"numpy\ndtype\n"
    words = (*_HEADER, *pickled, b"_codecs\nencode\n", b"__builtin__\nbytes\n", _BETWEEN)
    return Target(seeds, "damaged.npz", _movements, words, whole)


def _ragged():
    rows = np.empty(3, object)
    for row in range(3):
        rows[row] = np.arange(30, dtype=np.int16).reshape(10, 3) % 2
    return rows


def _movements(path: Path) -> None:
    from quickdraw_kit.formats.stroke3 import from_stroke3, read_stroke3, to_stroke3

    batch = read_stroke3(path)
    if batch.is_float:
        return
    again = from_stroke3(*to_stroke3(batch), "", where="what was read")
    for name in ("x", "y", "stroke_offsets", "drawing_offsets"):
        assert np.array_equal(getattr(again, name), getattr(batch, name)), f"another {name}"


def _idx(folder: Path, each: int) -> Target:
    from quickdraw_kit.formats.idx import read_idx

    seeds = [
        bytes([0, 0, kind, len(shape)])
        + b"".join(n.to_bytes(4, "big") for n in shape)
        + bytes(size * int(np.prod(shape)))
        for kind, size, shape in ((8, 1, (5, 28, 28)), (8, 1, (9,)), (0x0B, 2, (2, 3)))
    ]
    packed = [gzip.compress(seeds[1], mtime=0), zstandard.compress(seeds[1])]
    return Target(seeds + packed, "damaged-idx3-ubyte", read_idx)


def _csv(folder: Path, each: int) -> Target:
    from quickdraw_kit.formats.kaggle import scan_csv
    from quickdraw_kit.storage.files import open_decompressed

    def read(path: Path) -> None:
        rejects: list[object] = []
        with open_decompressed(path) as file:
            scans = scan_csv(
                file, source_name="it", on_reject=rejects.append, max_line_bytes=_LONGEST
            )
            read = sum(len(scan.batch) for scan in scans)
        _accounted(_lines(path) - 1, read, len(rejects))

    header = b"countrycode,drawing,key_id,recognized,timestamp,word\n"
    row = b'US,"[[[1, 30], [2, 3]]]",5152802093400064,True,2017-03-08 21:12:07.266040,cat\n'
    odd = b'"U""S",[],"51",False,,"Eiffel, Tower"\r\n'
    words = (
        *header.strip().split(b","),
        *_words("""
        "[[[ ],[ ]]]" "" , True False 2017-03-08 21:12:07.266040 UTC \ufeff
    """),
    )
    return Target([header + row * each + odd], "damaged.csv", read, words)


def _svg(folder: Path, each: int) -> Target:
    from quickdraw_kit.formats.svg import read_svg

    def read(path: Path) -> None:
        batch = read_svg(path)
        assert b"<!ENTITY" not in path.read_bytes().replace(b"\0", b"")
        assert len(batch) == 1
        assert np.isfinite([batch.x, batch.y]).all()

    head = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 99 99">'
    seeds = [
        head + body + b"</svg>"
        for body in (
            b'<path fill="none" stroke="red" d="M0 0h9V5C1 2 3 4 5 6q1 1 2 2A3 4 30 0 1 9 9z"/>',
            b'<g transform="rotate(9)"><rect x="1" width="5mm" height="50%" rx="1"/></g>',
            b'<defs><circle id="a" r="5"/></defs><use href="#a" x="3" style="stroke:#000"/>',
            b'<polyline points="0,0 1,1 2,5" stroke="#123"/><line x2="5" y2="1e1" stroke="blue"/>',
            b'<ellipse cx="5" rx="9" ry="3" transform="matrix(1 0 0 1 2 2) scale(2 1)"/>',
            b"<style>path{stroke:red;fill:none}</style><text>a</text><path d='M1 1t5 5s1 2 3 4'/>",
        )
    ]
    words = _words("""
        <path d="M0,0 transform="skewX( translate( stroke="none" rgb( hsl( url(#a) <polygon <image
        <pattern <clipPath <symbol <title <!DOCTYPE <?xml preserveAspectRatio="none" xlink:href="#a"
        width="0" viewBox=" display:none fill-opacity="0" inf nan 1e308 1e-400 em vw
    """)
    return Target(seeds, "damaged.svg", read, words)


def _sent(folder: Path, each: int) -> Target:
    """What a browser posts to the server."""
    from quickdraw_kit.serve.requests import read_drawing

    seeds = [b'{"strokes": [[[0, 10.5], [5, 5], [0, 16]], [[-1e4], [9], [99]]]}']
    words = _words('{"strokes":[[[ ],[ ]],[[ ]]]} 0.5 -0 1e5 1e308 1e-308 86400000 null true')
    return Target(seeds, "damaged.json", lambda path: read_drawing(path.read_bytes()), words)


def _simplify(folder: Path, each: int) -> Target:
    """Not a file, but numbers as a raw file may hold them; a non-finite one ends a stroke."""
    from quickdraw_kit.strokes.batch import DrawingBatch
    from quickdraw_kit.strokes.simplify import simplify

    def read(path: Path) -> None:
        data = path.read_bytes()
        points = np.frombuffer(data[: len(data) // 8 * 8], "<f4").reshape(-1, 2)[:6]
        ends = np.flatnonzero(~np.isfinite(points).all(axis=1))
        strokes = [part[np.isfinite(part).all(axis=1)] for part in np.split(points, ends)]
        strokes = [stroke.T for stroke in strokes if len(stroke)]
        batch = DrawingBatch.from_strokes([strokes], words=["star"], dtype=np.float64)
        lines = simplify(batch, epsilon=(2.0, 0.0)[len(data) % 2])  # which take different ways
        assert len(lines.stroke_offsets) == len(batch.stroke_offsets), "another number of strokes"
        least = np.minimum(np.diff(batch.stroke_offsets), 2)
        assert (np.diff(lines.stroke_offsets) >= least).all(), "a stroke has lost its ends"
        assert not len(lines.x) or min(lines.x.min(), lines.y.min()) == 0, "not at the edge"

    turns = np.array([[3, 1], [8, 10], [-32, 12], [np.nan, 0], [7, 7], [7, 7]], "<f4")
    extremes = [np.nan, 0.0, -0.0, 1.0, 255.0, -3.4e38, 3.4e38, 1e-45, 1e-38, 16777216.0]
    words = [bytes(np.float32(value)) for value in extremes]
    seeds = [turns.tobytes(), turns.tobytes() + b"0"]
    return Target(seeds, "points", read, words)


def _parquet(folder: Path, each: int) -> Target:
    """Not for the fuzzer: the branches are in the C++ of Arrow, which it does not see."""
    from quickdraw_kit.formats.ndjson.files import write_ndjson
    from quickdraw_kit.shards.options import PrepareOptions
    from quickdraw_kit.shards.prepare.pipeline import prepare
    from quickdraw_kit.shards.read.dataset import open_shards

    write_ndjson(_drawings(each), folder / "in.ndjson")
    prepare(
        [folder / "in.ndjson"], folder / "set", options=PrepareOptions(format="parquet"), workers=1
    )
    file = max((folder / "set").glob("train-*.parquet"), key=lambda path: path.stat().st_size)

    def read(path: Path) -> None:
        file.write_bytes(path.read_bytes())
        dataset = open_shards(folder / "set")
        for images, _ in dataset.batches(8):
            images.sum()
        dataset.to_pandas()

    return Target([file.read_bytes()], "damaged.parquet", read)


def _safetensors(folder: Path, each: int) -> Target:
    """Its input is the metadata of a model and the table of its tensors; the weights stay."""
    from quickdraw_kit.errors import QuickdrawError
    from quickdraw_kit.learn.models.model import Model, load_model, save_model
    from quickdraw_kit.primer.forward import read_weights

    save_model(Model.new("tiny-cnn", ("cat", "dog")), folder / "seed.safetensors")
    seed = (folder / "seed.safetensors").read_bytes()
    numbers = 8 + int.from_bytes(seed[:8], "little")
    table = json.loads(seed[8:numbers])
    metadata = table.pop("__metadata__")["quickdraw_kit"].encode()

    def whole(data: bytes) -> bytes:
        text, _, rest = data.partition(_BETWEEN)
        text = json.dumps(text.decode("utf-8", "replace")).encode()
        head = b'{"__metadata__":{"quickdraw_kit":' + text + b"}," + rest[1:]
        return len(head).to_bytes(8, "little") + head + seed[numbers:]

    def read(path: Path) -> None:
        with contextlib.suppress(QuickdrawError):
            read_weights(path)  # the reader of the primer, which requires less
        load_model(path).probabilities(np.zeros((1, 28, 28), np.uint8))

    words = _words("""
        "architecture":" "side": "label_names":[" "metadata":{ mnist-cnn mnist-tiny quickdraw-cnn
        quickdraw-resnet stroke-cnn null true -1 1e999 NaN "dtype":"F64" "dtype":"BF16" "shape":[
        "data_offsets":[
    """)
    seeds = [metadata + _BETWEEN + json.dumps(table, separators=(",", ":")).encode()]
    return Target(seeds, "damaged.safetensors", read, words, whole)


def _toml(folder: Path, each: int) -> Target:
    from quickdraw_kit.recipe.load import load_recipe

    seeds = [path.read_bytes() for path in sorted(Path("pipelines").glob("*.toml"))]
    words = _words("""
        [sample] [prepare] [train] [report] [[jobs]] [defaults] split="sketch-rnn" strokes=[
        categories=[ kind="raw" epochs= learning_rate= network= seed=[0,1] side= rows_per_shard= inf
        nan 1979-05-27T07:32:00Z 0x7fffffffffffffff 99999999999999999999 {} \'\'\'
    """)
    return Target(seeds, "damaged.toml", load_recipe, words)


TARGETS: dict[str, Callable[[Path, int], Target]] = {
    "ndjson": _ndjson,
    "bin": _bin,
    "npy": _npy,
    "npz": _npz,
    "members": _members,
    "idx": _idx,
    "csv": _csv,
    "svg": _svg,
    "sent": _sent,
    "simplify": _simplify,
    "parquet": _parquet,
    "safetensors": _safetensors,
    "toml": _toml,
}
"""Each takes an empty folder, and the number of drawings of a category in its seeds."""

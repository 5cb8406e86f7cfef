"""Read many damaged files of one kind; print what became of each: python -m tests.faults.mutate."""

import io
import json
import resource
import sys
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from quickdraw_kit.errors import QuickdrawError

_MEMORY = 3 << 30  # bytes that a damaged file of some kB may not exceed
_BIG = [b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"999999999999", b"-1", b"1e999", b"\x00" * 8]


def mutated(rng: np.random.Generator, seed: bytes) -> bytes:
    """Damage a file in one to four places."""
    data = bytearray(seed)
    for _ in range(rng.integers(1, 5)):
        at = int(rng.integers(0, len(data) + 1)) if data else 0
        match rng.integers(0, 7):
            case 0 if data:
                data[at % len(data)] ^= 1 << int(rng.integers(0, 8))
            case 1 if data:
                data[at % len(data)] = int(rng.integers(0, 256))
            case 2:
                del data[at:]
            case 3:
                del data[at : at + int(rng.integers(1, 40))]
            case 4:
                data[at:at] = rng.bytes(int(rng.integers(1, 20)))
            case 5:
                big = _BIG[int(rng.integers(0, len(_BIG)))]
                data[at : at + len(big)] = big
            case _:
                data[at:at] = data[at : at + int(rng.integers(1, 200))]
    return bytes(data)


def _drawings():
    from quickdraw_kit.strokes.generate import generate_drawings

    return generate_drawings(["star", "house"], 6, raw=False)


def _ndjson(folder: Path) -> tuple[list[bytes], Callable[[Path], None], str]:
    from quickdraw_kit.strokes.ndjson import read_ndjson, write_ndjson

    write_ndjson(_drawings(), folder / "seed.ndjson")

    def read(path: Path) -> None:
        rejects: list[object] = []
        batch = read_ndjson(path, on_reject=rejects.append)
        lines = [line for line in path.read_bytes().split(b"\n") if line.strip()]
        if len(batch) + len(rejects) != len(lines):
            raise AssertionError(f"{len(lines)} lines, {len(batch)} read, {len(rejects)} refused")

    return [(folder / "seed.ndjson").read_bytes()], read, "damaged.ndjson"


def _bin(folder: Path) -> tuple[list[bytes], Callable[[Path], None], str]:
    from quickdraw_kit.strokes.binary import read_binary, write_binary
    from quickdraw_kit.strokes.generate import generate_drawings

    write_binary(generate_drawings(["star"], 12, raw=False), folder / "seed.bin")
    return [(folder / "seed.bin").read_bytes()], lambda p: bool(read_binary(p)), "damaged.bin"


def _npy(folder: Path) -> tuple[list[bytes], Callable[[Path], None], str]:
    from quickdraw_kit.raster.bitmaps import read_bitmaps

    np.save(folder / "seed.npy", np.arange(7840, dtype=np.uint8).reshape(10, 784))
    return [(folder / "seed.npy").read_bytes()], lambda p: bool(read_bitmaps(p).sum()), "x.npy"


def _npz(folder: Path) -> tuple[list[bytes], Callable[[Path], None], str]:
    from quickdraw_kit.strokes.stroke3 import read_stroke3, write_stroke3

    seeds = []
    write_stroke3(_drawings(), folder / "seed.npz")
    seeds.append((folder / "seed.npz").read_bytes())
    old = np.empty(3, object)
    for row in range(3):
        old[row] = np.arange(30, dtype=np.int16).reshape(10, 3) % 2
    buffer = io.BytesIO()
    np.savez_compressed(buffer, train=old, valid=old, test=old)
    seeds.append(buffer.getvalue())
    return seeds, lambda p: bool(read_stroke3(p)), "damaged.npz"


def _idx(folder: Path) -> tuple[list[bytes], Callable[[Path], None], str]:
    from quickdraw_kit.raster.bitmaps import read_idx

    head = bytes([0, 0, 8, 3]) + b"".join(n.to_bytes(4, "big") for n in (5, 28, 28))
    return [head + bytes(5 * 784)], lambda p: bool(read_idx(p).sum()), "damaged-idx3-ubyte"


def _parquet(folder: Path) -> tuple[list[bytes], Callable[[Path], None], str]:
    from quickdraw_kit.shards.dataset import open_shards
    from quickdraw_kit.shards.layout import Layout
    from quickdraw_kit.shards.prepare import prepare
    from quickdraw_kit.strokes.ndjson import write_ndjson

    write_ndjson(_drawings(), folder / "in.ndjson")
    prepare([folder / "in.ndjson"], folder / "set", layout=Layout(form="parquet"), workers=1)
    file = max((folder / "set").glob("train-*.parquet"), key=lambda path: path.stat().st_size)

    def read(path: Path) -> None:
        file.write_bytes(path.read_bytes())
        dataset = open_shards(folder / "set")
        for images, _ in dataset.batches(8):
            images.sum()
        dataset.to_pandas()

    return [file.read_bytes()], read, "damaged.parquet"


def _safetensors(folder: Path) -> tuple[list[bytes], Callable[[Path], None], str]:
    from quickdraw_kit.learn.model import Model, load_model, save_model

    save_model(Model.new("tiny-cnn", ("cat", "dog")), folder / "seed.safetensors")

    def read(path: Path) -> None:
        load_model(path).probabilities(np.zeros((1, 28, 28), np.uint8))

    return [(folder / "seed.safetensors").read_bytes()], read, "damaged.safetensors"


def _toml(folder: Path) -> tuple[list[bytes], Callable[[Path], None], str]:
    from quickdraw_kit.recipe import load_recipe

    seeds = [p.read_bytes() for p in sorted(Path("pipelines").glob("*.toml"))]
    return seeds, lambda p: bool(load_recipe(p)), "damaged.toml"


def main() -> None:
    """Read them all."""
    kind, number, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    seeds, read, name = globals()[f"_{kind}"](folder)
    path = folder / name
    for seed in seeds:  # everything is compiled and imported before memory is bounded
        path.write_bytes(seed)
        read(path)
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + _MEMORY, held + _MEMORY))
    outcomes: Counter[str] = Counter()
    bad: list[str] = []
    rng = np.random.default_rng(20261123)
    for turn in range(number):
        data = mutated(rng, seeds[turn % len(seeds)])
        path.write_bytes(data)
        try:
            read(path)
            outcomes["read"] += 1
        except QuickdrawError as error:
            outcomes["refused" if str(error) else "BAD: no reason"] += 1
        except Exception as error:
            outcomes[f"BAD: {type(error).__name__}"] += 1
            bad.append(f"{type(error).__name__}: {error}\n{traceback.format_exc()[-900:]}")
    sys.stdout.write(json.dumps({"outcomes": dict(outcomes), "bad": bad[:5]}) + "\n")


if __name__ == "__main__":
    main()

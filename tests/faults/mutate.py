"""Read many damaged files of one kind; print what became of each: python -m tests.faults.mutate."""

import json
import sys
import traceback
from collections import Counter
from pathlib import Path

import numpy as np

from tests.faults.targets import TARGETS, bound_memory, outcome

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


def main() -> None:
    """Read them all."""
    kind, number, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    target = TARGETS[kind](folder, 6)
    seeds = [target.whole(seed) for seed in target.seeds]
    path = folder / target.name
    for seed in seeds:  # everything is compiled and imported before memory is bounded
        path.write_bytes(seed)
        target.read(path)
    bound_memory()
    outcomes: Counter[str] = Counter()
    bad: list[str] = []
    rng = np.random.default_rng(20261123)
    for turn in range(number):
        data = mutated(rng, seeds[turn % len(seeds)])
        try:
            outcomes[outcome(target, path, data)] += 1
        except Exception as error:
            outcomes[f"BAD: {type(error).__name__}"] += 1
            bad.append(f"{type(error).__name__}: {error}\n{traceback.format_exc()[-900:]}")
    sys.stdout.write(json.dumps({"outcomes": dict(outcomes), "bad": bad[:5]}) + "\n")


if __name__ == "__main__":
    main()

"""Three keyed hashes of the key_id: the split, the position and the sample of a drawing.

A drawing's split must not depend on the other drawings, the order of the files or the number of
workers; otherwise last month's numbers could not be compared with today's. So nothing is random:
a keyed 64-bit mixing function is applied to the key_id, with one key for the split, one for the
position in the shuffled order and one for the sample that `max_per_category` keeps. The function
is a bijection: two drawings share a hash only if they share a key_id.

References
----------
The mixing steps are those of SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number
generators, OOPSLA 2014).
"""

import hashlib
import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import UsageError
from quickdraw_kit.formats.record_batch import SPLITS as SPLITS


def keyed_hash(key_id: npt.ArrayLike, salt: str, purpose: str) -> npt.NDArray[np.uint64]:
    """Mix identifiers with a key that is made of a salt and a purpose."""
    key = hashlib.blake2b(f"{purpose}\0{salt}".encode(), digest_size=8).digest()
    mixed = np.asarray(key_id, dtype=np.uint64) ^ np.uint64(int.from_bytes(key, "little"))

    mixed = mixed + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def order_hash(key_id: npt.ArrayLike, salt: str) -> npt.NDArray[np.uint64]:
    """Return the hash that shards are sorted by."""
    return keyed_hash(key_id, salt, "order")


def sampling_hash(key_id: npt.ArrayLike, salt: str) -> npt.NDArray[np.uint64]:
    """Return the hash of which `max_per_category` keeps the smallest."""
    return keyed_hash(key_id, salt, "lot")  # the purpose is part of the key: never rename it


def split_by_hash(
    key_id: npt.ArrayLike, fractions: Mapping[str, float], salt: str
) -> npt.NDArray[np.uint8]:
    """Assign splits, as positions in `SPLITS`, from checked fractions."""
    uniform = (keyed_hash(key_id, salt, "split") >> np.uint64(11)).astype(np.float64) * 2.0**-53
    test, validation = fractions["test"], fractions["validation"]

    # test first, then validation: moving a fraction between train and validation does not
    # change the test set
    split = np.zeros(uniform.shape, np.uint8)
    split[uniform < test + validation] = SPLITS.index("validation")
    split[uniform < test] = SPLITS.index("test")
    if fractions["train"] == 0:  # rounding may leave the sum of the others just below 1
        split[split == 0] = SPLITS.index("validation" if validation else "test")
    return split


def check_fractions(fractions: Mapping[str, float]) -> dict[str, float]:
    """Return the fractions of all three splits; raise `UsageError` if they do not add up to 1."""
    if unknown := sorted(set(fractions).difference(SPLITS)):
        raise UsageError(
            f"unknown split {', '.join(unknown)}: expected some of {', '.join(SPLITS)}"
        )
    checked = {name: float(fractions.get(name, 0.0)) for name in SPLITS}

    given = ",".join(f"{name}={fraction:g}" for name, fraction in fractions.items())
    if any(not 0 <= fraction <= 1 for fraction in checked.values()):
        raise UsageError(f"split {given}: expected fractions from 0 to 1")
    total = sum(checked.values())
    if not math.isclose(total, 1, abs_tol=1e-9):
        raise UsageError(f"split {given}: the fractions sum to {total:g}, expected 1")
    return checked

"""Where a drawing belongs: its split, its place and its lot, each a hash of its key_id.

A drawing's split must not depend on which other drawings are there, on the order of the files or on
the number of workers, or numbers measured last month could not be compared with today's. So nothing
is drawn at random: a keyed 64-bit mixing function is applied to the key_id, with one key for the
split, one for the place in the shuffled order and one for the lot that "at most N per category"
draws. The function is a bijection, so two drawings share a hash only if they share a key_id.

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

__all__ = ["SPLITS", "assign_split", "check_fractions", "keyed_hash"]

UInt64Array = npt.NDArray[np.uint64]

SPLITS = ("train", "validation", "test")


def keyed_hash(key_id: npt.ArrayLike, salt: str, purpose: str) -> UInt64Array:
    """Mix identifiers with a salt."""
    key = hashlib.blake2b(f"{purpose}\0{salt}".encode(), digest_size=8).digest()
    mixed = np.asarray(key_id, dtype=np.uint64) ^ np.uint64(int.from_bytes(key, "little"))
    mixed = mixed + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def check_fractions(fractions: Mapping[str, float]) -> dict[str, float]:
    """Check the shares of the splits."""
    unknown = set(fractions).difference(SPLITS)
    if unknown:
        raise UsageError(
            f"unknown split {', '.join(sorted(unknown))}: expected some of {', '.join(SPLITS)}"
        )
    shares = {name: float(fractions.get(name, 0.0)) for name in SPLITS}
    given = ",".join(f"{name}={share:g}" for name, share in fractions.items())
    if any(not 0 <= share <= 1 for share in shares.values()):
        raise UsageError(f"split {given}: each share must be from 0 to 1")
    if not math.isclose(sum(shares.values()), 1, abs_tol=1e-9):
        raise UsageError(f"split {given}: the shares sum to {sum(shares.values()):g}, expected 1")
    return shares


def assign_split(
    key_id: npt.ArrayLike, fractions: Mapping[str, float], salt: str
) -> npt.NDArray[np.uint8]:
    """Give each drawing its split."""
    # test first, then validation, so that moving share between train and validation
    # leaves the test set as it is
    unit = (keyed_hash(key_id, salt, "split") >> np.uint64(11)).astype(np.float64) * 2.0**-53
    test, validation = fractions["test"], fractions["validation"]
    split = np.zeros(unit.shape, np.uint8)
    split[unit < test + validation] = SPLITS.index("validation")
    split[unit < test] = SPLITS.index("test")
    if fractions["train"] == 0:  # the sum of the shares may miss 1 by a rounding
        split[split == 0] = SPLITS.index("validation" if validation else "test")
    return split

"""Hashes and splits depend on the key_id and the salt, and on nothing else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickdraw_kit.errors import UsageError
from quickdraw_kit.shards.keyed_hashes import (
    SPLITS,
    check_fractions,
    keyed_hash,
    order_hash,
    sampling_hash,
    split_by_hash,
)

EXPECTED = {
    "order": 16657549877005597966,
    "split": 6728224194412034290,
    "sampling": 16160154554180507074,
}

keys = st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=50)


@given(keys, st.text(max_size=5), st.sampled_from(["order", "split", "lot"]))
def test_different_keys_have_different_hashes(key_ids, salt, purpose):
    hashes = keyed_hash(np.array(key_ids, np.uint64), salt, purpose)
    assert len(set(hashes.tolist())) == len(set(key_ids))


@given(keys, st.integers(0, 49))
def test_the_split_does_not_depend_on_other_drawings(key_ids, index):
    fractions = check_fractions({"train": 0.5, "validation": 0.25, "test": 0.25})
    index %= len(key_ids)
    together = split_by_hash(np.array(key_ids, np.uint64), fractions, "s")
    alone = split_by_hash(np.array(key_ids[index : index + 1], np.uint64), fractions, "s")
    assert together[index] == alone[0]


def test_a_larger_validation_split_does_not_change_the_test_split():
    ids = np.arange(100_000, dtype=np.uint64)
    before = split_by_hash(ids, check_fractions({"train": 0.8, "validation": 0.1, "test": 0.1}), "")
    after = split_by_hash(ids, check_fractions({"train": 0.6, "validation": 0.3, "test": 0.1}), "")
    test = SPLITS.index("test")
    assert ((before == test) == (after == test)).all()


def test_the_message_has_the_fractions_as_they_were_given():
    with pytest.raises(
        UsageError, match=r"split train=0\.5,test=0\.2: the fractions sum to 0\.7, "
    ):
        check_fractions({"train": 0.5, "test": 0.2})


@pytest.mark.parametrize("name", SPLITS)
def test_a_fraction_of_one_gets_all_drawings(name):
    splits = split_by_hash(np.arange(1000), check_fractions({name: 1.0}), "")
    assert (splits == SPLITS.index(name)).all()


def test_split_order_and_sampling_hashes_are_uncorrelated():
    ids = np.arange(20_000, dtype=np.uint64)
    columns = [
        keyed_hash(ids, "", purpose) >> np.uint64(40) for purpose in ("split", "order", "lot")
    ]
    correlation = np.corrcoef(np.array(columns, np.float64)) - np.eye(3)
    assert np.abs(correlation).max() < 0.03


@pytest.mark.parametrize(
    ("fractions", "message"),
    [
        ({"train": 0.5}, "sum to 0.5"),
        ({"train": 1.5, "test": -0.5}, "from 0 to 1"),
        ({"train": 0.5, "dev": 0.5}, "unknown split"),
    ],
)
def test_invalid_fractions(fractions, message):
    with pytest.raises(UsageError, match=message):
        check_fractions(fractions)


def test_fractions_of_splits_that_are_not_given_are_zero():
    fractions = check_fractions({"train": 0.9, "test": 0.1})
    assert fractions == {"train": 0.9, "validation": 0.0, "test": 0.1}


def test_splits_have_the_fractions_that_were_asked_for():
    fractions = {"train": 0.8, "validation": 0.1, "test": 0.1}
    counts = np.bincount(split_by_hash(np.arange(100_000), fractions, ""))
    assert np.abs(counts / 100_000 - [0.8, 0.1, 0.1]).max() < 0.005


def test_hashes_never_change():
    """Shards and splits that were made before depend on them."""
    assert order_hash([1], "salt")[0] == keyed_hash([1], "salt", "order")[0] == EXPECTED["order"]
    assert sampling_hash([1], "salt")[0] == EXPECTED["sampling"]
    assert keyed_hash([1], "salt", "split")[0] == EXPECTED["split"]

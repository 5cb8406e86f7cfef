"""The law of splits: they depend on a drawing and the salt, and on nothing else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickdraw_kit.errors import UsageError
from quickdraw_kit.shards.hashes import (
    SPLITS,
    check_fractions,
    keyed_hash,
    split_by_hash,
)

keys = st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=50)


@given(keys, st.text(max_size=5), st.sampled_from(["order", "split", "lot"]))
def test_different_keys_have_different_hashes(key_ids, salt, purpose):
    hashes = keyed_hash(np.array(key_ids, np.uint64), salt, purpose)
    assert len(set(hashes.tolist())) == len(set(key_ids))


@given(keys, st.integers(0, 49))
def test_a_drawing_keeps_its_split_whatever_else_is_there(key_ids, index):
    fractions = check_fractions({"train": 0.5, "validation": 0.25, "test": 0.25})
    index %= len(key_ids)
    together = split_by_hash(np.array(key_ids, np.uint64), fractions, "s")
    alone = split_by_hash(np.array(key_ids[index : index + 1], np.uint64), fractions, "s")
    assert together[index] == alone[0]


def test_moving_share_between_train_and_validation_leaves_the_test_set():
    ids = np.arange(100_000, dtype=np.uint64)
    before = split_by_hash(ids, check_fractions({"train": 0.8, "validation": 0.1, "test": 0.1}), "")
    after = split_by_hash(ids, check_fractions({"train": 0.6, "validation": 0.3, "test": 0.1}), "")
    test = SPLITS.index("test")
    assert ((before == test) == (after == test)).all()


def test_wrong_shares_are_said_as_they_are_given():
    with pytest.raises(
        UsageError, match=r"split train=0\.5,test=0\.2: the fractions sum to 0\.7, "
    ):
        check_fractions({"train": 0.5, "test": 0.2})


@pytest.mark.parametrize("name", SPLITS)
def test_a_share_of_one_takes_everything(name):
    splits = split_by_hash(np.arange(1000), check_fractions({name: 1.0}), "")
    assert (splits == SPLITS.index(name)).all()


def test_split_order_and_lot_are_unrelated():
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
def test_shares_that_make_no_sense_are_refused(fractions, message):
    with pytest.raises(UsageError, match=message):
        check_fractions(fractions)

"""Shards to merge: their names, and ranges that cover all hashes once."""

from itertools import pairwise

import pytest

from quickdraw_kit.shards.prepare.merge import Shard


def test_a_shard_is_named_by_its_split_and_number():
    assert Shard(split=0, index=3, count=16).stem == "train-00003-of-00016"


@pytest.mark.parametrize("count", [1, 3, 16, 1000])
def test_the_hash_ranges_of_a_split_cover_every_hash_once(count):
    ranges = [Shard(1, index, count).hash_range for index in range(count)]
    assert ranges[0][0] == 0
    assert ranges[-1][1] == 2**64 - 1
    assert all(low == high + 1 for (_, high), (low, _) in pairwise(ranges))

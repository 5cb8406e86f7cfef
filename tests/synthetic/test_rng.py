"""The counter-based generator: numbers depend on name, number and call, not on the range."""

import numpy as np

from quickdraw_kit.synthetic.rng import CounterRNG, normal, point_bits, uniform


def test_a_range_has_the_numbers_of_any_other_range():
    rng, end = CounterRNG("example", 0, 1000), CounterRNG("example", 990, 1000)
    assert len(rng) == 1000
    assert (rng.uniform(-1, 1)[990:] == end.uniform(-1, 1)).all()
    assert (rng.bit_columns(3)[990:] == end.bit_columns(3)).all()
    assert (rng.bits()[990:] == end.bits()).all()


def test_numbers_are_the_same_on_every_machine():
    rng = CounterRNG("example", 0, 1000)
    rng.uniform(-1, 1)
    assert rng.chance(0.25).sum() == 236


def test_distributions():
    rng = CounterRNG("example", 0, 100_000)
    assert sorted(set(rng.integers(3, 6).tolist())) == [3, 4, 5, 6]
    sample = rng.normal(2.0)
    assert np.abs(sample).max() <= 6
    assert abs(sample.mean()) < 0.05
    assert abs(sample.std() - 2) < 0.05
    assert abs(rng.chance(0.25).mean() - 0.25) < 0.01


def test_edges():
    assert uniform(np.array([0, 1 << 63], np.uint64)).tolist() == [0, 0.5]
    assert uniform(np.array([2**64 - 1], np.uint64))[0] < 1
    assert normal(np.array([0], np.uint64)).tolist() == [-3]


def test_bits_of_points_differ():
    keys = CounterRNG("example", 0, 1).bits().repeat(3)
    assert len(set(point_bits(keys, np.arange(3)).tolist())) == 3

"""Identifiers of rows: unique, reproducible, different from official ones."""

from hypothesis import given
from hypothesis import strategies as st

from quickdraw_kit.strokes.key_ids import row_key_ids


def test_identifiers_differ_from_official_ones():
    ids = row_key_ids("numpy_bitmap/cat", 10, 20)
    assert ids.tolist() == row_key_ids("numpy_bitmap/cat", 0, 20)[10:].tolist()
    assert (ids >= 2**63).all()


@given(st.text(max_size=20), st.integers(0, 10**7))
def test_every_row_has_its_own_identifier(name, start):
    ids = row_key_ids(name, start, start + 500)
    assert len(set(ids.tolist())) == 500


def test_identifiers_are_the_same_on_every_machine():
    assert row_key_ids("sketchrnn/cat/train", 0, 2).tolist() == [
        11378438908741085403,
        11378438908741085404,
    ]

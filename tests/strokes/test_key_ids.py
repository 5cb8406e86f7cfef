"""Identifiers of rows and contents: unique, reproducible, different from official ones."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from quickdraw_kit.strokes.batch import DrawingBatch
from quickdraw_kit.strokes.key_ids import fill_key_ids, row_key_ids

from .strategies import batches

CONTENT = 10612039891088816801  # of one drawing: splits of prepared data depend on it


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


@given(batches(words=("cat", "dog", None), empties=True), st.data())
def test_the_content_makes_the_key_id(batch, data):
    """The same drawing has the same key_id in any batch and dtype; others differ."""
    unknown = np.zeros(len(batch), np.bool_)
    batch = DrawingBatch(**fill_key_ids(replace(batch, key_id_known=unknown)._columns()))
    assert (batch.key_id >= 2**63).all()
    wide = replace(batch, x=batch.x.astype(np.float64), y=batch.y.astype(np.int16).astype("f8"))
    assert fill_key_ids(wide._columns())["key_id"].tolist() == batch.key_id.tolist()

    content = [(d.word, [s.tolist() for s in d.strokes]) for d in batch]
    ids: dict[str, int] = {}
    for each, key_id in zip(map(repr, content), batch.key_id.tolist(), strict=True):
        assert ids.setdefault(each, key_id) == key_id
    assert len(set(ids.values())) == len(ids)

    order = data.draw(st.permutations(range(len(batch))))
    again = fill_key_ids(batch.take(order)._columns())["key_id"]
    assert again.tolist() == batch.key_id[order].tolist()


def test_key_ids_from_content_do_not_change():
    strokes = [([0, 255, 7], [0, 9, 9]), ([3], [4])]
    batch = DrawingBatch.from_strokes([strokes], words=["cat"])
    assert batch.key_id.tolist() == [CONTENT]
    timed = [(x, y, range(len(x))) for x, y in strokes]
    assert DrawingBatch.from_strokes([timed], words=["cat"]).key_id.tolist() != [CONTENT]

"""Spill files: sorted by split and order hash, and read back as slices of a hash range."""

import numpy as np

from quickdraw_kit.formats.record_batch import RecordBatch
from quickdraw_kit.shards.keyed_hashes import SPLITS
from quickdraw_kit.shards.prepare.spill import (
    column,
    distinct_rank,
    open_spill_file,
    word_labels,
    write_spill_file,
)
from quickdraw_kit.synthetic.generator import generate_drawings


def test_slices_of_all_hash_ranges_are_the_drawings_of_a_split_in_order(tmp_path):
    batch = generate_drawings(["circle", "line"], 100, raw=False)
    records = RecordBatch(batch, np.arange(200))
    split = np.arange(200).astype(np.uint8) % len(SPLITS)
    counts = write_spill_file(tmp_path / "a.arrow", records, split, "salt")
    assert counts == [67, 67, 66]

    middle = 2**63
    with open_spill_file(tmp_path / "a.arrow") as spill_file:
        for code in range(len(SPLITS)):
            low = spill_file.slice_(code, 0, middle - 1)
            high = spill_file.slice_(code, middle, 2**64 - 1)
            order = np.concatenate([column(low, "order"), column(high, "order")])
            assert (order[1:] > order[:-1]).all()
            assert column(low, "order").max() < middle <= column(high, "order").min()
            offset = np.concatenate([column(low, "offset"), column(high, "offset")])
            assert sorted(offset) == np.flatnonzero(split == code).tolist()
            key_id = np.concatenate([column(low, "key_id"), column(high, "key_id")])
            assert (key_id == batch.key_id[offset]).all()


def test_words_become_labels_and_words_without_a_label_minus_1(tmp_path):
    batch = generate_drawings(["circle", "line"], 3, raw=False)
    split = np.zeros(6, np.uint8)
    write_spill_file(tmp_path / "a.arrow", RecordBatch(batch, np.arange(6)), split, "")
    with open_spill_file(tmp_path / "a.arrow") as spill_file:
        labels = word_labels(spill_file.table, {"line": 7})
        words = spill_file.table.column("word").to_pylist()
    assert labels.tolist() == [{"line": 7}.get(word, -1) for word in words]


def test_equal_values_share_a_rank_within_their_group():
    group, value = np.array([0, 1, 0, 0]), np.array([7, 5, 3, 7], np.uint64)
    assert distinct_rank(group, value).tolist() == [1, 0, 0, 1]

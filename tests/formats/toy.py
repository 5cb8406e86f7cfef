"""A format that tests add, in a module of its own: worker processes import it and little else."""

from dataclasses import replace

import numpy as np

from quickdraw_kit.formats.format import Format
from quickdraw_kit.formats.record_batch import RecordBatch
from quickdraw_kit.strokes.batch import DrawingBatch


def read_toy(path, options):
    """A line per drawing: key_id, x and y of two points."""
    numbers = np.loadtxt(path, np.int64, skiprows=1, ndmin=2)
    strokes = [[(row[1:3], row[3:5])] for row in numbers]
    words = [options.word or "cat"] * len(numbers)
    batch = DrawingBatch.from_strokes(strokes, words=words)
    batch = replace(batch, key_id=numbers[:, 0].astype(np.uint64), key_id_known=None)
    yield RecordBatch(batch, np.arange(len(batch)))


def write_toy(batches, path, options):
    with path.open("w") as file:
        file.write("TOY\n")
        for batch in batches:
            for drawing in batch:
                x, y = drawing.strokes[0][:2].T.tolist()
                file.write(" ".join(map(str, [drawing.key_id, *x, *y])) + "\n")


TOY = Format(
    name="toy",
    suffixes=(".toy",),
    magic=b"TOY\n",
    bytes_per_drawing=20,
    fields=frozenset(),
    coordinates="frame",
    read=read_toy,
    write=write_toy,
)

"""The kernel prints what Python prints."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from quickdraw_kit.formats.ndjson.print_kernels import print_lines
from quickdraw_kit.strokes.columns import lengths_to_offsets

whole = st.integers(-(2**63) + 1, 2**63 - 1) | st.integers(-300, 300)
drawings = st.lists(
    st.lists(st.lists(st.tuples(whole, whole), min_size=1, max_size=4), min_size=1, max_size=3)
)


@given(drawings)
@example([[[(0, 9)]], [[(10, 99), (100, -1)], [(-10, 2**63 - 1)]]])
def test_whole_numbers(drawings):
    points = [point for drawing in drawings for stroke in drawing for point in stroke]
    rows = np.array(points, np.int64).reshape(-1, 2).T.copy()
    heads = [f"<{i}>" for i in range(len(drawings))]
    out = np.empty(1000 + 60 * len(points), np.uint8)
    size = print_lines(
        out,
        np.frombuffer("".join(heads).encode(), np.uint8),
        lengths_to_offsets([len(head) for head in heads]),
        lengths_to_offsets([len(drawing) for drawing in drawings]),
        lengths_to_offsets([len(stroke) for drawing in drawings for stroke in drawing]),
        rows,
        np.zeros(0, np.uint8),
        np.zeros(1, np.int64),
    )
    expected = [
        head + str([[list(row) for row in zip(*stroke, strict=True)] for stroke in drawing]) + "}\n"
        for head, drawing in zip(heads, drawings, strict=True)
    ]
    assert out[:size].tobytes().decode() == "".join(expected).replace(" ", "")

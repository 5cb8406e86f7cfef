"""Kernel that prints the strokes of many drawings as JSON text.

It does not check bounds: the writer allocates as much as the text can take.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from quickdraw_kit.kernels import kernel, read_only

AS_TEXT = -(2**63)  # stands for the next of the preformatted texts
_U1 = np.uint64(1)


@kernel
def _print_text(
    out: npt.NDArray[np.uint8], pos: np.uint64, text: npt.NDArray[np.uint8], start: int, stop: int
) -> np.uint64:
    for i in range(start, stop):
        out[pos] = text[i]
        pos += _U1
    return pos


@kernel
def _print_number(out: npt.NDArray[np.uint8], pos: np.uint64, number: int) -> np.uint64:
    if number < 0:
        out[pos] = ord("-")
        pos += _U1
        number = -number

    # digits come out last to first, so their number has to be known
    digits = 1
    rest = number
    while rest >= 10:
        rest //= 10
        digits += 1
    for i in range(digits):
        out[pos + np.uint64(digits - 1 - i)] = ord("0") + number % 10
        number //= 10
    return pos + np.uint64(digits)


@kernel
def _print_row(
    out: npt.NDArray[np.uint8],
    pos: np.uint64,
    numbers: npt.NDArray[np.int64],
    start: int,
    stop: int,
    text: npt.NDArray[np.uint8],
    text_offsets: npt.NDArray[np.int64],
    used: int,
) -> tuple[np.uint64, int]:
    """Print ``[1,2,3],``; return the position after it and how many texts are used so far."""
    out[pos] = ord("[")
    pos += _U1
    for i in range(start, stop):
        if numbers[i] == AS_TEXT:
            pos = _print_text(out, pos, text, text_offsets[used], text_offsets[used + 1])
            used += 1
        else:
            pos = _print_number(out, pos, numbers[i])
        out[pos] = ord(",")
        pos += _U1
    out[pos - _U1] = ord("]")  # over the last comma
    out[pos] = ord(",")
    return pos + _U1, used


def _print_examples() -> Iterator[tuple[Any, ...]]:
    out, numbers = np.zeros(1, np.uint8), np.zeros(1, np.int64)
    text, offsets = read_only(out), read_only(numbers)
    rows = read_only(numbers.reshape(1, 1))
    yield out, text, offsets, offsets, offsets, rows, text, offsets


@kernel(examples=_print_examples)
def print_lines(
    out: npt.NDArray[np.uint8],
    heads: npt.NDArray[np.uint8],
    head_offsets: npt.NDArray[np.int64],
    drawing_offsets: npt.NDArray[np.int64],
    stroke_offsets: npt.NDArray[np.int64],
    rows: npt.NDArray[np.int64],
    text: npt.NDArray[np.uint8],
    text_offsets: npt.NDArray[np.int64],
) -> np.int64:
    """Print lines: for each drawing its head, its strokes and the end; return the bytes.

    `rows`, of shape (2 or 3, points), has x, y and perhaps t. A number that is `AS_TEXT` is printed
    as the next of the preformatted texts, which are in the order of printing.
    """
    pos = np.uint64(0)
    used = 0
    for drawing in range(drawing_offsets.size - 1):
        # Rows, strokes and drawings end in a comma, which the bracket after the last overwrites.
        pos = _print_text(out, pos, heads, head_offsets[drawing], head_offsets[drawing + 1])
        out[pos] = ord("[")
        pos += _U1
        for stroke in range(drawing_offsets[drawing], drawing_offsets[drawing + 1]):
            out[pos] = ord("[")
            pos += _U1
            for row in range(rows.shape[0]):
                pos, used = _print_row(
                    out,
                    pos,
                    rows[row],
                    stroke_offsets[stroke],
                    stroke_offsets[stroke + 1],
                    text,
                    text_offsets,
                    used,
                )
            out[pos - _U1] = ord("]")
            out[pos] = ord(",")
            pos += _U1

        out[pos - _U1] = ord("]")
        out[pos] = ord("}")
        out[pos + _U1] = ord("\n")
        pos += np.uint64(2)
    return np.int64(pos)

"""Kernel that prints the strokes of many drawings as JSON text."""

import numpy as np
import numpy.typing as npt

from quickdraw_kit.kernels import kernel

__all__ = ["print_lines"]

_AS_TEXT = -(2**63)
_U1 = np.uint64(1)


@kernel
def _print_text(
    out: npt.NDArray[np.uint8], at: np.uint64, text: npt.NDArray[np.uint8], start: int, stop: int
) -> np.uint64:
    for i in range(start, stop):
        out[at] = text[i]
        at += _U1
    return at


@kernel
def _print_number(out: npt.NDArray[np.uint8], at: np.uint64, number: int) -> np.uint64:
    if number < 0:
        out[at] = ord("-")
        at += _U1
        number = -number
    digits = 1
    rest = number
    while rest >= 10:
        rest //= 10
        digits += 1
    for i in range(digits):
        out[at + np.uint64(digits - 1 - i)] = ord("0") + number % 10
        number //= 10
    return at + np.uint64(digits)


@kernel
def _print_row(
    out: npt.NDArray[np.uint8],
    at: np.uint64,
    numbers: npt.NDArray[np.int64],
    start: int,
    stop: int,
    text: npt.NDArray[np.uint8],
    ends: npt.NDArray[np.int64],
    used: int,
) -> tuple[np.uint64, int]:
    """Print ``[1,2,3],``; return the place behind it and how many ready texts are used up."""
    out[at] = ord("[")
    at += _U1
    for i in range(start, stop):
        if numbers[i] == _AS_TEXT:
            at = _print_text(out, at, text, ends[used], ends[used + 1])
            used += 1
        else:
            at = _print_number(out, at, numbers[i])
        out[at] = ord(",")
        at += _U1
    out[at - _U1] = ord("]")
    out[at] = ord(",")
    return at + _U1, used


@kernel
def print_lines(
    out: npt.NDArray[np.uint8],
    heads: npt.NDArray[np.uint8],
    head_offsets: npt.NDArray[np.int64],
    drawing_offsets: npt.NDArray[np.int64],
    stroke_offsets: npt.NDArray[np.int64],
    rows: npt.NDArray[np.int64],
    text: npt.NDArray[np.uint8],
    ends: npt.NDArray[np.int64],
) -> np.int64:
    """Print lines: for each drawing its head, its strokes and the end; return how many bytes.

    `rows` (rows, points) holds x, y and perhaps t. Where a number is the least int64, the next of
    the ready texts stands; they are in the order of printing.
    """
    at = np.uint64(0)
    used = 0
    for drawing in range(drawing_offsets.size - 1):
        at = _print_text(out, at, heads, head_offsets[drawing], head_offsets[drawing + 1])
        out[at] = ord("[")
        at += _U1
        for stroke in range(drawing_offsets[drawing], drawing_offsets[drawing + 1]):
            out[at] = ord("[")
            at += _U1
            for row in range(rows.shape[0]):
                at, used = _print_row(
                    out,
                    at,
                    rows[row],
                    stroke_offsets[stroke],
                    stroke_offsets[stroke + 1],
                    text,
                    ends,
                    used,
                )
            out[at - _U1] = ord("]")
            out[at] = ord(",")
            at += _U1
        out[at - _U1] = ord("]")
        out[at] = ord("}")
        out[at + _U1] = ord("\n")
        at += np.uint64(2)
    return np.int64(at)

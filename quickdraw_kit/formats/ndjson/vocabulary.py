"""The words read so far, as a hash table in arrays, so that a kernel can look them up."""

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from quickdraw_kit.kernels import kernel

Text: TypeAlias = npt.NDArray[np.uint8]
Int64Array: TypeAlias = npt.NDArray[np.int64]
Slots: TypeAlias = npt.NDArray[np.int32]

_U1 = np.uint64(1)


class Vocabulary:
    """Words and their codes. Python adds words, kernels find them."""

    def __init__(self) -> None:
        self._codes: dict[str | None, int] = {}
        self._slots = np.full(64, -1, np.int32)  # a power of 2; codes, or -1 where empty
        self._offsets = np.zeros(1, np.int64)
        self._text = np.zeros(0, np.uint8)

    def __len__(self) -> int:
        return len(self._codes)

    @property
    def table(self) -> tuple[Slots, Int64Array, Text]:
        """The hash table, the offset of each word, and the concatenated words in UTF-8."""
        return self._slots, self._offsets, self._text

    @property
    def words(self) -> tuple[str | None, ...]:
        """All words, and None if one was not known; the index of a word is its code."""
        return tuple(self._codes)

    def code(self, word: str | None) -> int:
        """Return the code of a word, which is added if it is new."""
        code = self._codes.setdefault(word, len(self._codes))
        if code == len(self._offsets) - 1:
            # no word that the kernel looks up has a quote: it never finds None
            text = b'"' if word is None else word.encode()
            self._text = np.append(self._text, np.frombuffer(text, np.uint8))
            self._offsets = np.append(self._offsets, len(self._text))
            first = code
            if 2 * len(self._codes) > len(
                self._slots
            ):  # at least half stay empty: probing is short
                self._slots = np.full(4 * len(self._slots), -1, np.int32)
                first = 0
            for each in range(first, code + 1):
                _insert(self._slots, self._offsets, self._text, each)
        return code


@kernel
def _hash(text: Text, start: int, stop: int) -> np.uint64:
    value = np.uint64(14695981039346656037)  # FNV-1a
    for i in range(start, stop):
        value = (value ^ np.uint64(text[i])) * np.uint64(1099511628211)
    return value ^ (value >> np.uint64(32))


def _insert_examples() -> Iterator[tuple[Any, ...]]:
    yield (*Vocabulary().table, 0)


@kernel(examples=_insert_examples)
def _insert(slots: Slots, offsets: Int64Array, words: Text, code: int) -> None:
    mask = np.uint64(slots.size - 1)
    slot = _hash(words, offsets[code], offsets[code + 1]) & mask
    while slots[slot] >= 0:  # linear probing
        slot = (slot + _U1) & mask
    slots[slot] = code


@kernel
def find_word(
    slots: Slots, offsets: Int64Array, words: Text, text: Text, start: int, length: int
) -> np.int64:
    """Return the code of the word at a position of the text, or -1."""
    mask = np.uint64(slots.size - 1)
    slot = _hash(text, start, start + length) & mask
    while slots[slot] >= 0:
        code = np.int64(slots[slot])
        offset = offsets[code]
        same = offsets[code + 1] - offset == length
        for i in range(length if same else 0):
            same &= words[offset + i] == text[start + i]
        if same:
            return code
        slot = (slot + _U1) & mask
    return np.int64(-1)

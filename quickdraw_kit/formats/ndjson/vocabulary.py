"""The words met so far, as a hash table in arrays that a kernel reads."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from quickdraw_kit.kernels import kernel

__all__ = ["Int64Array", "Slots", "Text", "Vocabulary", "find_word"]

Text: TypeAlias = npt.NDArray[np.uint8]
Int64Array: TypeAlias = npt.NDArray[np.int64]
Slots: TypeAlias = npt.NDArray[np.int32]

_U1 = np.uint64(1)


class Vocabulary:
    """The words met so far, as a hash table that the kernel reads."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._slots = np.full(64, -1, np.int32)
        self._begins = np.zeros(1, np.int64)
        self._text = np.zeros(0, np.uint8)

    def __len__(self) -> int:
        return len(self._codes)

    @property
    def table(self) -> tuple[Slots, Int64Array, Text]:
        """The hash table, where each word begins, and all words one behind the other."""
        return self._slots, self._begins, self._text

    @property
    def words(self) -> tuple[str, ...]:
        """All words; a word's place is its code."""
        return tuple(self._codes)

    def code(self, word: str) -> int:
        """Return the code of a word, a new one for a new word."""
        code = self._codes.setdefault(word, len(self._codes))
        if code == len(self._begins) - 1:
            self._text = np.append(self._text, np.frombuffer(word.encode(), np.uint8))
            self._begins = np.append(self._begins, len(self._text))
            first = code
            if 2 * len(self._codes) > len(self._slots):
                self._slots = np.full(4 * len(self._slots), -1, np.int32)
                first = 0
            for each in range(first, code + 1):
                _enter(self._slots, self._begins, self._text, each)
        return code


@kernel
def _hash(text: Text, start: int, stop: int) -> np.uint64:
    value = np.uint64(14695981039346656037)  # FNV-1a
    for i in range(start, stop):
        value = (value ^ np.uint64(text[i])) * np.uint64(1099511628211)
    return value ^ (value >> np.uint64(32))


@kernel
def _enter(slots: Slots, begins: Int64Array, words: Text, code: int) -> None:
    mask = np.uint64(slots.size - 1)
    slot = _hash(words, begins[code], begins[code + 1]) & mask
    while slots[slot] >= 0:
        slot = (slot + _U1) & mask
    slots[slot] = code


@kernel
def find_word(
    slots: Slots, begins: Int64Array, words: Text, text: Text, start: int, length: int
) -> np.int64:
    """Return the code of the word that stands in the text, or -1."""
    mask = np.uint64(slots.size - 1)
    slot = _hash(text, start, start + length) & mask
    while slots[slot] >= 0:
        code = np.int64(slots[slot])
        begin = begins[code]
        same = begins[code + 1] - begin == length
        for i in range(length if same else 0):
            same &= words[begin + i] == text[start + i]
        if same:
            return code
        slot = (slot + _U1) & mask
    return np.int64(-1)

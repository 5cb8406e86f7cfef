"""The hash table finds every word that was added, and no other."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from quickdraw_kit.formats.ndjson.vocabulary import Vocabulary, find_word


def find(vocabulary: Vocabulary, word: str) -> int:
    text = np.frombuffer(b"__" + word.encode() + b'"', np.uint8)
    return int(find_word(*vocabulary.table, text, 2, len(text) - 3))


@given(st.lists(st.text(min_size=1), unique=True, max_size=80), st.text(min_size=1))
def test_added_words_are_found(words, other):
    vocabulary = Vocabulary()
    assert [vocabulary.code(word) for word in words] == list(range(len(words)))
    assert [vocabulary.code(word) for word in words] == list(range(len(words)))
    assert vocabulary.words == tuple(words)
    assert len(vocabulary) == len(words)
    assert [find(vocabulary, word) for word in words] == list(range(len(words)))
    assert find(vocabulary, other) == (words.index(other) if other in words else -1)


def test_thousands_of_words():
    vocabulary = Vocabulary()
    words = [f"word {i}" for i in range(5000)]
    for word in words:
        vocabulary.code(word)
    assert [find(vocabulary, word) for word in words] == list(range(5000))
    assert find(vocabulary, "word 5000") == -1
    assert find(vocabulary, "word") == -1

"""What the name of a file says about its content.

Files are named by browsers, consoles and shells, not only by the data set: the name of a category
is found under percent-encoding, official prefixes, copy numbers, and any case and separators.
"""

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from quickdraw_kit.categories import CATEGORIES, official_name

COMPRESSION_SUFFIXES = {".gz": "gzip", ".zst": "zstd", ".bz2": "bzip2", ".xz": "xz", ".zip": "zip"}

_VARIANT = r"(?:raw|simplified|binary|numpy[_-]?bitmaps?|sketch-?rnn)"
# what is never part of a label: official prefixes, Sketch-RNN's .full, and the marks of copies of
# browsers, Windows, macOS and Linux
_CERTAIN = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"^(?:quickdraw_dataset_)?(?:full_{_VARIANT}|sketchrnn)_",
        r"\.full$",
        r"\s*\(\d+\)$",
        r"\s+-\s+copy(?:\s*\(\d+\))?$",
        r"\s+\((?:\w+ )?copy\)$",
    )
)
# what may be: it counts only if an official category is left
_POSSIBLE = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"^(?:full[_-])?{_VARIANT}[ _-]",
        rf"[ ._-]{_VARIANT}$",
        r"[ ._-]*\d+$",
        r"\s+-\s+\w+$",
        r"[ ._-]copy$",
        r"\.[a-z]\w{1,7}$",
    )
)
_HIDDEN = frozenset({"__MACOSX", "Thumbs.db", "desktop.ini"})


def strip_compression(path: Path) -> Path:
    """Return a path without the suffix of a compression."""
    return path.with_suffix("") if path.suffix.lower() in COMPRESSION_SUFFIXES else path


def is_hidden(path: Path) -> bool:
    """Whether a file or folder is one that systems leave behind, not data of the user."""
    return path.name.startswith(".") or path.name in _HIDDEN


def label_from_filename(path: Path) -> str:
    """Return the category that a file is named after; for other names, the name itself."""
    name = strip_compression(_decoded(path)).stem or path.stem
    for bare in _peel(name, (*_CERTAIN, *_POSSIBLE)):
        if (official := official_name(bare)) is not None:
            return official
    return list(_peel(name, _CERTAIN))[-1]


def _decoded(path: Path) -> Path:
    """Return the name of a file without percent-encoding, folders and a query in it."""
    name = path.name
    with contextlib.suppress(UnicodeDecodeError):  # a percent sign of a name's own
        name = unquote(name, errors="strict")
    name = re.split(r"[/\\]", name)[-1]
    return Path(name.partition("?")[0] or path.name)


def _peel(name: str, marks: tuple[re.Pattern[str], ...]) -> Iterator[str]:
    """Yield a name, and the name after each mark that is taken away, until there is none."""
    while True:
        yield name
        shorter = next((s for mark in marks if (s := mark.sub("", name)) and s != name), None)
        if shorter is None:
            return
        name = shorter


def given_word(word: str | None, path: Path) -> str | None:
    """Return a word that the caller of a reader chose, and None for the name of the file.

    Such a name counts for drawings without a word only if it is an official category.
    """
    return None if word == label_from_filename(path) else word


def word_from_filename(path: str | os.PathLike[str]) -> str | None:
    """Return the official category that a file is named after; None if it is not one."""
    label = label_from_filename(Path(path))
    return label if label in CATEGORIES else None

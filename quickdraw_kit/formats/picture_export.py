"""All drawings of a file as pictures, in a folder per class."""

import os
import re
import secrets
from collections import Counter, deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np

from quickdraw_kit.errors import UsageError
from quickdraw_kit.formats.format import Format
from quickdraw_kit.formats.picture_style import PictureStyle
from quickdraw_kit.formats.record_batch import RecordBatch
from quickdraw_kit.options import check, option

_BLOCK = 128  # drawings that a thread renders and writes at once
_GROUP = "Folders of pictures"
# what Windows does not allow in names, and what would lead out of the folder
_UNSAFE = re.compile(r'[\x00-\x1f/\\:*?"<>|]')
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FolderOptions:
    """How a folder of pictures is written.

    Parameters
    ----------
    format : {"png", "svg", "gif", "webp"}, optional
        Format of the pictures: PNG.
    names : {"key_id", "number"}
        What pictures are named after: the key_id, or a running number in each class, from 1.
    overwrite : bool
        Whether to replace pictures that exist.

    Raises
    ------
    UsageError
        If a value is not one of the choices.

    Examples
    --------
    >>> from quickdraw_kit import FolderOptions, convert, generate_drawings, write_ndjson
    >>> write_ndjson(generate_drawings(["star"], 2, raw=False), "star.ndjson")
    >>> convert("star.ndjson", "pictures/", folder=FolderOptions(names="number")).drawings
    2
    >>> from pathlib import Path
    >>> sorted(path.as_posix() for path in Path("pictures").rglob("*.png"))
    ['pictures/star/000001.png', 'pictures/star/000002.png']
    """

    format: (
        Annotated[
            Literal["png", "svg", "gif", "webp"],
            option("Write a folder of pictures of this format; by default png.", group=_GROUP),
        ]
        | None
    ) = None
    names: Annotated[
        Literal["key_id", "number"],
        option("Name pictures in a folder by key_id, or by a running number.", group=_GROUP),
    ] = "key_id"
    overwrite: Annotated[
        bool, option("Replace pictures that exist in the folder.", group=_GROUP)
    ] = False

    def __post_init__(self) -> None:
        check(self)


def export_pictures(
    batches: Iterable[RecordBatch],
    folder: Path,
    format: Format,
    style: PictureStyle,
    options: FolderOptions,
    *,
    threads: int | None = None,
) -> None:
    """Write each drawing as a picture, atomically, into the folder of its class.

    `UsageError` at the first picture that exists, unless it may be replaced.
    """
    number = threads or min(os.cpu_count() or 1, 8)
    names = _Names(folder, format.suffixes[0], options)
    pending: deque[Future[None]] = deque()
    with ThreadPoolExecutor(number) as pool:
        try:
            for records in batches:
                for start in range(0, len(records.batch), _BLOCK):
                    rows = np.zeros(len(records.batch), np.bool_)
                    rows[start : start + _BLOCK] = True
                    block = records.filter(rows)
                    paths = names.assign(block)
                    pending.append(pool.submit(_write_block, block, paths, format, style))
                    # few blocks wait, whatever the number of drawings
                    while len(pending) > 2 * number:
                        pending.popleft().result()
            while pending:
                pending.popleft().result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


class _Names:
    """Gives each drawing a path that no other drawing and no older file has."""

    def __init__(self, folder: Path, suffix: str, options: FolderOptions) -> None:
        self._folder, self._suffix, self._options = folder, suffix, options
        self._counts: Counter[str] = Counter()
        self._folders: dict[str, Path] = {}  # by class
        self._taken: dict[str, set[str]] = {}  # names by class: older files
        self._used: dict[str, set[int]] = {}  # key_ids by class
        folder.mkdir(parents=True, exist_ok=True)

    def assign(self, records: RecordBatch) -> list[Path]:
        batch = records.batch
        classes = [class_folder(word) for word in batch.words]
        return [
            self._path(classes[code], key_id)
            for code, key_id in zip(batch.word_code.tolist(), batch.key_id.tolist(), strict=True)
        ]

    def _path(self, name: str, key_id: int) -> Path:
        if name not in self._folders:
            folder = self._folder / name
            folder.mkdir(exist_ok=True)
            self._folders[name] = folder
            # listed once, before anything is written to it
            self._taken[name] = (
                set() if self._options.overwrite else {file.name for file in folder.iterdir()}
            )
            self._used[name] = set()
        self._counts[name] += 1
        stem = f"{self._counts[name]:06d}"
        if self._options.names == "key_id":
            used, stem = self._used[name], str(key_id)
            if key_id in used:  # a file may have a drawing twice
                stem = f"{key_id}-{self._counts[name]}"
            used.add(key_id)
        file = stem + self._suffix
        path = self._folders[name] / file
        if file in self._taken[name]:
            raise UsageError(
                f"{path} exists: name another folder, or replace pictures (--overwrite)"
            )
        return path


def _write_block(
    records: RecordBatch, paths: list[Path], format: Format, style: PictureStyle
) -> None:
    if format.encode is None:
        raise AssertionError(f"{format.name} is not a format of pictures")
    for path, data in zip(paths, format.encode(records, style), strict=True):
        _write_file(path, data)


def _write_file(path: Path, data: bytes) -> None:
    """Write a small file, complete or not at all; it is not flushed, as it is one of many."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        with partial.open("xb", buffering=0) as file:
            file.write(data)
        partial.replace(path)
    except BaseException:
        with suppress(OSError):
            partial.unlink()
        raise


def class_folder(word: str | None) -> str:
    """Return the name of the folder of a class, safe on every system."""
    name = _UNSAFE.sub("_", word or "").strip(" .")[:120]
    if not name:
        return "unknown"
    return f"{name}_" if _RESERVED.fullmatch(name) else name

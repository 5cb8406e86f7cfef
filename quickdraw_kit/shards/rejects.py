"""``rejects.ndjson``: every rejected line with its source, line number, offset, reason and text."""

import codecs
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias

from quickdraw_kit.acquire.sources import Source
from quickdraw_kit.storage.hashing import FileEntry, HashedFile, hashed_write

REJECTS_NAME = "rejects.ndjson"

_Output: TypeAlias = HashedFile | BinaryIO

_BLOCK_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class RejectEntry:
    """A rejected line or row."""

    offset: int  # byte of a text file, row of any other
    kind: str  # what the manifest counts it under
    reason: str


def write_rejects(
    folder: Path,
    sources: Sequence[Source],
    rejects: Mapping[int, Iterable[RejectEntry]],
    saved: Mapping[int, Path] | None = None,
) -> FileEntry:
    """Write ``rejects.ndjson``, and read the text of each line from its source again.

    Mappings are by the number of the source; `saved` has what `write_source_rejects` wrote for
    sources that do not exist any more. Bytes that are not UTF-8 become lone surrogates; in Python
    ``text.encode("utf-8", "surrogateescape")`` restores them.
    """
    saved = saved or {}
    with hashed_write(folder, REJECTS_NAME) as out:
        for number, source in enumerate(sources):
            if number in saved:
                with saved[number].open("rb") as file:
                    while block := file.read(_BLOCK_BYTES):
                        out.write(block)
            else:
                write_source_rejects(out, source, rejects.get(number, ()))
    return out.entry


def write_source_rejects(out: _Output, source: Source, rejects: Iterable[RejectEntry]) -> None:
    """Write the lines of ``rejects.ndjson`` for one source."""
    in_order = sorted(rejects, key=lambda reject: reject.offset)
    if not in_order:
        return

    # rows of binary formats have no text
    if source.format.position != "line":
        for reject in in_order:
            _write_start(out, source, reject, row=reject.offset + 1)
            out.write(b"}\n")
        return

    with source.format.open_text(source.path) as file:
        reader = _LineReader(file)
        for reject in in_order:
            reader.seek(reject.offset)
            _write_start(out, source, reject, line=reader.line, offset=reject.offset)
            out.write(b', "text": "')
            reader.copy_line(out)
            out.write(b'"}\n')


def _write_start(out: _Output, source: Source, reject: RejectEntry, **position: int) -> None:
    """Write a JSON object up to its closing bracket."""
    fields = {"source": source.name, **position, "kind": reject.kind, "reason": reject.reason}
    out.write(json.dumps(fields)[:-1].encode())


class _LineReader:
    """Moves forward through a file and counts lines; a line of any length takes little memory."""

    def __init__(self, file: BinaryIO) -> None:
        self.line = 1
        self._file = file
        self._block = b""
        self._block_start = 0  # offset in the file
        self._position = 0  # in the block

    def seek(self, offset: int) -> None:
        """Go to an offset that is not before the current one."""
        while offset > self._block_start + len(self._block):
            self.line += self._block.count(b"\n", self._position)
            if not self._read_block():
                return
        self.line += self._block.count(b"\n", self._position, offset - self._block_start)
        self._position = offset - self._block_start

    def copy_line(self, out: _Output) -> None:
        """Write the rest of the line as the content of a JSON string."""
        # incremental: a block may end within a character
        decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        is_last = False
        while not is_last:
            end = self._block.find(b"\n", self._position)
            part = self._block[self._position : len(self._block) if end < 0 else end]
            self._position += len(part)
            is_last = end >= 0 or not self._read_block()
            text = decoder.decode(part, final=is_last)
            if is_last:
                text = text.removesuffix("\r")
            # dumps escapes lone surrogates, which UTF-8 cannot encode
            out.write(json.dumps(text)[1:-1].encode())

    def _read_block(self) -> bool:
        self._block_start += len(self._block)
        self._block = self._file.read(_BLOCK_BYTES)
        self._position = 0
        return bool(self._block)

"""The file of refused lines: each with its source, its number, its place, the reason and itself."""

import codecs
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias

from quickdraw_kit.acquire.sources import Source
from quickdraw_kit.storage.files import open_decompressed
from quickdraw_kit.storage.hashing import FileEntry, HashedFile, hashed_write

__all__ = ["REJECTS_NAME", "RejectEntry", "write_refused", "write_rejects"]

Sink: TypeAlias = HashedFile | BinaryIO

REJECTS_NAME = "rejects.ndjson"
_BLOCK = 4 << 20


@dataclass(frozen=True, slots=True)
class RejectEntry:
    """A rejected line or row."""

    offset: int  # byte of a text file, row of any other
    kind: str  # what the manifest counts it under
    reason: str


def write_rejects(
    folder: Path,
    sources: Sequence[Source],
    bad: Mapping[int, Iterable[RejectEntry]],
    written: Mapping[int, Path] | None = None,
) -> FileEntry:
    """Write ``rejects.ndjson``, fetching each line from its source again.

    A line that is not UTF-8 stands with its odd bytes as lone surrogates; in Python
    ``text.encode("utf-8", "surrogateescape")`` gives the bytes back.
    """
    written = written or {}
    with hashed_write(folder, REJECTS_NAME) as out:
        for index, source in enumerate(sources):
            if index in written:
                with written[index].open("rb") as file:
                    while block := file.read(_BLOCK):
                        out.write(block)
            else:
                write_refused(out, source, bad.get(index, ()))
    return out.entry


def write_refused(out: Sink, source: Source, bad: Iterable[RejectEntry]) -> None:
    """Write the refused lines of one source, as they stand in ``rejects.ndjson``."""
    lines = sorted(bad, key=lambda line: line.offset)
    if not lines:
        return
    if source.format.position != "line":
        for line in lines:
            _write_head(out, source, line, row=line.offset + 1)
            out.write(b"}\n")
        return
    with open_decompressed(source.path) as file:
        reader = _LineReader(file)
        for line in lines:
            reader.seek(line.offset)
            _write_head(out, source, line, line=reader.line, offset=line.offset)
            out.write(b', "text": "')
            reader.copy_line(out)
            out.write(b'"}\n')


def _write_head(out: Sink, source: Source, refused: RejectEntry, **place: int) -> None:
    head = {"source": source.name, **place, "kind": refused.kind, "reason": refused.reason}
    out.write(json.dumps(head)[:-1].encode())


class _LineReader:
    """Walks forward through a file and counts its lines."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._block = b""
        self._start = 0  # offset of the block's first byte
        self._at = 0  # place in the block
        self.line = 1

    def seek(self, offset: int) -> None:
        while offset > self._start + len(self._block):
            self.line += self._block.count(b"\n", self._at)
            if not self._next_block():
                return
        self.line += self._block.count(b"\n", self._at, offset - self._start)
        self._at = offset - self._start

    def copy_line(self, out: Sink) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        while True:
            end = self._block.find(b"\n", self._at)
            piece = self._block[self._at : len(self._block) if end < 0 else end]
            self._at += len(piece)
            last = end >= 0
            if not last and not self._next_block():
                last = True
            text = decoder.decode(piece, final=last)
            if last:
                text = text.removesuffix("\r")
            out.write(json.dumps(text)[1:-1].encode())
            if last:
                return

    def _next_block(self) -> bool:
        self._start += len(self._block)
        self._block = self._file.read(_BLOCK)
        self._at = 0
        return bool(self._block)

"""Files that are not one drawing per line in UTF-8, rewritten as such while they are read.

JSON arrays, objects with a list, and pretty-printed objects keep every byte in its place: what is
around a drawing and the newlines in it become spaces, and what is between two drawings a newline.
So memory is constant, and offsets are those of the file. Only drawings that are not objects (lists
of strokes, lists by word or by column) are parsed as a whole and written again.

The beginning of a file also decides how all of its lines are read, see `FileLayout`: chunks of one
file are read by different workers and must agree.
"""

import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

import numpy as np

from quickdraw_kit.errors import DataError
from quickdraw_kit.formats.ndjson.line_parser import LineError, parse_line
from quickdraw_kit.formats.ndjson.metadata import WORD_NAMES
from quickdraw_kit.formats.ndjson.stroke_shapes import DRAWING_NAMES
from quickdraw_kit.storage.files import Rejoined, to_utf8

_HEAD_BYTES = 1 << 16
_BLOCK_BYTES = 1 << 20
_SPACE, _NEWLINE, _COMMA = b" \n,"
_ESCAPE = re.compile(rb"\\.", re.DOTALL)
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}:,]|[^\s\[\]{}:,"]+', re.DOTALL)
_LIST_NAMES = ("drawings", "sketches", "data", "items", "results")
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class FileLayout:
    """How the lines of a file are read; the drawings at its beginning decide."""

    raw: bool | None = None  # None: no line at the beginning is valid
    timed: bool = False
    points: bool = False  # ambiguous strokes are lists of points


@dataclass(frozen=True, slots=True)
class Lines:
    """A stream with one drawing per line."""

    file: BinaryIO
    layout: FileLayout
    is_rewritten: bool  # a range of the file is not a range of the lines
    word: str | None = None  # of all drawings of the file without one


@dataclass(frozen=True, slots=True)
class _Container:
    """A list of objects, or objects over several lines, in a stream."""

    start: int  # offset behind the bracket that opens the list
    is_list: bool
    word: str | None = None


def open_lines(file: BinaryIO, name: str) -> Lines:
    """Return a stream with one drawing per line, and how to read it; the content decides."""
    file, is_rewritten = to_utf8(file, name)
    head, file = _peek(file)

    word = None
    container = _find_container(head)
    if container is not None:
        file = cast("BinaryIO", io.BufferedReader(_JsonLines(file, container, name), _BLOCK_BYTES))
        is_rewritten, word = True, container.word
        head, file = _peek(file)
    elif _needs_parsing(head):
        content = cast("io.RawIOBase", file).readall() or b""
        lines = _rewrite_documents(content)
        file = io.BytesIO(content if lines is None else lines)
        is_rewritten = lines is not None
        head, file = _peek(file)
    return Lines(file, _layout(head), is_rewritten, word)


def _layout(head: bytes) -> FileLayout:
    lines = head.removeprefix(_BOM).split(b"\n")
    # the last one may be cut off
    lines = [line for line in (lines if len(head) < _HEAD_BYTES else lines[:-1]) if line.strip()]

    points = False
    for line in lines:
        try:
            parsed = parse_line(line)
        except LineError:
            continue
        if parsed.layout is not None:
            points = parsed.layout == "points"
            break

    layout = FileLayout(points=points)
    for line in lines:
        try:
            parsed = parse_line(line, points=points)
        except LineError:
            continue
        if parsed.is_raw and parsed.t is not None:
            return layout if layout.raw is not None else FileLayout(True, True, points)
        # One drawing that touches both ends of the frame, as only simplified ones do, outweighs a
        # bad coordinate elsewhere. Drawings on a canvas may be inside the frame by chance.
        x, y = parsed.x, parsed.y
        if not parsed.is_raw and min(x.min(), y.min()) == 0 and max(x.max(), y.max()) == 255:
            return FileLayout(False, False, points)
        layout = FileLayout(bool(layout.raw) or parsed.is_raw, False, points)
    return layout


def _find_container(head: bytes) -> _Container | None:
    """Return where a list of objects begins, or that objects have several lines; None: lines."""
    text = head.removeprefix(_BOM)
    start = len(head) - len(text.lstrip())
    if head[start : start + 1] == b"[":
        is_list = head[start + 1 :].lstrip()[:1] == b"{"
        return _Container(start + 1, is_list=True) if is_list else None
    if head[start : start + 1] != b"{":
        return None
    first, newline, rest = head[start:].partition(b"\n")
    if _is_drawing(first):
        return None

    word, key, depth, before = None, b"", 0, b""
    for match in _TOKEN.finditer(head, start):
        token = match[0]
        if depth == 1 and token == b":":
            key = before.strip(b'"')
            if key.decode("utf-8", "replace") in DRAWING_NAMES:
                break
        elif depth == 1 and before == b":" and key.decode("utf-8", "replace") in WORD_NAMES:
            word = _string(token)
        elif depth == 2 and before == b"[" and token == b"{":
            return _Container(match.start(), is_list=True, word=word)
        depth += (token in b"[{") - (token in b"]}") if len(token) == 1 else 0
        if depth == 0:
            break
        before = token
    # a line that is cut off is not a pretty-printed object: the next one begins another
    is_pretty = newline and not _is_complete(first) and rest.lstrip()[:1] not in (b"{", b"")
    return _Container(start, is_list=False) if is_pretty else None


def _is_drawing(line: bytes) -> bool:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and any(isinstance(value.get(n), list) for n in DRAWING_NAMES)


def _is_complete(line: bytes) -> bool:
    """Whether brackets are balanced at the end of a line."""
    text = re.sub(rb'"(?:[^"\\]|\\.)*"', b"", line)
    opening = text.count(b"{") + text.count(b"[")
    return opening <= text.count(b"}") + text.count(b"]")


def _string(token: bytes) -> str | None:
    try:
        value = json.loads(token)
    except ValueError:
        return None
    return value if isinstance(value, str) else None


class _JsonLines(io.RawIOBase):
    """The same bytes with one drawing per line."""

    def __init__(self, file: BinaryIO, container: _Container, name: str) -> None:
        self._file, self._is_list, self._name = file, container.is_list, name
        self._before = container.start  # bytes before the first drawing
        self._in_string = self._is_escaped = self._is_done = False
        self._depth = 0
        self._content = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        if not self._content:
            buffer = bytearray(_BLOCK_BYTES)
            count = cast("io.RawIOBase", self._file).readinto(buffer) or 0
            if not count and self._is_list and not self._is_done:
                raise DataError(
                    f"{self._name} is cut off: its list has no end. Download or copy it again."
                )
            self._content = memoryview(self._rewrite(bytes(buffer[:count])))
        size = min(len(target), len(self._content))
        target[:size] = self._content[:size]
        self._content = self._content[size:]
        return size

    def _rewrite(self, block: bytes) -> bytes:
        skipped = min(self._before, len(block))
        self._before -= skipped
        block = b" " * skipped + block[skipped:]
        if self._is_done:
            return b" " * len(block)

        # escaped characters end no string; a block may end in a backslash
        text = block
        if self._is_escaped:
            text = b" " + text[1:]
        if b"\\" in text:
            text = _ESCAPE.sub(b"  ", text)
        self._is_escaped = bool(text) and text[-1] == ord("\\")
        codes = np.frombuffer(text, np.uint8)

        # parity of the quotes so far, and brackets outside of strings
        in_string = (np.cumsum(codes == ord('"')) + self._in_string) % 2 == 1
        opens = (codes == ord("[")) | (codes == ord("{"))
        closes = (codes == ord("]")) | (codes == ord("}"))
        steps = np.where(in_string, 0, opens.astype(np.int64) - closes)
        depth = np.cumsum(steps) + self._depth
        if len(codes):
            self._in_string, self._depth = bool(in_string[-1]), int(depth[-1])

        out = np.frombuffer(block, np.uint8).copy()
        is_top = (depth == 0) & ~in_string
        out[(codes == _NEWLINE) & ~(is_top & (not self._is_list))] = _SPACE
        out[is_top & (codes == _COMMA)] = _NEWLINE
        if self._is_list and (depth < 0).any():
            out[int(np.argmax(depth < 0)) :] = _SPACE
            self._is_done = True
        return out.tobytes()


def _needs_parsing(head: bytes) -> bool:
    """Whether the drawings may be lists of strokes, or be sorted by word or by column."""
    text = head.removeprefix(_BOM).lstrip()
    if text[:1] == b"[":
        return text[1:].lstrip()[:1] == b"["
    names = "|".join((*_LIST_NAMES, *DRAWING_NAMES, "x")).encode()
    # the key may follow others
    return text[:1] == b"{" and (
        re.search(rb'"(?:%b)"\s*:\s*\{' % names, text) is not None
        or re.search(rb'"(?:%b)"\s*:\s*\[\s*\[' % b"|".join(n.encode() for n in _LIST_NAMES), text)
        is not None
    )


def _rewrite_documents(content: bytes) -> bytes | None:
    """Return a line for each drawing of the documents in a text; None if it has others."""
    decoder, lines = json.JSONDecoder(), []
    try:
        text = content.decode("utf-8-sig")
        position, end = len(text) - len(text.lstrip()), len(text.rstrip())
        while position < end:
            document, position = decoder.raw_decode(text, position)
            while position < end and text[position].isspace():
                position += 1
            drawings = list(_drawings(document))
            if not drawings:
                return None
            lines += [json.dumps(drawing, separators=(",", ":")).encode() for drawing in drawings]
    except (ValueError, RecursionError):
        return None
    return b"\n".join(lines) + b"\n"


def _drawings(document: Any) -> Iterator[dict[str, Any]]:
    """Yield the drawings of a document as objects; none if it has another structure."""
    if isinstance(document, list):
        yield from _drawings_of_word(document, {})
        return
    if not isinstance(document, dict):
        return
    columns = next((n for n in (*DRAWING_NAMES, "x") if isinstance(document.get(n), dict)), None)
    if columns is not None:
        # as DataFrame.to_json writes it: {column: {row: value}}
        for row in document[columns]:
            yield {
                name: values.get(row)
                for name, values in document.items()
                if isinstance(values, dict)
            }
        return
    name = next((n for n in _LIST_NAMES if n in document), None)
    if name is None:
        if any(n in document for n in DRAWING_NAMES):
            yield document
        return
    common = {key: document[key] for key in WORD_NAMES if isinstance(document.get(key), str)}
    if isinstance(document[name], dict):
        for word, value in document[name].items():
            yield from _drawings_of_word(value, {"word": word})
    else:
        yield from _drawings_of_word(document[name], common)


def _drawings_of_word(value: Any, common: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the drawings of a list of objects, a list of drawings, or one drawing."""
    if isinstance(value, dict):
        yield {**common, **value}
    elif isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        for item in value:
            yield {**common, **item}
    elif _depth(value) >= 4 or (_depth(value) == 3 and _has_points(value, 3)):
        for drawing in value:
            yield {**common, "drawing": drawing}
    elif isinstance(value, list) and value:
        yield {**common, "drawing": value}


def _depth(value: Any) -> int:
    """Return how deep lists are nested, by the first items that have any."""
    if not isinstance(value, list):
        return 0
    return 1 + max((_depth(item) for item in value[:8]), default=0)


def _has_points(value: Any, depth: int) -> bool:
    """Whether objects, which are points, are in lists of this depth."""
    for _ in range(depth):
        if not isinstance(value, list) or not value:
            return False
        value = value[0]
    return isinstance(value, dict)


def _peek(file: BinaryIO) -> tuple[bytes, BinaryIO]:
    """Return the first bytes of a stream, and a stream that begins with them."""
    buffer = bytearray(_HEAD_BYTES)
    count = 0
    with memoryview(buffer) as view:
        while count < len(buffer):
            step = cast("io.RawIOBase", file).readinto(view[count:])
            if not step:
                break
            count += step
    head = bytes(buffer[:count])
    return head, cast("BinaryIO", Rejoined(head, file))

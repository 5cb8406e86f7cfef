"""Arrays of arrays in a ``.npy``, read without executing the pickle that holds them.

Sketch-RNN's files keep drawings of different lengths as an array of Python objects, which numpy
stores as a pickle. A pickle is a program: loading one from the internet runs whatever it names. So
this module does not load it. It walks the opcodes that numpy writes with a machine of its own, in
which a name is only a string, calling is a choice among four cases that are spelled out below, and
the one thing that can come out is a list of numeric arrays. Any other opcode, name or shape of
argument is refused. The standard library's ``Unpickler`` with a ``find_class`` of its own would
still call into numpy with the file's arguments, and reserve memory by the file's numbers.
"""

import math
import re
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import DataError

__all__ = ["parse_object_array"]

# Opcodes by what they do; see the standard library's pickletools for their description.
_PROTO, _FRAME, _STOP, _MARK = 0x80, 0x95, ord("."), ord("(")
_GLOBAL, _STACK_GLOBAL, _REDUCE, _BUILD = ord("c"), 0x93, ord("R"), ord("b")
_EMPTY_LIST, _APPEND, _APPENDS, _TUPLE = ord("]"), ord("a"), ord("e"), ord("t")
_MEMOIZE, _LONG1 = 0x94, 0x8A
_PUT = {ord("q"): 1, ord("r"): 4}
_GET = {ord("h"): 1, ord("j"): 4}
_TUPLES = {0x85: 1, 0x86: 2, 0x87: 3}
_UNSIGNED = {ord("K"): 1, ord("M"): 2}
_BININT = ord("J")
_CONSTANTS = {ord("N"): None, 0x88: True, 0x89: False, ord(")"): ()}
_BYTES = {ord("U"): 1, ord("T"): 4, ord("C"): 1, ord("B"): 4, 0x8E: 8}
_TEXT = {0x8C: 1, ord("X"): 4, 0x8D: 8}

_NUMERIC = re.compile(r"[iu][1248]|f[248]|b1")


@dataclass(frozen=True, slots=True)
class _Name:
    """A global that the pickle names; it stays a string."""

    name: str


@dataclass(slots=True)
class _Type:
    """What stands for a numpy dtype."""

    code: str
    order: str = "="


@dataclass(slots=True, eq=False)
class _Array:
    """What stands for a numpy array, before and after its content is known."""

    content: Any = None


@dataclass(slots=True)
class _Machine:
    data: bytes
    where: str
    at: int
    stack: list[Any] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)
    encoded: int = 0

    def run(self) -> Any:
        """Walk to the end and return what is left on the stack."""
        stack, memo = self.stack, self.memo
        while True:
            code = self.number(1)
            if code in _PUT:
                memo[self.number(_PUT[code])] = stack[-1]
            elif code in _GET:
                stack.append(memo[self.number(_GET[code])])
            elif code == _MEMOIZE:
                memo[len(memo)] = stack[-1]
            elif code in _UNSIGNED:
                stack.append(self.number(_UNSIGNED[code]))
            elif code in _TUPLES:
                size = _TUPLES[code]
                stack[-size:] = [tuple(stack[-size:])]
            elif code in _BYTES:
                stack.append(self.take(self.number(_BYTES[code])))
            elif code in _TEXT:
                stack.append(self.take(self.number(_TEXT[code])).decode("utf-8"))
            elif code in _CONSTANTS:
                stack.append(_CONSTANTS[code])
            elif code == _MARK:
                self.marks.append(len(stack))
            elif code == _TUPLE:
                stack.append(tuple(self.popped()))
            elif code == _REDUCE:
                arguments = stack.pop()
                stack[-1] = self.call(stack[-1], arguments)
            elif code == _BUILD:
                state = stack.pop()
                self.build(stack[-1], state)
            elif code == _STOP:
                return stack.pop()
            else:
                self.rare(code)

    def rare(self, code: int) -> None:
        """Do what happens a few times in a file."""
        stack = self.stack
        if code == _BININT:
            stack.append(int.from_bytes(self.take(4), "little", signed=True))
        elif code == _LONG1:
            stack.append(int.from_bytes(self.take(self.number(1)), "little", signed=True))
        elif code == _GLOBAL:
            lines = self.data[self.at : self.at + 200].split(b"\n", 2)
            self.at += len(lines[0]) + len(lines[1]) + 2
            stack.append(_Name(b".".join(lines[:2]).decode("ascii")))
        elif code == _STACK_GLOBAL:
            name, module = stack.pop(), stack.pop()
            if not isinstance(name, str) or not isinstance(module, str):
                self.refuse("names something by what is no text")
            stack.append(_Name(f"{module}.{name}"))
        elif code == _EMPTY_LIST:
            stack.append([])
        elif code in (_APPEND, _APPENDS):
            items = self.popped() if code == _APPENDS else [stack.pop()]
            if not isinstance(stack[-1], list):
                self.refuse("appends to what is no list")
            stack[-1].extend(items)
        elif code == _PROTO:
            self.take(1)
        elif code == _FRAME:
            self.take(8)
        else:
            self.refuse(f"has the opcode {bytes([code])!r}")

    def number(self, size: int) -> int:
        start = self.at
        self.at = end = start + size
        return self.data[start] if size == 1 else int.from_bytes(self.data[start:end], "little")

    def take(self, size: int) -> bytes:
        start = self.at
        self.at = end = start + size
        if end > len(self.data):
            raise IndexError
        return self.data[start:end]

    def popped(self) -> list[Any]:
        """Return what stands above the last mark, and take it off."""
        mark = self.marks.pop()
        items = self.stack[mark:]
        del self.stack[mark:]
        return items

    def call(self, function: Any, arguments: Any) -> Any:
        """Make what numpy's four calls would make; nothing is looked up or called."""
        if not isinstance(function, _Name):
            self.refuse("wants to call what is no name")
        match function.name, arguments:
            case (
                "numpy.core.multiarray._reconstruct" | "numpy._core.multiarray._reconstruct",
                (_Name("numpy.ndarray"), (0,), b"b" | "b"),
            ):
                made: Any = _Array()
            case "numpy.dtype", (str() | bytes() as code, False | 0, True | 1):
                made = _Type(_text(code))
            case "_codecs.encode", (str() as text, "latin1"):
                made = text.encode("latin-1")
                self.encoded += len(made)
                if self.encoded > len(self.data):
                    self.refuse("encodes more text than it has")
            case "__builtin__.bytes" | "builtins.bytes", ():
                made = b""
            case _:
                self.refuse(f"wants to call {function.name[:80]}")
        return made

    def build(self, thing: Any, state: Any) -> None:
        """Give an array its content and a type its byte order."""
        match thing, state:
            case _Array(content=None), (1, tuple() as shape, _Type() as kind, order, content):
                lengths = [n for n in shape if type(n) is int and 0 <= n <= len(self.data)]
                if len(lengths) != len(shape) or len(shape) > 4:
                    self.refuse("has an array of a shape that it cannot hold")
                thing.content = self.content(shape, kind, order in (True, 1), content)
            case _Type(), (3, str() | bytes() as order, None, None, None, -1, -1, int()):
                thing.order = _text(order)
            case _:
                self.refuse("sets a state that no plain array has")

    def content(self, shape: tuple[int, ...], kind: _Type, fortran: bool, content: Any) -> Any:
        """Return the objects, or the numbers, of an array."""
        number = math.prod(shape)
        if kind.code in ("O8", "O"):
            if not isinstance(content, list) or len(content) != number:
                self.refuse(f"has no {number} objects in an array of shape {shape}")
            return content
        if not _NUMERIC.fullmatch(kind.code) or kind.order not in ("<", ">", "|", "="):
            self.refuse(f"has an array of {kind.order[:8]!r}, {kind.code[:8]!r}")
        dtype = np.dtype(kind.code).newbyteorder(kind.order)  # type: ignore[arg-type]
        if not isinstance(content, bytes) or len(content) != number * dtype.itemsize:
            self.refuse(f"has not the bytes of an array {kind.code} {shape}")
        return np.frombuffer(content, dtype).reshape(shape, order="F" if fortran else "C")

    def refuse(self, what: str) -> NoReturn:
        raise DataError(
            f"{self.where}, byte {self.at}: the pickle {what}. Only lists of plain numeric arrays "
            "are read; do not load this file with numpy unless you trust its author."
        )


def parse_object_array(data: bytes, offset: int, where: str) -> list[npt.NDArray[Any]]:
    """Return the arrays in a pickled array of objects, without unpickling it."""
    try:
        outer = _Machine(data, where, offset).run()
    except (IndexError, KeyError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{where} holds a pickle that is damaged or cut off") from error
    items = outer.content if isinstance(outer, _Array) else None
    if not isinstance(items, list):
        raise DataError(f"{where} holds a pickle of something else than an array of objects")
    arrays: list[npt.NDArray[Any]] = []
    for number, item in enumerate(items):
        if not isinstance(item, _Array) or not isinstance(item.content, np.ndarray):
            raise DataError(f"{where} holds an array whose object {number} is no numeric array")
        arrays.append(item.content)
    if sum(array.nbytes for array in arrays) > len(data):
        raise DataError(f"{where} holds the same arrays over and over, more than the file itself")
    return arrays


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")

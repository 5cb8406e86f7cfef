"""Arrays of arrays in a ``.npy``, read without unpickling them.

The files of Sketch-RNN hold drawings of different lengths as an array of Python objects, which
numpy stores as a pickle. A pickle is a program: loading one from the internet runs whatever it
names. So this module does not load it. `pickletools` of the standard library splits the pickle into
opcodes, and an evaluator executes only those that numpy writes: a global is only a string, a call
is one of four cases that are spelled out below, and the result can only be a list of numeric
arrays. Any other opcode, name or argument is refused.

An ``Unpickler`` with a custom ``find_class`` would not be enough: it still calls into numpy with
arguments from the file, and allocates memory by numbers from the file.
"""

import io
import math
import pickletools
import re
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import DataError

# Opcodes by what they do, with the names of `pickletools`.
_NUMBERS_AND_BYTES = frozenset(
    {"BININT1", "BININT2", "BININT", "LONG1", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"}
)
_TEXT = frozenset({"SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"})
_VALUES = _NUMBERS_AND_BYTES | _TEXT
_PYTHON_2_STRINGS = frozenset({"BINSTRING", "SHORT_BINSTRING"})
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_PUTS = frozenset({"BINPUT", "LONG_BINPUT"})
_GETS = frozenset({"BINGET", "LONG_BINGET"})
_NO_EFFECT = frozenset({"PROTO", "FRAME"})

_NUMERIC = re.compile(r"[iu][1248]|f[248]|b1")
_MAX_DIMENSIONS = 4


@dataclass(frozen=True, slots=True)
class _Global:
    """A global that the pickle names; it is never looked up."""

    name: str


@dataclass(slots=True)
class _Type:
    """A numpy dtype under construction."""

    code: str
    order: str = "="


@dataclass(slots=True, eq=False)
class _Array:
    """A numpy array, before and after its content is known."""

    content: Any = None


@dataclass(slots=True)
class _Evaluator:
    """The stack machine of a pickle, without its side effects."""

    data: bytes
    where: str
    position: int  # of the current opcode
    stack: list[Any] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)
    encoded: int = 0  # bytes that _codecs.encode has returned

    def run(self) -> Any:
        """Execute the opcodes up to STOP, and return the top of the stack."""
        stream = io.BytesIO(self.data)
        stream.seek(self.position)
        stack, memo = self.stack, self.memo

        # In the order of how often numpy writes them: official files have two million opcodes.
        for opcode, argument, position in pickletools.genops(stream):
            name = opcode.name
            if name in _VALUES:
                stack.append(argument)
            elif name in _PUTS:
                memo[argument] = stack[-1]  # type: ignore[index]
            elif name in _GETS:
                stack.append(memo[argument])  # type: ignore[index]
            elif name == "MEMOIZE":
                memo[len(memo)] = stack[-1]
            elif name in _TUPLES:
                size = _TUPLES[name]
                stack[-size:] = [tuple(stack[-size:])]
            elif name in _CONSTANTS:
                stack.append(_CONSTANTS[name])
            elif name in _PYTHON_2_STRINGS:
                stack.append(argument.encode("latin-1"))  # type: ignore[union-attr]
            elif name == "MARK":
                self.marks.append(len(stack))
            elif name == "TUPLE":
                stack.append(tuple(self.pop_mark()))
            elif name == "STOP":
                return stack.pop()
            else:
                self.position = position or 0  # None only for streams that cannot be asked
                self.execute_rare(name, argument)
        return None  # not reached: genops raises if there is no STOP

    def execute_rare(self, name: str, argument: Any) -> None:
        """Execute an opcode that calls, builds or occurs only a few times."""
        stack = self.stack
        if name == "REDUCE":
            arguments = stack.pop()
            stack[-1] = self.call(stack[-1], arguments)
        elif name == "BUILD":
            state = stack.pop()
            self.build(stack[-1], state)
        elif name == "GLOBAL":
            stack.append(_Global(argument.replace(" ", ".", 1)))
        elif name == "STACK_GLOBAL":
            attribute, module = stack.pop(), stack.pop()
            if not isinstance(attribute, str) or not isinstance(module, str):
                self.refuse("names a global by something that is not text")
            stack.append(_Global(f"{module}.{attribute}"))
        elif name == "EMPTY_LIST":
            stack.append([])
        elif name in ("APPEND", "APPENDS"):
            items = self.pop_mark() if name == "APPENDS" else [stack.pop()]
            if not isinstance(stack[-1], list):
                self.refuse("appends to something that is not a list")
            stack[-1].extend(items)
        elif name not in _NO_EFFECT:
            self.refuse(f"has the opcode {name}")

    def pop_mark(self) -> list[Any]:
        """Remove and return the items above the last mark."""
        mark = self.marks.pop()
        items = self.stack[mark:]
        del self.stack[mark:]
        return items

    def call(self, function: Any, arguments: Any) -> Any:
        """Return the result of one of numpy's four calls; nothing is looked up or called."""
        if not isinstance(function, _Global):
            self.refuse("calls something that is not a global")

        result: Any
        match function.name, arguments:
            case (
                "numpy.core.multiarray._reconstruct" | "numpy._core.multiarray._reconstruct",
                (_Global("numpy.ndarray"), (0,), b"b" | "b"),
            ):
                result = _Array()
            case "numpy.dtype", (str() | bytes() as code, False | 0, True | 1):
                result = _Type(_decode(code))
            # before protocol 3, pickles hold bytes as Latin-1 text
            case "_codecs.encode", (str() as text, "latin1"):
                result = text.encode("latin-1")
                # One text of the memo can be encoded again and again.
                self.encoded += len(result)
                if self.encoded > len(self.data):
                    self.refuse("encodes more text than it contains")
            # and empty ones as a call without arguments
            case "__builtin__.bytes" | "builtins.bytes", ():
                result = b""
            case _:
                self.refuse(f"calls {function.name[:80]}")
        return result

    def build(self, target: Any, state: Any) -> None:
        """Set the content of an array, or the byte order of a type."""
        match target, state:
            case _Array(content=None), (1, tuple() as shape, _Type() as type_, order, content):
                lengths = [n for n in shape if type(n) is int and 0 <= n <= len(self.data)]
                if len(lengths) != len(shape) or len(shape) > _MAX_DIMENSIONS:
                    self.refuse("has an array with an invalid shape")
                target.content = self.content(shape, type_, order in (True, 1), content)
            case _Type(), (3, str() | bytes() as order, None, None, None, -1, -1, int()):
                target.order = _decode(order)
            case _:
                self.refuse("sets a state that plain arrays do not have")

    def content(self, shape: tuple[int, ...], type_: _Type, fortran: bool, content: Any) -> Any:
        """Return the objects of an array of objects as a list, or the numbers of an array."""
        number = math.prod(shape)
        if type_.code in ("O8", "O"):
            if not isinstance(content, list) or len(content) != number:
                self.refuse(f"does not have {number} objects for an array of shape {shape}")
            return content

        if not _NUMERIC.fullmatch(type_.code) or type_.order not in ("<", ">", "|", "="):
            self.refuse(f"has an array of type {type_.order[:8]!r}, {type_.code[:8]!r}")
        dtype = np.dtype(type_.code).newbyteorder(type_.order)  # type: ignore[arg-type]
        if not isinstance(content, bytes) or len(content) != number * dtype.itemsize:
            self.refuse(f"does not have the bytes of an array {type_.code} {shape}")
        return np.frombuffer(content, dtype).reshape(shape, order="F" if fortran else "C")

    def refuse(self, what: str) -> NoReturn:
        raise DataError(
            f"{self.where}, byte {self.position}: the pickle {what}. Only lists of plain numeric "
            "arrays are read; do not load this file with numpy unless you trust its author."
        )


def parse_object_array(data: bytes, offset: int, where: str) -> list[npt.NDArray[Any]]:
    """Return the arrays in a pickled array of objects that starts at `offset`."""
    try:
        result = _Evaluator(data, where, offset).run()
    except (IndexError, KeyError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{where} holds a pickle that is damaged or cut off") from error

    items = result.content if isinstance(result, _Array) else None
    if not isinstance(items, list):
        raise DataError(f"{where} holds a pickle of something other than an array of objects")
    arrays: list[npt.NDArray[Any]] = []
    for number, item in enumerate(items):
        if not isinstance(item, _Array) or not isinstance(item.content, np.ndarray):
            raise DataError(f"{where}: object {number} is not a numeric array")
        arrays.append(item.content)
    # One array of the memo can be listed again and again.
    if sum(array.nbytes for array in arrays) > len(data):
        raise DataError(f"{where} lists the same arrays again and again, more than the file holds")
    return arrays


def _decode(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")

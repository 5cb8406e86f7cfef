"""Errors that the library raises: what was found, what was expected, where, what to do.

A message speaks to those who call a function and to those who call a command: where it names a
parameter, it names the option too.
"""

__all__ = [
    "DataError",
    "IntegrityError",
    "MalformedLineError",
    "QuickdrawError",
    "UsageError",
    "format_count",
]


class QuickdrawError(Exception):
    """Base of every error that quickdraw_kit raises on purpose; the command line exits with 1."""


class UsageError(QuickdrawError, ValueError):
    """The caller asked for something that does not exist or does not fit; exit code 2."""


class DataError(QuickdrawError, ValueError):
    """A file, a line or an array does not hold what its place or its form promises."""


class MalformedLineError(DataError):
    """An ndjson line is not a drawing.

    Parameters
    ----------
    source : str
        Name of the file.
    line : int
        Line number, from 1.
    offset : int
        Offset of the line's first byte in the (decompressed) file.
    reason : str
        What was found and what was expected.
    """

    def __init__(self, source: str, line: int, offset: int, reason: str) -> None:
        super().__init__(
            f"{source}, line {line} (byte {offset}): {reason}. "
            "To leave such lines out and go on: on_reject=..., or convert --skip-bad."
        )
        self.source = source
        self.line = line
        self.offset = offset
        self.reason = reason

    def __reduce__(self) -> tuple[type, tuple[str, int, int, str]]:
        return type(self), (self.source, self.line, self.offset, self.reason)


class IntegrityError(QuickdrawError):
    """Bytes on disk are not the bytes that were written: a checksum or a count disagrees."""


def format_count(number: int, one: str, many: str | None = None) -> str:
    """Write a number and what it counts."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"

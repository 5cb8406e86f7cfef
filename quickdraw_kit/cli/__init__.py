"""The command line: a thin skin, each command on a public function of its name.

Nothing heavy is imported here or at the top of a command's module, so that ``--help`` and shell
completion answer at once.
"""

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line; exit with 0 when done, 1 on failure, 2 on wrong usage."""
    from quickdraw_kit.cli.app import app
    from quickdraw_kit.errors import QuickdrawError, UsageError

    try:
        app()
    except UsageError as error:
        _fail(error, 2)
    except (QuickdrawError, OSError) as error:
        _fail(error, 1)
    except KeyboardInterrupt:
        _fail("interrupted; run the same command again to go on", 130)


def _fail(error: object, code: int) -> None:
    sys.stderr.write(f"quickdraw-kit: {error}\n")
    sys.exit(code)

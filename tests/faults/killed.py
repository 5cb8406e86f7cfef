"""Run the command line, and SIGKILL it at its n-th commit: python -m tests.faults.killed.

A commit is a rename, a link or a removal of a file: whatever other processes, or a later run, can
see. The environment says at which one, before or after it; the count is the size of a file, so that
worker processes, which import this module again, share it.
"""

import os
import signal
import sys
from pathlib import Path

_COUNT = os.environ.get("FAULTS_COUNT")


def _at_commit(call):
    def counted(*arguments, **options):
        with open(_COUNT, "ab", buffering=0) as file:  # noqa: PTH123
            file.write(b".")
            number = file.tell()
        mine = number == int(os.environ["FAULTS_AT"])
        if mine and os.environ["FAULTS_WHEN"] == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = call(*arguments, **options)
        if mine:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return counted


if _COUNT is not None:
    for owner, name in (
        (os, "replace"), (os, "rename"), (os, "link"), (os, "unlink"), (os, "rmdir"),
        (Path, "replace"), (Path, "rename"), (Path, "unlink"), (Path, "rmdir"),
    ):  # fmt: skip
        setattr(owner, name, _at_commit(getattr(owner, name)))

if __name__ == "__main__":
    from quickdraw_kit.cli import main

    sys.argv[0] = "quickdraw-kit"
    main()

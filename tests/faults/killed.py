"""Kill a command at each of its commits, and finish it: python -m tests.faults.killed FOLDER ...

A commit is a rename, a link or a removal of a file: whatever another process, or a later run, can
see. Runs are forks of this process, which has imported everything and started nothing. The count
of commits is the size of a file, so that worker processes, which import this module, share it.

Arguments: a folder, a step (1 takes every commit, 5 every fifth), and the command, in which {out}
stands for its output. Prints JSON: how many runs were killed, and which ended with other bytes.
"""

import json
import os
import signal
import sys
import traceback
from pathlib import Path

_COUNT = "FAULTS_COUNT"


def _at_commit(call):
    def counted(*arguments, **options):
        with open(os.environ[_COUNT], "ab", buffering=0) as file:  # noqa: PTH123
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


def _arm() -> None:
    for owner, name in (
        (os, "replace"), (os, "rename"), (os, "link"), (os, "unlink"), (os, "rmdir"),
        (Path, "replace"), (Path, "rename"), (Path, "unlink"), (Path, "rmdir"),
    ):  # fmt: skip
        setattr(owner, name, _at_commit(getattr(owner, name)))


if _COUNT in os.environ:  # in a worker process of an armed run
    _arm()


def _run(arguments: list[str], count: Path | None = None, at: int = 0, when: str = "before") -> int:
    """Run the command line in a fork; return its exit code, negative when it was killed."""
    child = os.fork()
    if child == 0:
        code = 70
        try:
            if count is not None:
                count.write_bytes(b"")
                os.environ |= {_COUNT: str(count), "FAULTS_AT": str(at), "FAULTS_WHEN": when}
                _arm()
            from quickdraw_kit.cli import main

            sys.argv = ["quickdraw-kit", *arguments]
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1)
            main()
            code = 0
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _content(folder: Path, suffixes: tuple[str, ...]) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name.endswith(suffixes)
    }


def main() -> None:
    """Kill and finish, commit by commit."""
    folder, step, suffixes = Path(sys.argv[1]), int(sys.argv[2]), tuple(sys.argv[3].split(","))
    template = sys.argv[4:]

    def command(out: Path) -> list[str]:
        return [part.replace("{out}", str(out)) for part in template]

    folder.mkdir(parents=True, exist_ok=True)
    count = folder / "count"
    if _run(command(folder / "whole"), count) != 0:
        raise SystemExit("the command fails without being killed")
    commits = count.stat().st_size
    expected = _content(folder / "whole", suffixes)
    told: dict[str, object] = {"commits": commits, "files": len(expected)}
    killed = unreached = 0
    bad = []
    for number in range(1, commits + 1, step):
        for when in ("before", "after"):
            out = folder / f"{number}-{when}"
            if _run(command(out), count, number, when) == 0:
                unreached += 1  # a worker was killed and its work done again, or fewer commits
            else:
                killed += 1
            code = _run(command(out))
            if code != 0 or _content(out, suffixes) != expected:
                bad.append(f"killed {when} commit {number}: exit code {code} of the next run")
    sys.stdout.write(json.dumps({**told, "killed": killed, "unreached": unreached, "bad": bad}))


if __name__ == "__main__":
    import numba  # noqa: F401  so that forks need not
    import numpy  # noqa: F401
    import pyarrow.parquet  # noqa: F401
    import torch  # noqa: F401

    main()

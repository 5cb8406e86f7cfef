"""Kill a command at each of its commits, and finish it: python -m tests.faults.killed FOLDER ...

A commit is a rename, a link or a removal of a file: what another process, or a later run, can see.
Runs are forks of this process, which has imported everything and started nothing. The number of
commits is the size of a file, which worker processes share because they import this module. With
several ranks a run is one fork for each, as `torchrun` would start them, and a rank that commits
nothing is killed as well while another one commits.

In the command {out} is replaced by the output. Prints JSON: how many runs were killed, and which
ended with other bytes.
"""

import argparse
import importlib
import json
import os
import shutil
import signal
import socket
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from tests.warm import COMMANDS, TRAIN

_COUNT = "FAULTS_COUNT"
_UNEXPECTED = 70  # exit code of a run that ends with a traceback
_TIMEOUT = 60  # seconds that a rank may outlive another


def _at_commit(call):
    def wrapper(*arguments, **options):
        with open(os.environ[_COUNT], "ab", buffering=0) as file:  # noqa: PTH123
            file.write(b".")
            number = file.tell()
        is_due = number == int(os.environ["FAULTS_AT"])
        victim = int(os.environ["FAULTS_VICTIM"]) or os.getpid()
        if is_due and os.environ["FAULTS_WHEN"] == "before":
            os.kill(victim, signal.SIGKILL)
        result = call(*arguments, **options)
        if is_due and os.environ["FAULTS_WHEN"] == "after":
            os.kill(victim, signal.SIGKILL)
        return result

    return wrapper


def _arm() -> None:
    for owner, name in (
        (os, "replace"), (os, "rename"), (os, "link"), (os, "unlink"), (os, "rmdir"),
        (Path, "replace"), (Path, "rename"), (Path, "unlink"), (Path, "rmdir"),
    ):  # fmt: skip
        setattr(owner, name, _at_commit(getattr(owner, name)))


if _COUNT in os.environ:  # in a worker process of an armed run
    _arm()


@dataclass(frozen=True)
class Kill:
    """At which commit, before or after it, and whether the process that commits or a rank."""

    commit: int
    when: str
    rank: int | None = None

    def __str__(self) -> str:
        who = "" if self.rank is None else f"rank {self.rank} "
        return f"{who}{self.when} commit {self.commit}"


def _run(arguments: list[str], ranks: int, count: Path | None = None, kill: Kill | None = None):
    """Run the command line in forks; return the exit codes, negative of what was killed."""
    environment = {}
    if count is not None:
        count.write_bytes(b"")
        at, when = (kill.commit, kill.when) if kill else (0, "before")
        environment = {_COUNT: str(count), "FAULTS_AT": str(at), "FAULTS_WHEN": when}
    if ranks > 1:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        environment |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        environment |= {"WORLD_SIZE": str(ranks)}
    children: dict[int, int] = {}
    for rank in reversed(
        range(ranks)
    ):  # rank 0 commits, and must know the process ids of the others
        victim = (
            children[kill.rank] if kill is not None and kill.rank is not None and not rank else 0
        )
        rank_environment = {"RANK": str(rank), "LOCAL_RANK": str(rank)} if ranks > 1 else {}
        children[rank] = _fork(
            arguments, environment | rank_environment | {"FAULTS_VICTIM": str(victim)}
        )
    return _wait(list(children.values()))


def _fork(arguments: list[str], environment: dict[str, str]) -> int:
    child = os.fork()
    if child == 0:
        code = _UNEXPECTED
        try:
            os.environ |= environment
            if _COUNT in environment:
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
    return child


def _wait(children: list[int]) -> list[int]:
    """Collect exit codes; a process that outlives a failure by a minute hangs, and is killed."""
    codes: list[int] = []
    failed = 0.0
    while children:
        for child in list(children):
            ended, status = os.waitpid(child, 0 if len(children) == 1 and not codes else os.WNOHANG)
            if ended:
                children.remove(child)
                codes.append(os.waitstatus_to_exitcode(status))
        if any(codes) and children:
            failed = failed or time.monotonic()
            if time.monotonic() - failed > _TIMEOUT:
                for child in children:
                    os.kill(child, signal.SIGKILL)
                raise SystemExit(f"a rank hung when another was killed: {codes}")
        time.sleep(0.005)
    return codes


def _content(folder: Path, suffixes: tuple[str, ...]) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name.endswith(suffixes)
    }


def main() -> None:
    """Kill and finish, commit by commit."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--step", type=int, default=1, help="1 takes every commit, 5 every fifth")
    parser.add_argument("--suffixes", default="", help="of the files that are compared")
    parser.add_argument("--ranks", type=int, default=1)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    folder, ranks, suffixes = options.folder, options.ranks, tuple(options.suffixes.split(","))

    def command(out: Path) -> list[str]:
        return [part.replace("{out}", str(out)) for part in options.command]

    folder.mkdir(parents=True, exist_ok=True)
    count = folder / "count"
    if any(_run(command(folder / "whole"), ranks, count)):
        raise SystemExit("the command fails without being killed")
    commits = count.stat().st_size
    expected = _content(folder / "whole", suffixes)
    killed = unreached = 0
    bad = []
    for number in range(1, commits + 1, options.step):
        kills = [Kill(number, "before"), Kill(number, "after")]
        for kill in kills + [Kill(number, "before", rank) for rank in range(1, ranks)]:
            out = folder / str(kill).replace(" ", "-")
            codes = _run(command(out), ranks, count, kill)
            if _UNEXPECTED in codes:
                bad.append(f"killed {kill}: a process that was not killed gave no reason")
            if any(codes):
                killed += 1
            else:
                unreached += 1  # a worker was killed and its task run again, or fewer commits
            codes = _run(command(out), ranks)
            if any(codes) or _content(out, suffixes) != expected:
                bad.append(f"killed {kill}: exit codes {codes} of the next run")
            shutil.rmtree(out)
    summary = {"commits": commits, "files": len(expected)}
    sys.stdout.write(json.dumps({**summary, "killed": killed, "unreached": unreached, "bad": bad}))


if __name__ == "__main__":
    for module in (*COMMANDS, *TRAIN):  # imports that forks share
        importlib.import_module(module)
    main()

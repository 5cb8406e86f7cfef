"""Python processes that start at once: forks of one that has imported the package.

A test of kills, of full disks or of other clocks runs a command many times, and importing numba or
torch takes longer than the command. A fork is a process like any other: it has its own session,
environment and output, it can be killed with all its workers, and it ends as Python ends.
"""

import atexit
import contextlib
import functools
import gc
import importlib
import io
import itertools
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
import time
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).parent.parent
COMMANDS = (
    "rich.progress", "typer.rich_utils",
    "quickdraw_kit.cli.download", "quickdraw_kit.cli.drawings", "quickdraw_kit.cli.prepare",
    "quickdraw_kit.conversion", "quickdraw_kit.shards.prepare.pipeline",
    "quickdraw_kit.shards.read.dataset",
)  # fmt: skip
TRAIN = (
    "torch._dynamo",  # which the first optimizer imports
    "quickdraw_kit.cli.train", "quickdraw_kit.learn.train", "quickdraw_kit.learn.export",
)  # fmt: skip

_exit_code: list[int] = []  # of a fork, as soon as it is known


@dataclass
class Command:
    """A fork that runs, or has ended; its output is in two files."""

    warm: "Warm"
    pid: int
    _out: Path
    _err: Path
    returncode: int | None = None

    @property
    def stdout(self) -> str:
        """What it has written to standard output so far."""
        return self._out.read_text(errors="replace")

    @property
    def stderr(self) -> str:
        """What it has written to standard error so far."""
        return self._err.read_text(errors="replace")

    def poll(self) -> int | None:
        """Return the exit code, negative of the signal that killed it, or None while it runs."""
        if self.returncode is None:
            self.returncode = self.warm.ask(poll=self.pid)
        return self.returncode

    def wait(self, timeout: float = 200) -> int:
        """Wait for the end; kill what takes longer."""
        end = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > end:
                self.kill_all()
                raise TimeoutError(f"still running after {timeout} s:\n{self.stderr}")
            time.sleep(0.003)
        assert self.returncode is not None
        return self.returncode

    def signal(self, number: int) -> None:
        """Send a signal to the process alone."""
        os.kill(self.pid, number)

    def kill_all(self) -> None:
        """Kill the process and its workers, unless it has ended, and wait for it."""
        # after the wait its number may be that of another process
        if self.returncode is None:
            _kill(self.pid)
            self.wait()


class Warm:
    """The process that forks.

    Parameters
    ----------
    environment : dict, optional
        Environment variables of the process and of all commands, beside those of the tests.
    """

    def __init__(self, environment: dict[str, str] | None = None) -> None:
        self._environment = {"OMP_NUM_THREADS": "1", **(environment or {})}
        self._lock = threading.Lock()
        self._folder = tempfile.TemporaryDirectory(prefix="warm-")
        self._numbers = itertools.count()
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__], cwd=ROOT, env={**os.environ, **self._environment},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()
        self._folder.cleanup()

    def ask(self, **request: Any) -> Any:
        """Send a request, and return its answer."""
        with self._lock:
            stdin, stdout = self._process.stdin, self._process.stdout
            assert stdin is not None
            assert stdout is not None
            stdin.write(json.dumps(request) + "\n")
            stdin.flush()
            return json.loads(stdout.readline())

    def load(self, *modules: str) -> Self:
        """Import modules, for all commands that follow."""
        self.ask(load=modules)
        return self

    def start(self, *arguments: object, environment: dict[str, str] | None = None) -> Command:
        """Start what `python` would with the same arguments: -m MODULE ... or -c CODE ...."""
        name = Path(self._folder.name) / str(next(self._numbers))
        out, err = name.with_suffix(".out"), name.with_suffix(".err")
        for file in (out, err):  # the fork may open them later than they are read
            file.touch()
        pid = self.ask(
            arguments=[str(argument) for argument in arguments],
            environment={**os.environ, **self._environment, **(environment or {})},
            out=str(out),
            err=str(err),
        )
        return Command(self, pid, out, err)

    def run(
        self,
        *arguments: object,
        environment: dict[str, str] | None = None,
        meanwhile: Callable[[], object] = lambda: None,
    ) -> Command:
        """Start a command, do something in the meantime, and wait for the end."""
        command = self.start(*arguments, environment=environment)
        try:
            meanwhile()
            command.wait()
        finally:
            command.kill_all()
        return command


def _kill(pid: int) -> None:
    """Kill a fork that nobody has waited for, and its workers."""
    os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):  # it has just begun, and has no session yet
        os.killpg(pid, signal.SIGKILL)


def _serve() -> Callable[[], object] | None:
    """Answer requests until the tests end; in a fork, return what it shall run."""
    running = set()
    for line in sys.stdin:
        request = json.loads(line)
        answer: object = None
        if "load" in request:
            for module in request["load"]:
                importlib.import_module(module)
        elif "poll" in request:
            ended, status = os.waitpid(request["poll"], os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if ended else None
            running.discard(ended)
        else:
            gc.freeze()  # so that the forks do not copy what they would collect
            answer = os.fork()
            if answer == 0:
                return _prepare(**request)
            running.add(answer)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()

    for pid in running:  # of a test that failed or was interrupted
        _kill(pid)
        os.waitpid(pid, 0)
    return None


def _prepare(
    arguments: list[str], environment: dict[str, str], out: str, err: str
) -> Callable[[], object]:
    """Make a fork what `subprocess` would have made; return what it shall run."""
    os.setsid()
    flags = os.O_WRONLY | os.O_CREAT
    for number, path, mode in ((0, os.devnull, os.O_RDONLY), (1, out, flags), (2, err, flags)):
        descriptor = os.open(path, mode)
        os.dup2(descriptor, number)
        os.close(descriptor)

    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None  # TMPDIR may be another one

    option, text, *sys.argv[1:] = arguments
    sys.argv[0] = option
    if option == "-m":
        return functools.partial(runpy.run_module, text, run_name="__main__", alter_sys=True)
    # worker processes import the main module, if it has a file
    sys.modules["__main__"] = types.ModuleType("__main__")
    return functools.partial(exec, text, vars(sys.modules["__main__"]))


def _warm_up() -> None:
    """Run commands once: what they import, compile and cache is then there for all forks."""
    from quickdraw_kit.cli import main

    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        words = Path(folder) / "full" / "simplified"
        for command in (
            ("sample", words, "--drawings", 2, "--categories", "line"),
            ("download", "line", "--mirror", folder, "--data-home", f"{folder}/home"),
            ("prepare", words, "--out", f"{folder}/shards", "--workers", 1),
        ):
            sys.argv = ["quickdraw-kit", *map(str, command)]
            with contextlib.redirect_stderr(io.StringIO()) as messages:
                try:
                    main()
                except SystemExit as stop:
                    if stop.code:
                        raise RuntimeError(messages.getvalue()) from stop


def _run(call: Callable[[], object]) -> None:
    """Run what a fork shall run, and note its exit code."""
    try:
        call()
    except SystemExit as stop:
        _exit_code.append(stop.code if isinstance(stop.code, int) else int(stop.code is not None))
        raise
    except Exception:
        _exit_code.append(1)
        raise
    _exit_code.append(0)


def _leave() -> None:
    """End a fork: freeing all objects that it shares takes longer than most commands."""
    if _exit_code:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(_exit_code[0])


if __name__ == "__main__":
    atexit.register(_leave)  # the first that is registered is called last
    for module in COMMANDS:
        importlib.import_module(module)
    _warm_up()
    call = _serve()
    if call is not None:
        _run(call)

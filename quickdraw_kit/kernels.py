"""The one way to declare compiled kernels: nopython, without the GIL, cached on disk.

numba stores compiled code beside the source or, where that folder is read-only, in the user's
cache folder; where neither is writable, each process compiles for itself. numba discards cached
code when the file of the kernel has changed. But compiled code contains the kernels that it calls
and the constants that it reads, so the stamp here is a hash of all files that define those.

`fastmath` stays off: kernels must give the same bytes on every machine. Division by zero gives
infinity or NaN, as in numpy: a branch at each division to raise an error would cost a sixth of the
time of `simplify`.

numba compiles a kernel for each combination of types that it is called with. So that there is one
where one is enough, kernels take each other's whole numbers as int64, and callers in Python pass
arrays that are read as `read_only` arrays. A kernel that Python calls has examples of its
arguments: they say, before the first call, what there is to compile. `compile_missing` does it, on
all cores; a kernel that was not compiled ahead is compiled when it is called. Both report how far
they are (`report_to`).

Private parts of numba are used only in the functions at the end that say so, of which
`tests/test_kernels.py` has tests.
"""

import ast
import functools
import hashlib
import importlib
import inspect
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast, overload

if TYPE_CHECKING:
    import numpy.typing as npt

_Function = TypeVar("_Function", bound=Callable[..., Any])

Examples: TypeAlias = Callable[[], Iterable[tuple[Any, ...]]]
Reporter: TypeAlias = Callable[[int, int, float], None]
"""Receives how many kernels are compiled, of how many, and about how many seconds all take."""

_SECONDS_PER_KERNEL = 0.3  # on average, on a core of 2022
_MIN_CHILD_KERNELS = 5  # fewer are compiled before another process has imported numba

_logger = logging.getLogger(__name__)


@overload
def kernel(function: _Function) -> _Function: ...
@overload
def kernel(*, examples: Examples) -> Callable[[_Function], _Function]: ...
def kernel(function: Any = None, *, examples: Examples | None = None) -> Any:
    """Compile a function over numpy arrays; type checkers see its own signature.

    `examples` returns the arguments of calls, of which only the types matter: one for each
    combination of types that Python passes.
    """
    if function is None:
        return functools.partial(kernel, examples=examples)

    # here, so that the command line can import this module without it
    import numba

    dispatcher: Any = numba.njit(nogil=True, error_model="numpy")(function)
    if dispatcher is function:  # NUMBA_DISABLE_JIT is set: kernels run as plain Python
        return function
    _KERNELS[dispatcher] = examples
    _watch_compiler()
    _widen_arguments(dispatcher)
    try:
        dispatcher.enable_caching()
    except RuntimeError:  # there is no writable folder for the cache
        return dispatcher
    _set_stamp(dispatcher, _hash_sources(function.__module__))
    return dispatcher


# all kernels, and the examples of those that Python calls
_KERNELS: dict[Any, Examples | None] = {}


def read_only(array: "npt.NDArray[Any]") -> "npt.NDArray[Any]":
    """Return a contiguous array that cannot be written to, which shares memory where it can.

    A kernel that reads an array would otherwise be compiled twice: for arrays that are writable,
    and for those that are not, such as the columns of an Arrow table.
    """
    import numpy as np  # here: the command line imports this module before it knows the command

    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


def compile_missing(modules: Iterable[str]) -> int:
    """Compile the kernels of modules that are not in the cache, and return how many there were.

    numba compiles one kernel at a time, so modules are spread over processes, one for each core.
    Processes that work in parallel should find the kernels in the cache: call this before they
    start. Without a cache folder, it does nothing.
    """
    missing = {module: calls for module in modules if (calls := _missing_calls(module))}
    kernels = {module: _reachable(each for each, _ in calls) for module, calls in missing.items()}
    number = len(set[Any]().union(*kernels.values()))
    if not missing:
        return 0

    # the longest first, each to the process that has the least to do
    shares: list[list[str]] = [[] for _ in range(_cpu_count())]
    loads = [0] * len(shares)
    for module in sorted(missing, key=lambda each: -len(kernels[each])):
        least = loads.index(min(loads))
        shares[least].append(module)
        loads[least] += len(kernels[module])
    for share, load in zip(shares[1:], loads[1:], strict=True):
        if load < _MIN_CHILD_KERNELS or not sys.executable or getattr(sys, "frozen", False):
            shares[0] += share
            share.clear()

    with _session(number, max(loads) * _SECONDS_PER_KERNEL) as session:
        children = [_Child(share, session) for share in shares[1:] if share]
        try:
            for module in shares[0]:
                _compile(missing[module])
            for child in children:
                child.wait()
        finally:
            for child in children:
                child.stop()
    return number


def report_to(reporter: Reporter) -> None:
    """Set the callback for the progress of compiling; by default it is logged, at level INFO.

    The reporter is called when it begins, after each kernel and at the end, from any thread.
    """
    global _reporter
    _reporter = reporter


def _log(done: int, total: int, seconds: float) -> None:
    if done == 0:
        _logger.info(
            "compiling %d kernels, once after installation: about %.0f s", total, max(1, seconds)
        )
    elif done == total:
        _logger.info("compiled the kernels")


_reporter: Reporter = _log


class _Session:
    """A time in which kernels are compiled, by this process and perhaps by others."""

    def __init__(self, total: int, seconds: float) -> None:
        self._total, self._seconds = total, seconds
        self._done: set[str] = set()
        self._lock = threading.Lock()
        _reporter(0, total, seconds)

    def add(self, name: str) -> None:
        """Report that a kernel is done; two processes may compile the same one."""
        with self._lock:
            self._done.add(name)
            # the total is reported at the end, even if there are more signatures than examples
            done = min(len(self._done), self._total - 1)
            if done:
                _reporter(done, self._total, self._seconds)

    def end(self) -> None:
        _reporter(self._total, self._total, self._seconds)


_current: _Session | None = None


@contextmanager
def _session(total: int, seconds: float) -> Iterator[_Session]:
    global _current
    session = _current = _Session(total, seconds)
    try:
        yield session
    finally:
        _current = None
        session.end()


@functools.cache
def _watch_compiler() -> None:
    """Report what numba compiles, also at a call that nobody has prepared."""
    from numba.core import event

    class Watcher(event.Listener):
        def __init__(self) -> None:
            # kernels that are being compiled: each waits for those that it calls
            self._stack: list[Any] = []
            self._opened: Any = None

        def on_start(self, event: Any) -> None:
            dispatcher = event.data["dispatcher"]
            if dispatcher not in _KERNELS:  # what the functions of numba are compiled from
                return
            if not self._stack and _current is None:
                number = len(_reachable([dispatcher]))
                self._opened = _session(number, number * _SECONDS_PER_KERNEL)
                self._opened.__enter__()
            self._stack.append(dispatcher)

        def on_end(self, event: Any) -> None:
            dispatcher = event.data["dispatcher"]
            if not self._stack or self._stack[-1] is not dispatcher:
                return
            self._stack.pop()
            if _current is not None:
                _current.add(_name(dispatcher))
            if not self._stack and self._opened is not None:
                session, self._opened = self._opened, None
                session.__exit__(None, None, None)

    event.register("numba:compile", Watcher())  # type: ignore[no-untyped-call]


class _Child:
    """Another process that compiles the kernels of modules into the cache."""

    def __init__(self, modules: list[str], session: _Session) -> None:
        code = f"from quickdraw_kit.kernels import compile_in_child; compile_in_child({modules})"
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._session = session
        self._thread = threading.Thread(target=self._read, daemon=True, name="compiled-kernels")
        self._thread.start()

    def _read(self) -> None:
        for line in cast("Any", self._process.stdout):
            self._session.add(line.strip())

    def wait(self) -> None:
        """Wait for its end. What it could not compile is compiled where it is called."""
        self._thread.join()
        self._process.wait()

    def stop(self) -> None:
        """End it, if it has not ended."""
        self._process.kill()
        self.wait()
        cast("Any", self._process.stdout).close()


def compile_in_child(modules: list[str]) -> None:
    """Compile the kernels of modules, and print the name of each; the main function of a child."""

    class Names(_Session):
        def __init__(self) -> None:
            pass

        def add(self, name: str) -> None:
            sys.stdout.write(name + "\n")
            sys.stdout.flush()

    global _current
    _current = Names()
    for module in modules:
        _compile(_missing_calls(module))


def _compile(calls: list[tuple[Any, tuple[Any, ...]]]) -> None:
    for dispatcher, types in calls:
        dispatcher.compile(types)


def _missing_calls(module: str) -> list[tuple[Any, tuple[Any, ...]]]:
    """Return the kernels of a module that Python calls with types that are not in the cache."""
    import numba

    importlib.import_module(module)
    return [
        (dispatcher, types)
        for dispatcher, examples in list(_KERNELS.items())
        if dispatcher.py_func.__module__ == module and examples is not None
        for types in (tuple(map(numba.typeof, arguments)) for arguments in examples())
        if _is_missing(dispatcher, types)
    ]


def _reachable(dispatchers: Iterable[Any]) -> set[Any]:
    """Return kernels and those that they call."""
    reached, queue = set[Any](), list(dispatchers)
    while queue:
        dispatcher = queue.pop()
        if dispatcher in reached:
            continue
        reached.add(dispatcher)
        function = dispatcher.py_func
        values = map(function.__globals__.get, function.__code__.co_names)
        queue += [value for value in values if isinstance(value, type(dispatcher))]
    return reached & _KERNELS.keys()


def _name(dispatcher: Any) -> str:
    return f"{dispatcher.py_func.__module__}.{dispatcher.py_func.__name__}"


def _cpu_count() -> int:
    # process_cpu_count is new in Python 3.13
    count = getattr(os, "process_cpu_count", os.cpu_count)
    return count() or 1


# What follows depends on private parts of numba.


def _widen_arguments(dispatcher: Any) -> None:
    """Compile a kernel that others call once for all signed integers, constants included.

    numba would compile it for every mixture of int32, int64 and each constant. In kernels, whole
    numbers are int64 as soon as there is an operation, so widening them earlier changes no result.
    """
    from numba.core import types

    resolve = dispatcher.get_call_template

    def widened(argument: Any) -> Any:
        argument = types.unliteral(argument)  # type: ignore[no-untyped-call]
        is_signed = isinstance(argument, types.Integer) and cast("Any", argument).signed
        return types.int64 if is_signed else argument

    def get_call_template(args: Any, kws: Any) -> Any:
        return resolve(tuple(map(widened, args)), {name: widened(kws[name]) for name in kws})

    dispatcher.get_call_template = get_call_template


def _set_stamp(dispatcher: Any, stamp: str) -> None:
    """Replace what numba compares with the cache to know whether code is out of date.

    Its own stamp is about the kernel's file alone and, in some versions, about the time of its last
    change, which is another one after each installation.
    """
    dispatcher._cache._cache_file._source_stamp = stamp


def _is_missing(dispatcher: Any, types: tuple[Any, ...]) -> bool:
    """Whether the cache of a kernel lacks the code for some types; False if it has no cache."""
    cache = dispatcher._cache
    if types in dispatcher.overloads or not hasattr(cache, "_cache_file"):
        return False
    key = cache._index_key(types, dispatcher.targetctx.codegen())
    return key not in cache._cache_file._load_index()


@functools.cache
def _hash_sources(module: str) -> str:
    """Hash what the kernels of a module depend on: source files, and how numba is called."""
    settings = inspect.getsource(kernel) + inspect.getsource(_widen_arguments)
    digest = hashlib.sha256(settings.encode())
    for path in sorted(_source_files(module)):
        digest.update(_read(path))
    return digest.hexdigest()


def _source_files(module: str) -> set[Path]:
    """Return the file of a module and, transitively, those that it takes kernels or constants from.

    Imports run before the decorators below them, so all these modules are loaded already. Files
    outside the top-level package are left out: numba's key covers its own version.
    """
    start = Path(cast("str", sys.modules[module].__file__))
    package = start.parents[max(module.count(".") - 1, 0)]
    files, queue = set[Path](), [start]
    while queue:
        path = queue.pop()
        if path not in files and path.is_relative_to(package):
            files.add(path)
            queue += _imported_files(path)
    return files


@functools.cache
def _imported_files(path: Path) -> list[Path]:
    """Return the files of modules from which a file imports kernels or constants."""
    files = []
    for node in ast.parse(_read(path)).body:
        if not isinstance(node, ast.ImportFrom):
            continue
        module = sys.modules.get(node.module or "")
        file = getattr(module, "__file__", None)
        if file is None:  # built into Python
            continue
        # A module that uses `kernel` or `intrinsic` may define compiled code. Any other module
        # matters only for constants: its functions and classes are not part of compiled code.
        defines_kernels = any(hasattr(module, name) for name in ("kernel", "intrinsic"))
        values = [getattr(module, alias.name, None) for alias in node.names]
        if defines_kernels or not all(map(callable, values)):
            files.append(Path(file))
    return files


@functools.cache
def _read(path: Path) -> bytes:
    return path.read_bytes()

"""The one way to declare compiled kernels: nopython, without the GIL, cached on disk.

numba stores compiled code beside the source or, where that folder is read-only, in the user's
cache folder; where neither is writable, each process compiles for itself. numba discards cached
code when the file of the kernel has changed. But compiled code contains the kernels that it calls
and the constants that it reads, so the cache key here also covers the files that define those.

`fastmath` stays off: kernels must give the same bytes on every machine. Division by zero gives
infinity or NaN, as in numpy: a branch at each division to raise an error would cost a sixth of the
time of `simplify`.
"""

import ast
import functools
import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

_Function = TypeVar("_Function", bound=Callable[..., Any])


def kernel(function: _Function) -> _Function:
    """Compile a function over numpy arrays; type checkers see its own signature."""
    dispatcher: Any = numba.njit(nogil=True, error_model="numpy")(function)
    if dispatcher is function:  # NUMBA_DISABLE_JIT is set: kernels run as plain Python
        return function

    try:
        dispatcher.enable_caching()
    except RuntimeError:  # there is no writable folder for the cache
        return cast("_Function", dispatcher)

    # numba compares this stamp (modification time and size of the kernel's file) with the one in
    # the cache, and compiles when they differ. It has no public way to extend the stamp.
    cache_file = dispatcher._cache._cache_file
    cache_file._source_stamp = (cache_file._source_stamp, _hash_sources(function.__module__))
    return cast("_Function", dispatcher)


@functools.cache
def _hash_sources(module: str) -> str:
    """Hash the source files that the kernels of a module depend on, this file included."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
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

"""The one way to declare compiled kernels: nopython, without the GIL, cached on disk.

numba keeps compiled code beside the source and, where that folder is read-only, in the user's cache
folder; where neither can be written, each process compiles its own. numba drops cached code when
the kernel's own file has changed. But compiled code contains the kernels that it calls and the
constants that it reads, so the cache key here also covers the files that those come from.

`fastmath` stays off: kernels must give the same bytes on every machine. Division by zero gives
infinity or NaN, as in numpy: a branch at each division to raise an error costs a sixth of the time
of `simplify`.
"""

import ast
import functools
import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

__all__ = ["kernel"]

_Function = TypeVar("_Function", bound=Callable[..., Any])


def kernel(function: _Function) -> _Function:
    """Compile a function over numpy arrays; it keeps its type for the checker."""
    dispatcher: Any = numba.njit(nogil=True, error_model="numpy")(function)
    if dispatcher is function:  # NUMBA_DISABLE_JIT is set: kernels run as plain Python
        return function

    try:
        dispatcher.enable_caching()
    except RuntimeError:  # no folder can be written to
        return cast("_Function", dispatcher)
    file = dispatcher._cache._cache_file
    file._source_stamp = (file._source_stamp, _digest(function.__module__))
    return cast("_Function", dispatcher)


def _digest(module: str) -> str:
    """Hash the files that the kernels of a module are made of."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for path in sorted(_sources(module)):
        digest.update(_content(path))
    return digest.hexdigest()


def _sources(module: str) -> set[Path]:
    """Return the file of a module and the files that its kernels and constants come from.

    A kernel's module runs its imports before the decorator, so they are all loaded.
    """
    start = Path(cast("str", sys.modules[module].__file__))
    package = start.parents[max(module.count(".") - 1, 0)]
    found, queue = set[Path](), [start]
    while queue:
        path = queue.pop()
        if path in found or not path.is_relative_to(package):
            continue
        found.add(path)
        queue += [Path(file) for file in _imported(path)]
    return found


@functools.cache
def _imported(path: Path) -> list[str]:
    """Return the files of modules from which a file imports compiled code or constants."""
    files = []
    for node in ast.parse(_content(path)).body:
        module = sys.modules.get(node.module or "") if isinstance(node, ast.ImportFrom) else None
        file = getattr(module, "__file__", None)
        if not isinstance(node, ast.ImportFrom) or file is None:
            continue
        values = [getattr(module, alias.name, None) for alias in node.names]
        compiled = any(hasattr(module, name) for name in ("kernel", "intrinsic"))
        if compiled or not all(map(callable, values)):
            files.append(file)
    return files


@functools.cache
def _content(path: Path) -> bytes:
    return path.read_bytes()

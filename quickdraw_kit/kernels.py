"""The one way compiled kernels are declared here: nopython, without the GIL, cached on disk.

numba keeps the compiled code beside the source and, where that folder is read-only, in the user's
cache folder; where neither can be written, a kernel is compiled in each process. It takes compiled
code for stale when the kernel's own file has changed; but a kernel holds the kernels that it calls,
which stand in other files of its room, so here every file of the room counts, and this one.
`fastmath` stays off: kernels must give the same bytes on every machine. What is divided by zero is
infinite or NaN, as in numpy: a branch at each division to raise an error costs a sixth of the time
of `simplify`.
"""

import functools
import hashlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

__all__ = ["kernel"]

_Function = TypeVar("_Function", bound=Callable[..., Any])


def kernel(function: _Function) -> _Function:
    """Compile a function over numpy arrays; it keeps its type for the checker."""
    dispatcher: Any = numba.njit(nogil=True, error_model="numpy")(function)
    if dispatcher is function:  # NUMBA_DISABLE_JIT is set: kernels run as Python, to be looked into
        return function
    try:
        dispatcher.enable_caching()
    except RuntimeError:  # there is no folder to keep it in
        return cast("_Function", dispatcher)
    file = dispatcher._cache._cache_file
    file._source_stamp = (file._source_stamp, _room_stamp(Path(inspect.getfile(function)).parent))
    return cast("_Function", dispatcher)


@functools.cache
def _room_stamp(room: Path) -> str:
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for path in sorted(room.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()

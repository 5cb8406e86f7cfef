"""The one way compiled kernels are declared here: nopython, without the GIL, cached on disk.

numba keeps the compiled code beside the source and, where that folder is read-only, in the
user's cache folder. `fastmath` stays off: kernels must give the same bytes on every machine.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

__all__ = ["kernel"]

_Function = TypeVar("_Function", bound=Callable[..., Any])


def kernel(function: _Function) -> _Function:
    """Compile a function over numpy arrays; it keeps its type for the checker.

    Parameters
    ----------
    function : callable
        Function in the subset of Python that numba compiles.

    Returns
    -------
    callable
        The dispatcher; called with the same arguments.

    Examples
    --------
    >>> import numpy as np
    >>> from quickdraw_kit.strokes.batch import lengths_to_offsets
    >>> lengths_to_offsets(np.array([2, 3]))
    array([0, 2, 5])
    """
    return cast("_Function", numba.njit(nogil=True, cache=True)(function))

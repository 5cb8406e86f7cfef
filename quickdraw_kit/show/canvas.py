"""Where figures are drawn: one look, and the same bytes for the same numbers.

pyplot is left alone, so no window and no figure stays behind. Files hold no time, no version and no
random names. Colours are told apart by people who see fewer of them, and nothing is said by colour
alone.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quickdraw_kit.errors import UsageError
from quickdraw_kit.files import atomic_write

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["COLOURS", "FAINT", "INK", "LINE", "RIGHT", "WRONG", "canvas", "figure_form"]

COLOURS = ("#33658a", "#e3a13b", "#9aa5b1")  # blue, amber, grey: apart in lightness as well
INK, FAINT, LINE = "#2b2b2b", "#6d6d6d", "#d9d9d9"
RIGHT, WRONG = "#1b7f4d", "#c0392b"

_DPI = 160
_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.labelcolor": FAINT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titlepad": 10,
    "axes.axisbelow": True,
    "grid.color": "#ececec",
    "xtick.color": LINE,
    "xtick.labelcolor": FAINT,
    "ytick.color": LINE,
    "ytick.labelcolor": INK,
    "svg.hashsalt": "quickdraw_kit",
}


def figure_form(path: str | os.PathLike[str]) -> str:
    """Tell from the name of a figure what it is to be.

    Parameters
    ----------
    path : path-like
        Its file.

    Returns
    -------
    {"png", "svg"}

    Raises
    ------
    UsageError
        If the name has another suffix.

    Examples
    --------
    >>> figure_form("seen.PNG")
    'png'
    """
    form = Path(path).suffix.lower().removeprefix(".")
    if form not in ("png", "svg"):
        raise UsageError(f"{path}: a figure's name ends in .png or .svg")
    return form


@contextmanager
def canvas(path: str | os.PathLike[str], width: float, height: float) -> Iterator["Figure"]:
    """Draw a figure; it is written when the block ends, whole or not at all.

    Parameters
    ----------
    path : path-like
        File to write, ``.png`` or ``.svg``.
    width, height : float
        Size in inches.

    Yields
    ------
    matplotlib.figure.Figure
        Empty, with room made for whatever is put on it.

    Raises
    ------
    UsageError
        If the name has another suffix.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> path = getfixture("tmp_path") / "empty.svg"
    >>> with canvas(path, 2, 1) as figure:
    ...     _ = figure.suptitle("nothing yet")
    >>> path.read_text()[:5]
    '<?xml'
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    path, form = Path(path), figure_form(path)
    with mpl.rc_context(_STYLE):
        figure = Figure((width, height), layout="constrained", facecolor="white")
        yield figure
        nameless = {"Software": None} if form == "png" else {"Date": None, "Creator": None}
        with atomic_write(path) as file:
            figure.savefig(file, format=form, dpi=_DPI, metadata=nameless)

"""The canvas of all figures: one style, and the same bytes for the same numbers.

pyplot is not used, so no window opens and no figure stays in memory. Files contain no time, no
version and no random ids. The colors suit color-blind readers, and no figure relies on color alone.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quickdraw_kit.errors import UsageError, optional_packages
from quickdraw_kit.storage.files import atomic_write

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLORS = ("#33658a", "#e3a13b", "#9aa5b1")  # blue, amber, gray: different in lightness too
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
    "svg.hashsalt": "quickdraw_kit",  # ids in SVG files are random otherwise
}


def figure_format(path: str | os.PathLike[str]) -> str:
    """Return the format of a figure, png or svg, from its name."""
    format = Path(path).suffix.lower().removeprefix(".")
    if format not in ("png", "svg"):
        raise UsageError(f"{path}: expected a name that ends in .png or .svg")
    return format


@contextmanager
def canvas(path: str | os.PathLike[str], width: float, height: float) -> Iterator["Figure"]:
    """Yield a figure to draw on, with a size in inches; write it atomically when the block ends."""
    with optional_packages():
        import matplotlib as mpl
        from matplotlib.figure import Figure

    path, format = Path(path), figure_format(path)
    # the settings of the caller are restored at the end of the block
    with mpl.rc_context(_STYLE):
        figure = Figure((width, height), layout="constrained", facecolor="white")
        yield figure
        # matplotlib writes these by default, and they differ between runs and versions
        metadata = {"Software": None} if format == "png" else {"Date": None, "Creator": None}
        with atomic_write(path) as file:
            figure.savefig(file, format=format, dpi=_DPI, metadata=metadata)

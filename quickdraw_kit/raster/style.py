"""The style of bitmaps: the three numbers of the official recipe."""

from dataclasses import dataclass
from typing import Annotated

from quickdraw_kit.options import check, option

_GROUP = "Rendering"


@dataclass(frozen=True, slots=True)
class RasterStyle:
    """Side, line width and padding of bitmaps; the defaults give the official bitmaps.

    Parameters
    ----------
    side : int
        Width and height of the bitmap, in pixels, 1 to 1024.
    line_diameter : float
        Diameter of the round pen, in units of the 256 x 256 frame.
    padding : float
        Margin around the frame, in units of the frame.

    Raises
    ------
    UsageError
        If a value is out of range.

    Notes
    -----
    The authors of the data set published the recipe in issue 19 of
    googlecreativelab/quickdraw-dataset.

    Examples
    --------
    >>> from quickdraw_kit import RasterStyle
    >>> style = RasterStyle()
    >>> style.scale == 28 / (256 + 2 * 16 + 16), style.translation
    (True, 24.0)
    """

    side: Annotated[int, option("Side of the bitmaps, in pixels.", ge=1, le=1024, group=_GROUP)] = (
        28
    )
    line_diameter: Annotated[
        float,
        option("Diameter of the pen, in units of the frame of 256.", gt=0, le=256, group=_GROUP),
    ] = 16.0
    padding: Annotated[
        float, option("Margin around the frame, in units of the frame.", ge=0, le=256, group=_GROUP)
    ] = 16.0

    def __post_init__(self) -> None:
        check(self)

    @property
    def scale(self) -> float:
        """Pixels per unit of the frame."""
        return self.side / (256.0 + 2.0 * self.padding + self.line_diameter)

    @property
    def translation(self) -> float:
        """Position of the frame's origin in the padded frame, in units of the frame."""
        return self.line_diameter / 2.0 + self.padding

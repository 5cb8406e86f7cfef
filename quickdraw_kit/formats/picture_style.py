"""How pictures and bitmaps are drawn: size, pen and colors, each with a default of its format."""

from dataclasses import dataclass, fields
from typing import Annotated, TypeAlias

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import UsageError
from quickdraw_kit.options import check, option
from quickdraw_kit.raster.style import RasterStyle

LINE_DIAMETER = 6.0  # of the pen in pictures, in units of the frame; that of bitmaps is 16
PICTURE_SIDE = 256

Color: TypeAlias = tuple[int, int, int]

_GROUP = "Pictures and bitmaps"


@dataclass(frozen=True, slots=True)
class PictureStyle:
    """Size, pen and colors of pictures and bitmaps; what is None is the default of the format.

    Parameters
    ----------
    side : int, optional
        Width and height in pixels: 256, and 28 of bitmaps.
    line_diameter : float, optional
        Diameter of the round pen, in units of the 256 x 256 frame: 6, and 16 of bitmaps.
    padding : float, optional
        Margin around the frame, in units of the frame: half the pen, and 16 of bitmaps.
    ink, paper : str, optional
        Colors such as ``navy`` and ``#33658a``; black on white. Paper may be ``transparent``.
    millimeters : float, optional
        Width and height of an SVG on paper, for plotters.
    animate : bool
        Whether an SVG plays the drawing, as a GIF and a WebP do.

    Raises
    ------
    UsageError
        If a value is out of range or not a color.

    Examples
    --------
    The pixels of these pictures are those of the official bitmaps:

    >>> from quickdraw_kit import PictureStyle, convert, generate_drawings, write_ndjson
    >>> write_ndjson(generate_drawings(["star"], 3, raw=False), "star.ndjson")
    >>> style = PictureStyle(side=28, line_diameter=16, padding=16, ink="white", paper="black")
    >>> convert("star.ndjson", "pictures/", style=style).drawings
    3
    """

    side: (
        Annotated[
            int,
            option(
                "Side in pixels, by default 256, and 28 of bitmaps.", ge=1, le=1024, group=_GROUP
            ),
        ]
        | None
    ) = None
    line_diameter: (
        Annotated[
            float,
            option(
                "Diameter of the pen, in units of the frame of 256; by default 6, and 16 of "
                "bitmaps.",
                gt=0,
                le=128,
                group=_GROUP,
            ),
        ]
        | None
    ) = None
    padding: (
        Annotated[
            float,
            option(
                "Margin around the frame, in its units; by default half the pen, and 16 of "
                "bitmaps.",
                ge=0,
                le=256,
                group=_GROUP,
            ),
        ]
        | None
    ) = None
    ink: (
        Annotated[
            str,
            option("Color of the lines, such as navy or #33658a; by default black.", group=_GROUP),
        ]
        | None
    ) = None
    paper: (
        Annotated[
            str, option("Color of the background, or transparent; by default white.", group=_GROUP)
        ]
        | None
    ) = None
    millimeters: (
        Annotated[
            float,
            option(
                "Side of an SVG in millimeters, for plotters; by default it has pixels.",
                gt=0,
                le=5000,
                group=_GROUP,
            ),
        ]
        | None
    ) = None
    animate: Annotated[bool, option("Write an SVG that plays the drawing.", group=_GROUP)] = False

    def __post_init__(self) -> None:
        check(self)
        _ = self.ink_color, self.paper_color
        if self.side is not None and self.millimeters is not None:
            raise UsageError("side (--side) is in pixels: leave it out with millimeters")

    @classmethod
    def of(cls, style: "RasterStyle | PictureStyle | None") -> "PictureStyle":
        """Return a style of bitmaps as a style of pictures.

        Parameters
        ----------
        style : RasterStyle or PictureStyle, optional
            A style of pictures is returned as it is; None is the default style.

        Returns
        -------
        PictureStyle

        Examples
        --------
        >>> from quickdraw_kit import PictureStyle, RasterStyle
        >>> PictureStyle.of(RasterStyle(side=64)).side
        64
        """
        if isinstance(style, RasterStyle):
            return cls(style.side, style.line_diameter, style.padding)
        return style or cls()

    @property
    def given(self) -> frozenset[str]:
        """Names of the fields that are not the default."""
        names = (field.name for field in fields(self))
        return frozenset(name for name in names if getattr(self, name) not in (None, False))

    @property
    def ink_color(self) -> Color:
        """The color of the lines."""
        return _parse_color(self.ink, "ink") if self.ink is not None else (0, 0, 0)

    @property
    def paper_color(self) -> Color | None:
        """The color of the background; None if it is transparent."""
        if self.paper == "transparent":
            return None
        return _parse_color(self.paper, "paper") if self.paper is not None else (255, 255, 255)

    def of_bitmaps(self) -> RasterStyle:
        """Return the style of bitmaps, with their defaults."""
        given = {"side": self.side, "line_diameter": self.line_diameter, "padding": self.padding}
        return RasterStyle(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]

    def of_pictures(self) -> RasterStyle:
        """Return the style of pictures for people, with their defaults."""
        diameter = self.line_diameter if self.line_diameter is not None else LINE_DIAMETER
        # half the pen: lines at the edge are shown in full width
        padding = self.padding if self.padding is not None else diameter / 2
        return RasterStyle(self.side or PICTURE_SIDE, diameter, padding)

    def palette(self) -> npt.NDArray[np.uint8]:
        """Return the color for each coverage by ink, RGBA, shape (256, 4)."""
        ink = np.array([*self.ink_color, 255], np.float64)
        if self.paper_color is None:
            colors = np.tile(ink, (256, 1))
            colors[:, 3] = np.arange(256)
        else:
            share = np.arange(256)[:, None] / 255
            colors = share * ink + (1 - share) * np.array([*self.paper_color, 255])
        return np.rint(colors).astype(np.uint8)


def _parse_color(text: str, name: str) -> Color:
    from PIL import ImageColor

    try:
        red, green, blue, *_ = ImageColor.getrgb(text)
    except ValueError:
        raise UsageError(f"{name} is {text!r}, expected a color such as navy or #33658a") from None
    return red, green, blue

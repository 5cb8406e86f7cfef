"""How a drawing becomes pixels: the three numbers of the official recipe."""

from dataclasses import dataclass

from quickdraw_kit.errors import UsageError

__all__ = ["RasterStyle"]


@dataclass(frozen=True, slots=True)
class RasterStyle:
    """Side of the bitmap, pen and margin; the defaults are those of the official bitmaps.

    Parameters
    ----------
    side : int
        Width and height of the bitmap, in pixels, 1 to 1024.
    line_diameter : float
        Diameter of the round pen, in units of the 256 x 256 frame.
    padding : float
        Margin round the frame, in units of the frame.

    Raises
    ------
    UsageError
        If a value is out of its range.

    Notes
    -----
    The recipe is the authors' own, published in issue 19 of googlecreativelab/quickdraw-dataset.

    Examples
    --------
    >>> style = RasterStyle()
    >>> style.scale == 28 / (256 + 2 * 16 + 16), style.translation
    (True, 24.0)
    """

    side: int = 28
    line_diameter: float = 16.0
    padding: float = 16.0

    def __post_init__(self) -> None:
        if not 1 <= self.side <= 1024:
            raise UsageError(f"side is {self.side}, expected 1 to 1024 pixels")
        if not 0 < self.line_diameter <= 256:
            raise UsageError(f"line_diameter is {self.line_diameter}, expected over 0 to 256")
        if not 0 <= self.padding <= 256:
            raise UsageError(f"padding is {self.padding}, expected 0 to 256")

    @property
    def scale(self) -> float:
        """Pixels per unit of the frame."""
        return self.side / (256.0 + 2.0 * self.padding + self.line_diameter)

    @property
    def translation(self) -> float:
        """Where the frame's origin stands in the padded frame, in units of the frame."""
        return self.line_diameter / 2.0 + self.padding

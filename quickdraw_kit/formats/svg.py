"""SVG: write a drawing as a path per stroke; read the outlines and lines of any SVG as strokes."""

import html
import io
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import DataError, UsageError, optional_packages
from quickdraw_kit.formats.file_names import label_from_filename
from quickdraw_kit.formats.format import ReadOptions
from quickdraw_kit.formats.picture_style import LINE_DIAMETER, PictureStyle
from quickdraw_kit.formats.pictures import picture_format
from quickdraw_kit.formats.record_batch import RecordBatch
from quickdraw_kit.formats.stroke_times import stroke_times
from quickdraw_kit.storage.files import atomic_write
from quickdraw_kit.strokes.batch import Drawing, DrawingBatch
from quickdraw_kit.strokes.normalize import normalize
from quickdraw_kit.trace.image import trace_image
from quickdraw_kit.trace.image_file import read_picture

MAX_BYTES = 1 << 24
"""Largest SVG file that is read."""

_COMMENT = re.compile(rb"<!--.*?(?:-->|\Z)", re.DOTALL)
_ELEMENT = re.compile(rb"<([A-Za-z][\w:.-]*)")
# what only a renderer knows how to show
_EFFECT = re.compile(
    rb"<(?:\w+:)?(?:text|image|foreignObject|switch)\b|(?:clip-path|mask|filter|marker[\w-]*)\s*[=:]"
    rb"|url\(|mix-blend-mode|stroke-dasharray\s*[=:]\s*[\"']?\s*[\d.]|display\s*[=:]|visibility\s*[=:]"
    rb"|opacity\s*[=:]\s*[\"']?\s*(?!1(?:\.0*)?\s*[\"';}])[\d.]"
)
_ANIMATION = re.compile(rb"<(?:\w+:)?animate|<(?:\w+:)?set\b|@keyframes")
_LINK = re.compile(
    r"""[\w.:-]*\bhref\s*=\s*(?:"(?!\s*(?:#|data:))[^"]*"|'(?!\s*(?:#|data:))[^']*')"""
)
_BACKGROUND = re.compile(
    r"""<svg\b[^>]*\bstyle\s*=\s*["'][^"']*\bbackground(?:-color)?\s*:([^;"']+)"""
)
_RENDERED_SIDE = 640  # longer side, in pixels; as large as pictures are when they are traced
_MAX_POINTS = 1 << 20  # of one file
_CURVE_POINTS = 24  # that a curve becomes


def is_svg(head: bytes) -> bool:
    """Whether a file may be SVG: its first element is <svg>, or not among its first bytes."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not text.startswith(b"<") or text[:14].lower() == b"<!doctype html":
        return False
    element = _ELEMENT.search(_COMMENT.sub(b"", text))
    return element is None or element[1].rpartition(b":")[2] == b"svg"


def read_svg(source: str | os.PathLike[str] | bytes, *, word: str = "") -> DrawingBatch:
    """Read the drawing that an SVG file shows.

    If it shows lines of one color, these are the strokes, one per subpath: of paths, lines,
    polygons, rectangles and ellipses. Transformations and units are applied, and curves become
    short lines. With several colors, filled shapes, text, images, masks and the like, the file is
    rendered and traced as a picture is: what is drawn in the color of the paper erases.

    Parameters
    ----------
    source : path or bytes
        The file or its content.
    word : str
        The category, if known.

    Returns
    -------
    DrawingBatch
        One drawing with real-valued coordinates, in the scale of the file or of the rendered
        picture; see `simplify`.

    Raises
    ------
    DataError
        If it is not an SVG, has more than 16 MiB, declares entities, or is empty.
    UsageError
        If svgelements, resvg_py or scikit-image is not installed.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> from quickdraw_kit import read_svg
    >>> path = b'<path fill="none" stroke="#000" d="M0 0H9V9"/>'
    >>> read_svg(b'<svg xmlns="http://www.w3.org/2000/svg">' + path + b'</svg>')[0].strokes[0].T
    array([[0., 9., 9.],
           [0., 0., 9.]])
    """
    with optional_packages():
        import svgelements
    if isinstance(source, bytes):
        where, data = "the SVG", source
    else:
        where = str(source)
        with Path(source).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise DataError(f"{where} has more than {MAX_BYTES} bytes: make it smaller")
    # Nested entities can expand to gigabytes. UTF-16 has zero bytes between ASCII letters.
    if b"<!ENTITY" in data.replace(b"\0", b""):
        raise DataError(f"{where} declares entities, which a drawing does not need: remove them")
    try:
        document = svgelements.SVG.parse(io.BytesIO(data), reify=True)
        shapes = [e for e in document.elements() if isinstance(e, svgelements.Shape)]
        strokes = _strokes(shapes, where) if _has_only_shapes(data) else None
    except DataError:
        raise
    except (ValueError, SyntaxError, TypeError, AttributeError, IndexError, KeyError,
            ZeroDivisionError, RecursionError, OverflowError) as error:  # fmt: skip
        # svgelements has no error of its own: damage raises whatever its parser meets
        raise DataError(f"{where} cannot be read as SVG ({error})") from error
    if strokes is None:
        return trace_image(_render(data, where), word=word)
    if not strokes:
        raise DataError(f"{where} is empty: it has no outlined and no filled shape")
    return DrawingBatch.from_strokes(
        [[stroke.T for stroke in strokes]], words=[word], dtype=np.float64
    )


def _has_only_shapes(data: bytes) -> bool:
    """Return whether a file shows its shapes as they are; an animation ends so."""
    text = data.replace(b"\0", b"")
    return _ANIMATION.search(text) is not None or _EFFECT.search(text) is None


def _strokes(shapes: list[Any], where: str) -> list[npt.NDArray[np.float64]] | None:
    """Return the lines of shapes; None if they are not all that can be seen."""
    import svgelements

    strokes: list[npt.NDArray[np.float64]] = []
    colors = set()
    paper = None
    for shape in shapes:
        has_line, is_filled = _is_visible(shape.stroke), _is_visible(shape.fill)
        if not has_line and not is_filled:
            continue
        path = abs(svgelements.Path(shape))
        points = [_points(svgelements.Path(sub)) for sub in path.as_subpaths()]
        points = [line for line in points if len(line)]
        if has_line:
            colors.add(shape.stroke.value)
            strokes.extend(points)
        # after each shape, so that memory is bounded
        if sum(map(len, strokes)) > _MAX_POINTS:
            raise DataError(f"{where} has more than {_MAX_POINTS} points: simplify it")
        if is_filled and any(_has_area(line) for line in points):
            # a rectangle under everything else is paper
            if has_line or strokes or paper is not None or not isinstance(shape, svgelements.Rect):
                return None
            paper = shape.fill.value, points[0]

    if len(colors) > 1 or (paper is not None and not strokes):
        return None
    if paper is not None and strokes:
        color, outline = paper
        drawn = np.concatenate(strokes)
        is_under = (drawn >= outline.min(axis=0)).all() and (drawn <= outline.max(axis=0)).all()
        if color in colors or not is_under:
            return None
    return strokes


def _has_area(points: npt.NDArray[np.float64]) -> bool:
    """Return whether there is something to fill between points: not if they are on a line."""
    x, y = (points - points[0]).T
    area = abs(float(x @ np.roll(y, 1) - y @ np.roll(x, 1))) / 2
    return area > 1e-6 * max(float(np.ptp(points, axis=0).max()), 1e-12) ** 2


def _render(data: bytes, where: str) -> npt.NDArray[np.uint8]:
    """Render a file on a transparent background."""
    with optional_packages():
        import resvg_py
    text = _decode(data)
    # the renderer would open local files that an untrusted SVG links to
    text = _LINK.sub("", text)
    background = _BACKGROUND.search(text)
    try:
        png = resvg_py.svg_to_bytes(
            svg_string=text,
            width=_RENDERED_SIDE,
            height=_RENDERED_SIDE,  # the aspect ratio is kept
            background=background[1].strip() if background else None,
            skip_system_fonts="<text" not in text,  # loading them takes longer than all else
        )
    except ValueError as error:
        raise DataError(f"{where} cannot be rendered ({error})") from error
    return read_picture(png)


def _decode(data: bytes) -> str:
    """Return the text of a file; its declaration of an encoding is removed with the prolog."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = data.decode("utf-16", "replace")
    else:
        text = data.decode("utf-8-sig", "replace")
    return re.sub(r"^\s*<\?xml[^>]*\?>", "", text)


def _is_visible(paint: Any) -> bool:
    return paint is not None and paint.value is not None and paint.alpha != 0


def _points(path: Any) -> npt.NDArray[np.float64]:
    """Return the points of a subpath, shape (k, 2)."""
    import svgelements

    points: list[npt.NDArray[np.float64]] = []
    for segment in path:
        if isinstance(segment, svgelements.Move):
            points.append(np.array([[segment.end.x, segment.end.y]]))
        elif isinstance(segment, svgelements.Line | svgelements.Close):
            if segment.end is not None:
                points.append(np.array([[segment.end.x, segment.end.y]]))
        else:
            points.append(
                # without the first point, at which the segment before ended
                np.asarray(segment.npoint(np.linspace(0, 1, _CURVE_POINTS)[1:]), np.float64)
            )
    joined = np.concatenate(points) if points else np.zeros((0, 2))
    # written so that NaN fails as well
    if not (np.abs(joined) <= np.finfo(np.float32).max).all():
        raise DataError("a point of the SVG is not finite, or beyond float32")
    return joined


def to_svg(
    batch: DrawingBatch,
    index: int = 0,
    *,
    line_diameter: float = LINE_DIAMETER,
    style: PictureStyle | None = None,
) -> str:
    """Return a drawing as an SVG document; `style` replaces `line_diameter`."""
    if style is None:
        style = PictureStyle(line_diameter=line_diameter)
    drawing = in_frame(batch, index)[0]
    diameter = style.of_pictures().line_diameter
    # pens move in millimeters: coordinates are those of the paper, without a transformation
    side = style.millimeters or 256
    scale, left, top = fit(drawing, side, diameter)
    strokes = [stroke for stroke in drawing.strokes if len(stroke)]
    if style.millimeters is not None:
        strokes = [stroke[:, :2] * scale + (left, top) for stroke in strokes]

    plays = [""] * len(strokes)
    if style.animate:
        timed = zip(drawing.strokes, stroke_times(drawing), strict=True)
        plays = [_animate(stroke, times) for stroke, times in timed if len(stroke)]
    paths = [_element(_path(stroke), play) for stroke, play in zip(strokes, plays, strict=True)]
    ink = "currentColor" if style.ink is None else _hex(style.ink_color)
    size, placed = "", f' transform="translate({left:g} {top:g}) scale({scale:g})"'
    width = diameter / scale
    if style.millimeters is not None:
        size, placed = f' width="{side:g}mm" height="{side:g}mm"', ""
        width, ink = diameter / 256 * side, _hex(style.ink_color)
    elif style.side is not None:
        size = f' width="{style.side}" height="{style.side}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side:g} {side:g}"{size}>',
        f"<title>{html.escape(drawing.word or '')}</title>",
    ]
    if style.paper is not None and (paper := style.paper_color) is not None:
        lines.append(f'<rect width="{side:g}" height="{side:g}" fill="{_hex(paper)}"/>')
    lines += [
        f'<g fill="none" stroke="{ink}" stroke-width="{width:g}" stroke-linecap="round"',
        f'stroke-linejoin="round"{placed}>',
        *paths,
        "</g>",
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _element(data: str, play: str) -> str:
    if not play:
        return f'<path d="{data}"/>'
    return f'<path d="{data}" pathLength="1" stroke-dasharray="1">{play}</path>'


def _animate(stroke: npt.NDArray[np.generic], times: npt.NDArray[np.float64]) -> str:
    """Return the elements that show a stroke as it was drawn; without them all of it is shown."""
    begin, end = times[0] / 1000, times[-1] / 1000
    # hidden until its time, as the round cap of a line without length is visible
    play = f'<set attributeName="visibility" to="hidden" end="{begin:.3f}s"/>' if begin else ""
    steps = np.hypot(*np.diff(stroke[:, :2].astype(np.float64), axis=0).T)
    if end <= begin or not steps.sum():
        return play or '<set attributeName="visibility" to="visible"/>'
    drawn = np.concatenate([[0], np.cumsum(steps) / steps.sum()])
    shares = (times - times[0]) / (times[-1] - times[0])
    values = ";".join(_short(1 - share) for share in drawn)
    moments = ";".join(_short(share) for share in shares)
    return (
        f'{play}<animate attributeName="stroke-dashoffset" begin="{begin:.3f}s" '
        f'dur="{end - begin:.3f}s" values="{values}" keyTimes="{moments}"/>'
    )


def _short(value: float) -> str:
    return f"{value:.4f}".rstrip("0").rstrip(".")


def _hex(color: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)


def write_svg(
    batch: DrawingBatch,
    path: str | os.PathLike[str],
    index: int = 0,
    *,
    line_diameter: float = LINE_DIAMETER,
) -> None:
    """Write a drawing as an SVG, atomically.

    Parameters
    ----------
    batch : DrawingBatch
        A drawing that is not within 0 to 255 is normalized first.
    path : str or path-like
        The file to write.
    index : int
        Which drawing of the batch.
    line_diameter : float
        Diameter of the round pen, in units of the 256 x 256 frame.

    Raises
    ------
    IndexError
        If the batch has no such drawing.
    UsageError
        If `line_diameter` is out of range.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> from quickdraw_kit import generate_drawings, read_svg, write_svg
    >>> batch = generate_drawings(["star"], 1, raw=False)
    >>> write_svg(batch, "star.svg")
    >>> len(read_svg("star.svg")[0].strokes) == len(batch[0].strokes)
    True
    """
    document = to_svg(batch, index, line_diameter=line_diameter)
    with atomic_write(path) as file:
        file.write(document.encode())


def in_frame(batch: DrawingBatch, index: int) -> DrawingBatch:
    """Return a batch of one drawing, normalized unless it is within 0 to 255."""
    if not -len(batch) <= index < len(batch):
        raise IndexError(f"drawing {index} of {len(batch)}")
    one = batch.take([index % len(batch)])
    # `initial`, because a drawing may have no points
    is_inside = all(
        column.min(initial=0) >= 0 and column.max(initial=0) <= 255 for column in (one.x, one.y)
    )
    return one if is_inside and not one.is_float else normalize(one)


def fit(drawing: Drawing, side: float, line_diameter: float) -> tuple[float, float, float]:
    """Return scale, left and top that center a drawing in a picture, with a margin for the pen."""
    if not 0 < line_diameter <= 128:
        raise UsageError(f"line_diameter is {line_diameter}, expected over 0 to 128")
    # the diameter of the pen is kept free; the rest of the side holds 255 units
    scale = side * (1.0 - line_diameter / 256.0) / 255.0
    points = [stroke[:, :2] for stroke in drawing.strokes if len(stroke)]
    right, bottom = np.concatenate(points).max(axis=0) if points else (0, 0)
    return scale, float(side - scale * right) / 2, float(side - scale * bottom) / 2


def _path(stroke: npt.NDArray[np.generic]) -> str:
    points = [" ".join(map(_number, point)) for point in stroke[:, :2].tolist()]
    if len(points) == 1:
        return f"M{points[0]}h0"  # with a round cap, a dot
    return f"M{points[0]}L{' '.join(points[1:])}"


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _read(path: Path, options: ReadOptions) -> Iterator[RecordBatch]:
    batch = read_svg(path, word=options.word or label_from_filename(path))
    yield RecordBatch(batch, np.arange(len(batch)))


def _encode(records: RecordBatch, style: PictureStyle) -> Iterator[bytes]:
    return (to_svg(records.batch, row, style=style).encode() for row in range(len(records.batch)))


def _sniff(head: bytes) -> bool:
    return is_svg(head) and b"<svg" in head


SVG = picture_format(
    name="svg",
    suffixes=(".svg",),
    sniff=_sniff,
    style_fields=frozenset({"side", "line_diameter", "ink", "paper", "millimeters", "animate"}),
    encode=_encode,
    read=_read,
)

"""What is around a drawing and under it, and no part of it: frames, tables, ruled lines.

Each is dropped only if a drawing is left: what encloses nothing is the drawing itself.
"""

import numpy as np
import numpy.typing as npt

Map = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Pixels = npt.NDArray[np.uint8]

_SAME = 6  # levels of 255 within which a border is flat
_FILLED = 0.97  # share of its bounding box that a canvas covers
_AT_BORDER = 0.08  # distance of a frame from the border of the picture, in sides
_THIN = 0.05  # width of the lines of a frame, in sides
_LEFT = 0.1  # extent of the smallest drawing, in sides of what was around it
_THICK = 0.03  # depth of a table or shadow beside the paper, in sides; lines are thinner
_RULED = 0.7  # share of the width that a ruled line covers
_LINES = 4  # that make a ruling


def peel_flat_border(color: Pixels) -> Pixels:
    """Crop a screenshot to the canvas in it: a full rectangle on a flat background."""
    while True:
        border = np.concatenate([color[0], color[-1], color[:, 0], color[:, -1]])
        around = np.median(border, axis=0).astype(np.uint8)
        if (_difference(border, around) <= _SAME).mean() < 0.9:
            return color
        inside = _difference(color, around) > _SAME
        box = _bounding_box(inside)
        if box is None or inside.shape == inside[box].shape or inside[box].mean() < _FILLED:
            return color
        canvas = color[box]
        middle = np.median(canvas.reshape(-1, color.shape[2]), axis=0).astype(np.uint8)
        drawn = _bounding_box(_difference(canvas, middle) > 2 * _SAME)
        if drawn is None or not _is_drawing(drawn, canvas.shape):
            return color
        color = canvas


def drop_surroundings(ink: Map, *, is_photo: bool) -> Map:
    """Cut off frames, and in photos what lies around the paper."""
    # frames may be nested
    for _ in range(4):
        inner = _inside_frame(ink)
        if inner is None:
            break
        ink = inner
    rest = _without_strips(ink, is_photo=is_photo)
    if is_photo:
        rest = _without_shadows(rest)
    drawn = _bounding_box(rest > 0.5)
    return rest if drawn is not None and _is_drawing(drawn, ink.shape) else ink


def _inside_frame(ink: Map) -> Map | None:
    """Return what a thin, straight frame encloses; None if there is none."""
    mask = ink > 0.35
    box = _bounding_box(mask)
    if box is None:
        return None
    height, width = mask.shape
    rows, columns = box
    gaps = (rows.start, height - rows.stop, columns.start, width - columns.stop)
    limits = (height, height, width, width)
    if any(gap > _AT_BORDER * side for gap, side in zip(gaps, limits, strict=True)):
        return None

    mask = mask[box]
    depths = []
    for side in (mask, mask[::-1], mask.T, mask.T[::-1]):
        depth = _frame_width(side)
        if depth is None:
            return None
        depths.append(depth)
    top, bottom, left, right = depths
    inner = ink[box][top : mask.shape[0] - bottom, left : mask.shape[1] - right]
    drawn = _bounding_box(inner > 0.5)
    return inner if drawn is not None and _is_drawing(drawn, mask.shape) else None


def _frame_width(mask: Mask) -> int | None:
    """Return the width of a straight line along the first row, with its soft edge."""
    limit = max(int(_THIN * max(mask.shape)), 2) + 2
    runs = _runs(mask[: limit + 1])
    width = int(np.median(runs))
    if width == 0 or width > limit:
        return None
    # a line that someone drew is not that straight; where the drawing touches it, it is wider
    straight = np.abs(runs - width) <= len(mask) // 400 + (width > 2)
    return width + 1 if straight.mean() > 0.8 else None


def _without_strips(ink: Map, *, is_photo: bool) -> Map:
    """Cut off what covers a whole side: a toolbar, or the table in a photo."""
    from scipy import ndimage

    mask = ink > 0.35
    rest = ink.copy()
    for turn in range(4):
        side, out = np.rot90(mask, turn), np.rot90(rest, turn)
        runs = _runs(side)
        width = float(np.median(runs))
        # lines of a drawing that was cropped may be as long, but not as thick
        is_thick = is_photo or width > _THICK * max(ink.shape)
        if not is_thick or (runs > 0).mean() < 0.95 or width > len(side) / 2:
            continue
        # lines that reach the strip are not part of it
        depth = ndimage.median_filter(runs, min(31, len(runs)), mode="nearest")
        out[np.arange(len(out))[:, None] < depth + 3] = 0
    return rest


def _without_shadows(ink: Map) -> Map:
    """Cut off thick areas along the border of a photo."""
    from scipy import ndimage

    areas, count = ndimage.label(ink > 0.35, np.ones((3, 3)))
    border = np.concatenate([areas[0], areas[-1], areas[1:-1, 0], areas[1:-1, -1]])
    along = np.bincount(border, minlength=count + 1) > 0.2 * len(border)
    along[0] = False
    if not along.any():
        return ink
    inside = ndimage.distance_transform_edt(np.pad(along[areas], 1, mode="edge"))[1:-1, 1:-1]
    along &= ndimage.maximum(inside, areas, np.arange(count + 1)) > _THICK * max(ink.shape)
    return np.where(along[areas], np.float32(0), ink)


def drop_ruling(ink: Map) -> Map:
    """Cut ruled or squared lines out of the ink; strokes that cross them stay whole."""
    mask = ink > 0.35
    rows, columns = _ruled_lines(mask), _ruled_lines(mask.T)
    if not rows and not columns:
        return ink
    # beside a ruling, other lines over the whole paper belong to it, such as a margin
    rows, columns = rows or _long_lines(mask, 0.9), columns or _long_lines(mask.T, 0.9)
    rest = ink.copy()
    lines = [(rest, *rows_) for rows_ in rows] + [(rest.T, *columns_) for columns_ in columns]
    for out, start, stop in lines:
        out[max(start - 1, 0) : stop + 1] = 0  # with its soft edges
    for out, start, stop in lines:
        _bridge(out, start, stop)
    drawn = _bounding_box(rest > 0.5)
    return rest if drawn is not None and _is_drawing(drawn, ink.shape) else ink


def _bridge(ink: Map, start: int, stop: int) -> None:
    """Fill the rows of a line that was cut out where ink is on both sides of it."""
    from scipy import ndimage

    above, below = start - 2, stop + 1
    if above < 0 or below >= len(ink):
        return
    # straight down, or else on a slant
    for reach in (3, 2 * (below - above) + 1):
        ends = [ndimage.maximum_filter1d(ink[row], reach) for row in (above, below)]
        ink[above + 1 : below] = np.maximum(ink[above + 1 : below], np.minimum(*ends))


def _ruled_lines(mask: Mask) -> list[tuple[int, int]]:
    """Return the rows of thin, evenly spaced lines across a picture."""
    lines = _long_lines(mask, _RULED)
    if len(lines) < _LINES:
        return []
    centers = np.array([(start + stop) / 2 for start, stop in lines])
    steps = np.diff(centers)
    step = float(np.median(steps))
    is_even = np.abs(steps - step * np.rint(steps / step)) <= max(1.5, 0.08 * step)
    reaches = centers[-1] - centers[0] > 0.6 * len(mask)
    return lines if is_even.mean() > 0.7 and reaches else []


def _long_lines(mask: Mask, share: float) -> list[tuple[int, int]]:
    covered = np.pad(mask.mean(axis=1) >= share, 1).astype(np.int8)
    starts, stops = np.flatnonzero(np.diff(covered) == 1), np.flatnonzero(np.diff(covered) == -1)
    widest = max(4, len(mask) // 60)
    return [(a, b) for a, b in zip(starts.tolist(), stops.tolist(), strict=True) if b - a <= widest]


def _runs(mask: Mask) -> npt.NDArray[np.int64]:
    """Return for each column how many pixels are set from the first row on."""
    return np.where(mask.all(axis=0), len(mask), mask.argmin(axis=0))


def _difference(color: Pixels, other: Pixels) -> npt.NDArray[np.uint8]:
    different: npt.NDArray[np.uint8] = np.maximum(color, other) - np.minimum(color, other)
    largest: npt.NDArray[np.uint8] = different.max(axis=-1)
    return largest


def _bounding_box(mask: Mask) -> tuple[slice, slice] | None:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _is_drawing(box: tuple[slice, slice], shape: tuple[int, ...]) -> bool:
    """Return whether what is left is large enough to be what the picture shows."""
    return bool(max(piece.stop - piece.start for piece in box) >= _LEFT * max(shape[:2]))

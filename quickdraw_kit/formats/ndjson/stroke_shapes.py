"""Strokes in any of the shapes that programs write, as rows x, y and t.

==========================================  ====================================================
``[[x, x, ...], [y, y, ...], [t, ...]]``    rows, as in official files; a fourth one, pressure,
                                            is ignored
``[[x, y], [x, y, t], ...]``                points; a fourth number is ignored
``[{"x": x, "y": y, "t": t}, ...]``         points; ``time`` is another name of t
``{"x": [x, ...], "y": [y, ...]}``          rows by name
``{"points": [...]}``                       any of these
==========================================  ====================================================

The shape of all strokes decides. Two or three lists of two or three numbers can be both: then they
are rows, unless the file has other strokes that can only be points. Strokes without points say
nothing, and are dropped.
"""

from typing import Any, Literal, TypeAlias

StrokeLayout: TypeAlias = Literal["rows", "points"]

DRAWING_NAMES = ("drawing", "strokes")

_POINT_LENGTHS = (2, 3, 4)
_ROW_COUNTS = (2, 3, 4)


class ShapeError(ValueError):
    """Strokes have no known shape; the message says which."""


def strokes_to_rows(
    drawing: list[Any], *, points: bool = False
) -> tuple[list[list[list[Any]]], StrokeLayout | None, int]:
    """Return the rows of each stroke, their layout, and how many strokes without points there were.

    The layout is None if both are possible; then `points` decides.
    """
    if all(isinstance(stroke, dict) and "x" in stroke for stroke in drawing):
        named = [(n, _rows_by_name(stroke, n)) for n, stroke in enumerate(drawing, 1)]
        filled = [(n, rows) for n, rows in named if rows[0]]
        if not filled:
            raise ShapeError("the drawing has no points")
        rows = [_checked_rows(stroke, n, filled[0]) for n, stroke in filled]
        return rows, "rows", len(named) - len(filled)

    strokes = [
        stroke["points"] if isinstance(stroke, dict) and "points" in stroke else stroke
        for stroke in drawing
    ]
    kept = [
        (number, stroke)
        for number, stroke in enumerate(strokes, 1)
        if not isinstance(stroke, list) or any(item != [] for item in stroke)
    ]
    dropped = len(strokes) - len(kept)
    if not kept:
        raise ShapeError("the drawing has no points")

    if all(isinstance(stroke, list) and _is_all(stroke, dict) for _, stroke in kept):
        return [_points_to_rows(_by_name(stroke, n), n) for n, stroke in kept], "points", dropped
    for number, stroke in kept:
        if not isinstance(stroke, list) or not _is_all(stroke, list):
            raise ShapeError(f"stroke {number} is not lists x, y or x, y, t, and not points")

    layout = _layout([stroke for _, stroke in kept])
    is_points = layout == "points"
    if layout is None:
        is_points = points or any(len(stroke) == 4 for _, stroke in kept)
    if not is_points:
        return [_checked_rows(stroke, n, kept[0]) for n, stroke in kept], layout, dropped
    return [_points_to_rows(stroke, n) for n, stroke in kept], layout, dropped


def _rows_by_name(stroke: dict[str, Any], number: int) -> list[list[Any]]:
    rows = [stroke.get(name) for name in ("x", "y")]
    time = stroke.get("t", stroke.get("time"))
    rows += [] if time is None else [time]
    if not all(isinstance(row, list) for row in rows):
        raise ShapeError(f"stroke {number} has an x, y or t that is not a list")
    return rows  # type: ignore[return-value]


def _layout(strokes: list[list[list[Any]]]) -> StrokeLayout | None:
    """Return the only layout that is possible; None if both are, and rows if none is."""
    counts = {len(stroke) for stroke in strokes}
    are_rows = (
        len(counts) == 1
        and counts.issubset(_ROW_COUNTS)
        and all(len(row) == len(stroke[0]) for stroke in strokes for row in stroke)
    )
    lengths = {len(item) for stroke in strokes for item in stroke}
    are_points = len(lengths) == 1 and lengths.issubset(_POINT_LENGTHS)
    if are_rows and are_points:
        return None
    return "points" if are_points else "rows"


def _checked_rows(
    stroke: list[list[Any]], number: int, first: tuple[int, list[list[Any]]]
) -> list[list[Any]]:
    if len(stroke) not in _ROW_COUNTS:
        raise ShapeError(f"stroke {number} has {len(stroke)} rows, expected x, y or x, y, t")
    if len(stroke) != len(first[1]):
        raise ShapeError(
            f"stroke {number} has {len(stroke)} rows and stroke {first[0]} has {len(first[1])}, "
            "expected x, y or x, y, t throughout"
        )
    rows = stroke[:3]
    lengths = [len(row) for row in rows]
    if len(set(lengths)) > 1:
        named = [f"{n} {name}" for n, name in zip(lengths, "xyt", strict=False)]
        raise ShapeError(f"stroke {number} has {', '.join(named[:-1])} and {named[-1]}")
    return rows


def _points_to_rows(points: list[list[Any]], number: int) -> list[list[Any]]:
    width = len(points[0])
    if any(len(point) != width for point in points):
        raise ShapeError(f"stroke {number} has points with times and points without")
    return [[point[i] for point in points] for i in range(min(width, 3))]


def _by_name(points: list[dict[str, Any]], number: int) -> list[list[Any]]:
    """Return points as lists; times count if every point has one."""
    if any("x" not in point or "y" not in point for point in points):
        raise ShapeError(f"stroke {number} has a point without x and y")
    time = next((name for name in ("t", "time") if all(name in point for point in points)), None)
    names = ("x", "y") if time is None else ("x", "y", time)
    return [[point[name] for name in names] for point in points]


def _is_all(items: list[Any], type_: type) -> bool:
    return all(isinstance(item, type_) for item in items)

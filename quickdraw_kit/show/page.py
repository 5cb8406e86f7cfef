"""One static HTML page: text, tables and pictures in a single file.

It requests nothing from a network and runs no script (its policy forbids both), so it opens from
disk, can be mailed, and looks the same in ten years. It follows the reader's choice of light or
dark; the lightness of pictures is then inverted, and hues stay. Large pictures open at full size by
a click or the space bar: a checkbox and a CSS rule.
"""

import base64
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import floor, isfinite, log10
from numbers import Integral
from pathlib import Path
from typing import Any, TypeAlias

from quickdraw_kit.errors import UsageError
from quickdraw_kit.storage.files import atomic_write

_TYPES = {".png": "image/png", ".svg": "image/svg+xml"}
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a header; columns of numbers are aligned to the right."""

    header: Sequence[str]
    rows: Sequence[Sequence[str | int | float | None]]
    title: str = ""
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG or SVG file, which is embedded in the page."""

    path: str | os.PathLike[str]
    description: str
    caption: str = ""
    zoom: bool = False


Block: TypeAlias = str | Table | Picture


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what is below it."""

    heading: str
    blocks: Sequence[Block]


def write_page(
    path: str | os.PathLike[str], title: str, sections: Iterable[Section], *, lead: str = ""
) -> None:
    """Write a page that contains everything it shows."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("quickdraw_kit.show"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.ChainableUndefined,  # blocks differ in what they have
    )
    rendered = environment.get_template("page.html").render(
        title=title,
        lead=lead,
        policy=_POLICY,
        sections=[
            {"heading": section.heading, "blocks": [_view(block) for block in section.blocks]}
            for section in sections
        ],
    )
    with atomic_write(path) as file:
        file.write(rendered.encode("utf-8", "replace"))


def _view(block: Block) -> str | dict[str, Any]:
    """Return what the template shows of a block."""
    match block:
        case Table():
            return _table(block)
        case Picture():
            return _picture(block)
        case _:
            return block


def _table(table: Table) -> dict[str, Any]:
    width = len(table.header)
    for row in table.rows:
        if len(row) != width:
            raise UsageError(f"the row {list(row)} has {len(row)} cells, expected {width}")

    columns = [[row[column] for row in table.rows] for column in range(width)]
    decimals = [_decimals(cells) for cells in columns]
    return {
        "title": table.title,
        "folded": table.folded,
        "header": table.header,
        "cells": [[_cell(*pair) for pair in zip(row, decimals, strict=True)] for row in table.rows],
        "numeric": [
            bool(cells) and not any(isinstance(c, str) for c in cells) for cells in columns
        ],
    }


def _decimals(cells: Iterable[object]) -> int:
    """Return the number of decimals that gives the largest real number of a column four digits."""
    most = max(
        (abs(cell) for cell in cells if isinstance(cell, float) and isfinite(cell)), default=0
    )
    return min(max(3 - floor(log10(most)), 0), 8) if most else 1


def _cell(cell: object, decimals: int) -> str:
    match cell:
        case None:
            return ""
        case float():
            return f"{cell:,.{decimals}f}"
        case Integral():
            return f"{int(cell):,}"
        case _:
            return str(cell)


def _picture(picture: Picture) -> dict[str, Any]:
    path = Path(picture.path)
    media_type = _TYPES.get(path.suffix.lower())
    if media_type is None:
        raise UsageError(f"{path}: expected a picture that ends in .png or .svg")
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    return {
        "description": picture.description,
        "caption": picture.caption,
        "zoom": picture.zoom,
        "data_url": f"data:{media_type};base64,{data}",
    }

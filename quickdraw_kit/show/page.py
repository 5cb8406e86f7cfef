"""One static HTML page: text, tables and pictures in a single file.

It loads nothing from a network and runs no script (its content security policy forbids both), so
it opens from disk and can be sent by mail. In dark mode the lightness of pictures is inverted and
their hues stay. A click or the space bar shows a large picture at full size: a checkbox and a CSS
rule.
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
    """Rows below a header; columns of numbers are aligned to the right."""

    header: Sequence[str]
    rows: Sequence[Sequence[str | int | float | None]]
    title: str = ""
    folded: bool = False  # shown after a click on the title


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG or SVG file, which is embedded in the page."""

    path: str | os.PathLike[str]
    description: str  # for screen readers
    caption: str = ""
    zoom: bool = False  # a click shows it at full size


Block: TypeAlias = str | Table | Picture


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, and texts, tables and pictures below it."""

    heading: str
    blocks: Sequence[Block]


def write_page(
    path: str | os.PathLike[str], title: str, sections: Iterable[Section], *, lead: str = ""
) -> None:
    """Write a page that contains everything that it shows."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("quickdraw_kit.show"),
        autoescape=True,  # labels and file names are text, whatever they contain
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.ChainableUndefined,  # a picture has no header, a table no zoom
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
        # file names may have bytes that are not UTF-8
        file.write(rendered.encode("utf-8", "replace"))


def _view(block: Block) -> str | dict[str, Any]:
    """Return a block as the template needs it."""
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

    # numbers of a column have the same number of decimals, so that they can be compared
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
    """Return how many decimals show the largest real number of a column with four digits."""
    largest = max(
        (abs(cell) for cell in cells if isinstance(cell, float) and isfinite(cell)), default=0
    )
    return min(max(3 - floor(log10(largest)), 0), 8) if largest else 1


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
    # a data URL needs no other file
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    return {
        "description": picture.description,
        "caption": picture.caption,
        "zoom": picture.zoom,
        "data_url": f"data:{media_type};base64,{data}",
    }

"""One static HTML page: text, tables and pictures, all in one file.

It asks for nothing from a network and runs no script (its policy forbids both), so it opens from
disk, travels by mail and looks the same in ten years. It follows the reader's choice of light or
dark; pictures are then inverted in lightness and keep their hues. Large pictures open to their full
size by a click or the space bar, which is a checkbox and a rule of style.
"""

import base64
import html
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import floor, isfinite, log10
from numbers import Integral
from pathlib import Path
from typing import TypeAlias

from quickdraw_kit.errors import UsageError
from quickdraw_kit.storage.files import atomic_write

__all__ = ["Picture", "Section", "Table", "write_page"]

_TYPES = {".png": "image/png", ".svg": "image/svg+xml"}
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_CSS = """
:root { color-scheme: light dark; --paper: #fff; --ink: #222; --faint: #6b6b6b; --line: #ddd }
body { margin: 0 auto; padding: 3rem 1.5rem 5rem; max-width: 62rem; background: var(--paper);
  color: var(--ink); font: 1rem/1.55 system-ui, sans-serif }
h1 { margin: 0 0 .4rem; font-size: 1.9rem; line-height: 1.2; letter-spacing: -.01em }
h2 { margin: 3rem 0 .8rem; padding-top: .9rem; border-top: 1px solid var(--line);
  font-size: 1.2rem }
p { margin: 0 0 1rem; max-width: 44rem }
.lead { color: var(--faint) }
.wide { margin: 0 0 1.2rem; overflow-x: auto }
table { border-collapse: collapse; font-size: .93rem; font-variant-numeric: tabular-nums }
th, td { padding: .32rem 1.4rem .32rem 0; border-bottom: 1px solid var(--line); text-align: left;
  white-space: nowrap }
th { color: var(--faint); font-weight: 500 }
.n { text-align: right }
figure { margin: 0 0 1.6rem }
img { display: block; max-width: 100%; height: auto }
.zoom input { position: absolute; opacity: 0 }
.zoom span { display: block; overflow: auto; max-height: 92vh; cursor: zoom-in }
.zoom input:focus-visible ~ span { outline: 2px solid var(--faint); outline-offset: 4px }
.zoom input:checked ~ span { cursor: zoom-out; border: 1px solid var(--line) }
.zoom input:checked ~ span img { max-width: none }
summary { margin: 0 0 .8rem; color: var(--faint); cursor: pointer }
h3 { margin: 1.6rem 0 .5rem; font-size: 1rem }
figcaption { margin-top: .5rem; color: var(--faint); font-size: .9rem }
@media (prefers-color-scheme: dark) {
  :root { --paper: #171717; --ink: #e4e4e4; --faint: #9a9a9a; --line: #333 }
  img { filter: invert(.91) hue-rotate(180deg) }
}
@media print { body { max-width: none; padding: 0 } h2 { break-after: avoid } }
"""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a header; columns of numbers are set to the right."""

    header: Sequence[str]
    rows: Sequence[Sequence[str | int | float | None]]
    title: str = ""
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG or SVG file, to be put into the page."""

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
    """Write a page that holds everything it shows."""
    parts = [
        "<!doctype html>",
        '<html lang="en">',
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{_text(title)}</title>",
        f"<style>{_CSS}</style>",
        f"<h1>{_text(title)}</h1>",
    ]
    if lead:
        parts.append(f'<p class="lead">{_text(lead)}</p>')
    for section in sections:
        parts.append(f"<section>\n<h2>{_text(section.heading)}</h2>")
        parts.extend(map(_block, section.blocks))
        parts.append("</section>")
    with atomic_write(path) as file:
        file.write("\n".join([*parts, "</html>", ""]).encode("utf-8", "replace"))


def _block(block: Block) -> str:
    match block:
        case Table():
            return _table(block)
        case Picture():
            return _picture(block)
        case _:
            return f"<p>{_text(block)}</p>"


def _table(table: Table) -> str:
    width = len(table.header)
    for row in table.rows:
        if len(row) != width:
            raise UsageError(f"the row {list(row)} has {len(row)} cells, expected {width}")
    columns = [[row[column] for row in table.rows] for column in range(width)]
    numeric = [bool(cells) and not any(isinstance(c, str) for c in cells) for cells in columns]
    decimals = [_decimals(cells) for cells in columns]

    def line(cells: Iterable[object], tag: str) -> str:
        made = (
            f"<{tag}{' class=n' if right else ''}>{_cell(cell, digits)}</{tag}>"
            for cell, right, digits in zip(cells, numeric, decimals, strict=True)
        )
        return f"<tr>{''.join(made)}</tr>"

    lines = [line(table.header, "th"), *(line(row, "td") for row in table.rows)]
    made = '<div class="wide"><table>\n' + "\n".join(lines) + "\n</table></div>"
    if table.folded:
        return f"<details><summary>{_text(table.title)}</summary>\n{made}</details>"
    return f"<h3>{_text(table.title)}</h3>\n{made}" if table.title else made


def _decimals(cells: Iterable[object]) -> int:
    """Return how many decimals give the largest real of a column four digits."""
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
            return _text(str(cell))


def _picture(picture: Picture) -> str:
    path = Path(picture.path)
    kind = _TYPES.get(path.suffix.lower())
    if kind is None:
        raise UsageError(f"{path}: expected a picture that ends in .png or .svg")
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    image = f'<img src="data:{kind};base64,{data}" alt="{_text(picture.description)}">'
    if picture.zoom:
        name = _text(f"Full size: {picture.description}")
        box = f'<input type="checkbox" aria-label="{name}">'
        image = f'<label class="zoom">{box}<span>{image}</span></label>'
    caption = f"\n<figcaption>{_text(picture.caption)}</figcaption>" if picture.caption else ""
    return f"<figure>{image}{caption}</figure>"


def _text(text: str) -> str:
    return html.escape(text)

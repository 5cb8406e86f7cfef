"""Arguments that several commands share, with their completion and parsing."""

import contextlib
import json
import sys
from concurrent.futures import Executor
from pathlib import Path
from typing import Annotated, Any

import typer

from quickdraw_kit.categories import CATEGORIES
from quickdraw_kit.errors import UsageError

__all__ = [
    "Address",
    "Categories",
    "Engine",
    "Folder",
    "Json",
    "Sources",
    "SourcesOrAll",
    "Workers",
    "bounds",
    "engine",
    "names",
    "print_json",
    "shares",
]


def _complete_category(incomplete: str) -> list[str]:
    *before, last = incomplete.split(",")
    start = "".join(f"{name}," for name in before)
    return [start + name for name in CATEGORIES if name.casefold().startswith(last.casefold())]


Sources = Annotated[
    list[str],
    typer.Argument(
        help="Files, folders, globs, or categories that are downloaded.",
        autocompletion=_complete_category,
        show_default=False,
    ),
]
SourcesOrAll = Annotated[
    list[str] | None,
    typer.Argument(
        help="Files, folders, globs, addresses of these, or categories.",
        autocompletion=_complete_category,
        show_default=False,
    ),
]
Folder = Annotated[
    Path,
    typer.Argument(help="Folder of a data set.", exists=True, file_okay=False, show_default=False),
]
Categories = Annotated[
    str | None,
    typer.Option(
        "--categories",
        "-c",
        help="Only these, with commas between: 'cat,hot air balloon'.",
        autocompletion=_complete_category,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Workers = Annotated[
    int | None, typer.Option(min=1, help="Processes; as many as processors by default.")
]
Engine = Annotated[
    str,
    typer.Option(
        "--executor",
        help="Where to work: processes of this machine, or ray, whose nodes must see sources, "
        "output and QUICKDRAW_KIT_HOME under the same paths.",
    ),
]
Address = Annotated[
    str | None, typer.Option(help="Of the Ray cluster; by default RAY_ADDRESS, or a new one here.")
]


def engine(name: str, address: str | None) -> contextlib.AbstractContextManager[Executor | None]:
    """Return what ``--executor`` names, to be opened; None stands for processes.

    Examples
    --------
    >>> with engine("processes", None) as executor:
    ...     print(executor)
    None
    """
    if name == "processes" and address is None:
        return contextlib.nullcontext()
    if name != "ray":
        raise UsageError(
            f"--executor {name!r} with --address {address!r}: an address goes with ray"
            if name == "processes"
            else f"--executor {name!r}: expected processes or ray"
        )
    from quickdraw_kit.executors import ray_executor

    return ray_executor(address)


def names(text: str | None) -> tuple[str, ...] | None:
    """Split a list with commas.

    Examples
    --------
    >>> names("cat, dog")
    ('cat', 'dog')
    """
    if text is None:
        return None
    parts = tuple(part.strip() for part in text.split(",") if part.strip())
    if not parts:
        raise UsageError("an empty list of names: give at least one")
    return parts


def bounds(text: str | None, name: str) -> tuple[int, int | None]:
    """Read a range such as ``2:50``, ``2:`` or ``:50``.

    Examples
    --------
    >>> bounds("2:", "strokes")
    (2, None)
    """
    if text is None:
        return 0, None
    least, colon, most = text.partition(":")
    try:
        if not colon:
            raise ValueError
        return int(least or 0), int(most) if most else None
    except ValueError:
        raise UsageError(f"--{name} {text!r}: expected a range such as 2:50, 2: or :50") from None


def shares(text: str) -> dict[str, float]:
    """Read split shares such as ``train=0.8,validation=0.1,test=0.1``.

    Examples
    --------
    >>> shares("train=0.9,test=0.1")
    {'train': 0.9, 'test': 0.1}
    """
    try:
        pairs = [part.split("=") for part in text.split(",")]
        return {name.strip(): float(share) for name, share in pairs}
    except ValueError:
        raise UsageError(
            f"--split {text!r}: expected shares such as train=0.8,validation=0.1,test=0.1"
        ) from None


def print_json(document: Any) -> None:
    """Print a document for machines."""
    json.dump(document, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")

"""Generate the reference pages: the command line from its commands, the API from `__init__.pyi`.

``python docs/generate.py`` writes them; a test fails while they differ from what this would write.
"""

import ast
import re
from pathlib import Path

import typer
from typer.cli import get_docs_for_click
from typer.main import get_command

import quickdraw_kit
from quickdraw_kit.cli.app import app

DOCS = Path(__file__).parent
# Heading of each page, and the subpackages (or modules) whose public names it shows.
PAGES = {
    "Drawings": ("strokes", "categories", "synthetic", "trace"),
    "File formats": ("formats", "conversion"),
    "Rendering": ("raster", "show"),
    "Downloads": ("acquire", "storage"),
    "Shards": ("shards", "executors"),
    "Training": ("learn",),
    "Recipes and the page": ("recipe", "jobs", "serve"),
    "Errors": ("errors",),
}


def cli_page() -> str:
    """Return the page of all commands."""
    command = get_command(app)
    context = typer.Context(command, info_name="quickdraw-kit")
    text = get_docs_for_click(obj=command, ctx=context, name="quickdraw-kit", title="Command line")
    # examples are indented paragraphs in the help; here they are one block of code
    return re.sub(r"\nExamples:\n((?:\n {2}\S.*\n)+)", _example_block, text).rstrip() + "\n"


def _example_block(match: re.Match[str]) -> str:
    commands = [line.strip() for line in match[1].splitlines() if line.strip()]
    return "\nExamples:\n\n```console\n" + "\n".join(f"$ {line}" for line in commands) + "\n```\n"


def api_page() -> str:
    """Return the page of all public names, by subject."""
    names = public_names()
    lines = ["# Python API", "", "Everything here is imported from `quickdraw_kit`.", ""]
    for heading, packages in PAGES.items():
        lines += [f"## {heading}", ""]
        for name, module in names.items():
            if module.partition(".")[0] in packages:
                lines += [f"::: quickdraw_kit.{name}", ""]
    return "\n".join(lines).rstrip() + "\n"


def public_names() -> dict[str, str]:
    """Return each public name with its module, as `__init__.pyi` declares them."""
    stub = Path(quickdraw_kit.__file__).with_suffix(".pyi")
    return {
        alias.name: node.module or ""
        for node in ast.parse(stub.read_text("utf-8")).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


GENERATED = {"reference/cli.md": cli_page, "reference/api.md": api_page}

if __name__ == "__main__":
    for name, page in GENERATED.items():
        (DOCS / name).write_text(page(), "utf-8")

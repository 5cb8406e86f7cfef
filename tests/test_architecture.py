"""The rooms: data flows to the right, imports point to the left, and starting up is light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import quickdraw_kit

PACKAGE = Path(quickdraw_kit.__file__).parent
GROUND = ["errors", "categories", "files", "kernels"]
ROOMS = [
    "acquire",
    "strokes",
    "raster",
    "trace",
    "primer",
    "shards",
    "learn",
    "show",
    "jobs",
    "serve",
    "conversion",
    "recipe",
    "cli",
]
HEAVY = ("torch", "pandas", "pyarrow", "numba", "matplotlib")


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room_of(name: str) -> str:
    """The room of a module, from its dotted name below the package; '' for the package."""
    return name.partition(".")[0]


def imports_of(path: Path) -> set[str]:
    """Dotted names below the package that a module imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            found.add(node.module or "")
            if node.module == "quickdraw_kit":
                found.update(f"quickdraw_kit.{alias.name}" for alias in node.names)
    prefix = "quickdraw_kit."
    return {name.removeprefix(prefix) for name in found if name.startswith(prefix)}


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_left(path):
    name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    room = room_of(name)
    if room in ("__init__", "__main__"):
        return
    assert room in GROUND + ROOMS, f"{room} is a new room: give it a place in the order"
    allowed = GROUND if room in GROUND else GROUND + ROOMS[: ROOMS.index(room) + 1]
    wrong = {
        other
        for other in imports_of(path)
        if room_of(other) in GROUND + ROOMS and room_of(other) not in allowed
    }
    assert not wrong, f"{name} imports {sorted(wrong)}, to its right"


def loaded_by(code: str) -> set[str]:
    script = f"{code}\nimport sys\nsys.stderr.write('\\n'.join(sys.modules))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in run.stderr.split()}


@pytest.mark.parametrize(
    "code",
    [
        "import quickdraw_kit; quickdraw_kit.CATEGORIES",
        "from quickdraw_kit.cli.app import app",
        "import sys; from quickdraw_kit.cli import main; sys.argv = ['q', '--help']\n"
        "try: main()\nexcept SystemExit: pass",
    ],
    ids=["import", "build the command line", "--help"],
)
def test_starting_up_loads_nothing_heavy(code):
    assert not loaded_by(code).intersection(HEAVY)


def test_every_public_name_resolves():
    for name in quickdraw_kit.__all__:
        assert getattr(quickdraw_kit, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        quickdraw_kit.nothing  # noqa: B018

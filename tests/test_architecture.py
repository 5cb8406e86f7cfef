"""Imports follow the order of the packages, no module is part of a cycle, and startup is light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import quickdraw_kit

PACKAGE = Path(quickdraw_kit.__file__).parent
ORDER = [
    ("errors", "spelling", "categories", "kernels", "options"),
    ("storage",),
    ("executors",),
    ("strokes",),
    ("raster",),
    ("trace",),
    ("formats",),
    ("synthetic",),
    ("primer",),
    ("acquire",),
    ("shards",),
    ("learn",),
    ("show",),
    ("jobs",),
    ("serve",),
    ("conversion",),
    ("recipe",),
    ("cli",),
]
LEVEL = {name: level for level, names in enumerate(ORDER) for name in names}
HEAVY = ("torch", "pandas", "pyarrow", "numba", "matplotlib", "PIL")


def module_name(path: Path) -> str:
    """The dotted name below the package; an empty string for the package itself."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imports_of(name: str, modules: dict[str, Path]) -> set[str]:
    """Modules of the package that a module imports anywhere: in functions and for types too."""
    imported = set()
    for node in ast.walk(ast.parse(modules[name].read_text("utf-8"))):
        if isinstance(node, ast.Import):
            imported.update((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} has a relative import"
            imported.update((node.module or "", alias.name) for alias in node.names)

    names = set()
    for module, attribute in imported:
        package, _, rest = module.partition(".")
        if package != "quickdraw_kit":
            continue
        inner = f"{rest}.{attribute}".strip(".")
        names.add(inner if inner in modules else rest)
    return names - {"", name}


def cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Groups of modules of which each one imports, directly or not, all others."""
    reach: dict[str, set[str]] = {}
    for start in graph:
        seen, queue = set(), list(graph[start])
        while queue:
            module = queue.pop()
            if module not in seen:
                seen.add(module)
                queue += graph[module]
        reach[start] = seen
    groups = {tuple(sorted(b for b in reach[a] if a in reach[b])) for a in graph if a in reach[a]}
    return sorted(map(list, groups))


@pytest.fixture(scope="module")
def graph() -> dict[str, set[str]]:
    """What each module of the package imports."""
    return {name: imports_of(name, MODULES) for name in MODULES if name}


def test_imports_follow_the_order_of_packages(graph):
    names = {name: name.partition(".")[0] for name in graph if name != "__main__"}
    new = set(names.values()) - set(LEVEL)
    assert not new, f"new packages {sorted(new)}: give each a place in ORDER"
    wrong = [
        f"{name} imports {other}, which comes later in ORDER"
        for name, package in names.items()
        for other in sorted(graph[name])
        if LEVEL[other.partition(".")[0]] > LEVEL[package]
    ]
    assert not wrong


def test_no_import_cycle(graph):
    assert cycles(graph) == []


def test_a_cycle_through_a_function_is_found(tmp_path):
    (tmp_path / "a.py").write_text("def f():\n    from quickdraw_kit.b import g\n")
    (tmp_path / "b.py").write_text("from quickdraw_kit import a\n")
    modules = {"a": tmp_path / "a.py", "b": tmp_path / "b.py"}
    graph = {name: imports_of(name, modules) for name in modules}
    assert cycles(graph) == [["a", "b"]]


def help_of(command: str) -> str:
    arguments = ["quickdraw-kit", *command.split(), "--help"]
    return (
        f"import sys; from quickdraw_kit.cli import main; sys.argv = {arguments}\n"
        "try: main()\nexcept SystemExit: pass"
    )


STARTS = {
    "import": "import quickdraw_kit; quickdraw_kit.CATEGORIES",
    "app": "from quickdraw_kit.cli.app import app",
    "--help": help_of(""),
    "prepare": help_of("prepare"),
    "train": help_of("train"),
    "download": help_of("download"),
    "convert": help_of("convert"),
    "evaluate": help_of("evaluate"),
}


def loaded_by(starts: dict[str, str]) -> list[str]:
    """What a new process has loaded of HEAVY after each way to start, one after the other."""
    script = (
        "import sys\nseen = set()\n"
        f"for name, code in {starts}.items():\n"
        "    exec(code, {})\n"
        f"    new = {set(HEAVY)} & set(sys.modules) - seen\n"
        "    seen |= new\n"
        "    sys.stderr.writelines(f'{name} loads {module}\\n' for module in new)"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return run.stderr.splitlines()


def test_startup_loads_nothing_heavy():
    assert loaded_by(STARTS) == []
    assert loaded_by({"first": "import json", "second": "import PIL"}) == ["second loads PIL"]


def test_every_public_name_resolves():
    for name in quickdraw_kit.__all__:
        assert getattr(quickdraw_kit, name) is not None
    with pytest.raises(AttributeError, match="attribute nothing"):
        quickdraw_kit.nothing  # noqa: B018

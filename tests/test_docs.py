"""The reference pages are what the code says, and every command in the docs parses."""

import importlib.util
import inspect
import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.main import get_command

import quickdraw_kit
from quickdraw_kit.cli.app import app

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md")), *sorted(DOCS.glob("guides/*.md"))]


def generator():
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["reference/cli.md", "reference/api.md"])
def test_a_generated_page_is_up_to_date(name):
    page = generator().GENERATED[name]()
    assert (DOCS / name).read_text("utf-8") == page, "run: python docs/generate.py"


def test_every_public_name_is_on_the_api_page():
    page = (DOCS / "reference" / "api.md").read_text("utf-8")
    missing = [name for name in quickdraw_kit.__all__ if f"::: quickdraw_kit.{name}\n" not in page]
    assert not missing


def commands() -> list[tuple[str, str]]:
    """Every command of the pages, continued lines joined."""
    lines_of = []
    for page in PAGES:
        text = page.read_text("utf-8").replace("\\\n", " ")
        for line in re.findall(r"^ *(?:\$ )?(quickdraw-kit [^`|\n]*)$", text, re.MULTILINE):
            lines_of.append((page.relative_to(ROOT).as_posix(), line))
    return lines_of


@pytest.mark.parametrize(("page", "line"), commands())
def test_a_command_in_the_docs_parses(page, line):
    words = shlex.split(line, comments=True)[1:]
    command, context = get_command(app), None
    while isinstance(command, typer.core.TyperGroup) and words:
        name = words.pop(0)
        assert name in command.commands, f"{page}: no command {name}"
        command = command.commands[name]
    command.params = [param for param in command.params if not param.is_eager]
    context = typer.Context(command, info_name=command.name)
    command.parse_args(context, words)


def public_objects() -> list[tuple[str, object]]:
    """Public functions and classes, and the public methods of classes."""
    objects = []
    for name in quickdraw_kit.__all__:
        value = getattr(quickdraw_kit, name)
        if not callable(value):
            continue
        objects.append((name, value))
        if inspect.isclass(value) and not issubclass(value, Exception):
            objects += [
                (f"{name}.{attribute}", inspect.unwrap(getattr(value, attribute)))
                for attribute, member in vars(value).items()
                if not attribute.startswith("_")
                and callable(getattr(value, attribute))
                and isinstance(member, (classmethod, staticmethod)) | inspect.isfunction(member)
            ]
    return objects


OBJECTS = public_objects()


@pytest.mark.parametrize(("name", "value"), OBJECTS, ids=[name for name, _ in OBJECTS])
def test_a_public_docstring_names_every_parameter_and_has_an_example(name, value):
    text = inspect.getdoc(value) or ""
    assert text, f"{name} has no docstring"
    assert "getfixture" not in text, f"{name}: an example that nobody can paste"
    if inspect.isclass(value) and issubclass(value, Exception) and "__init__" not in vars(value):
        return  # has the parameters of its base class
    if "." not in name:
        assert ">>>" in text or "See Also" in text, f"{name} has no example"
    for parameter in inspect.signature(value).parameters.values():
        if parameter.name in ("self", "cls") or parameter.kind.name.startswith("VAR_"):
            continue
        documented = rf"(?m)^\**(\w+, )*{parameter.name}(, \w+)*( :|$)"
        assert re.search(documented, text), f"{name} does not document {parameter.name}"

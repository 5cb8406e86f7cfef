"""Options that are declared once: checked, decoded, encoded, and offered as flags."""

import dataclasses
import inspect
import math
from dataclasses import dataclass
from inspect import Parameter
from pathlib import Path
from typing import Annotated, Literal

import pytest
import typer
from typer.main import get_command

from quickdraw_kit import convert, download, evaluate, export_model, predict, prepare, train, verify
from quickdraw_kit import inspect as inspect_sources
from quickdraw_kit.cli.app import app
from quickdraw_kit.cli.options import complete_categories, takes
from quickdraw_kit.errors import UsageError
from quickdraw_kit.formats.picture_export import FolderOptions
from quickdraw_kit.formats.picture_style import PictureStyle
from quickdraw_kit.learn.config import TrainConfig
from quickdraw_kit.options import build, check, decode, encode, fields_of, flat_fields, option
from quickdraw_kit.recipe.steps import PrepareStep, ReportStep, SampleStep
from quickdraw_kit.shards.filters import Filters
from quickdraw_kit.storage.retry import RetryPolicy
from quickdraw_kit.synthetic.generator import write_sample


@dataclass(frozen=True, slots=True)
class Pen:
    width: Annotated[float, option("Width of the pen.", gt=0, le=256)] = 16.0

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, slots=True)
class Toy:
    """An option of each type."""

    name: Annotated[str, option("A name.")]
    epochs: Annotated[int, option("Passes over the data.", ge=1, group="The recipe")] = 10
    threads: Annotated[int, option("CPU threads.", ge=1)] | None = None
    rate: Annotated[float | None, option("Learning rate.", gt=0, lt=10)] = None
    format: Annotated[Literal["npy", "parquet"], option("Format of the shards.")] = "npy"
    keep: Annotated[bool, option("Keep the files.", flags=("--keep-source/--no-keep-source",))] = (
        True
    )
    quality: Annotated[bool, option("Add a column.")] = False
    words: Annotated[tuple[str, ...], option("Only these.", flags=("--words", "-w"))] = ()
    strokes: Annotated[tuple[int, int | None], option("Strokes of a drawing.")] = (0, None)
    split: Annotated[dict[str, float], option("Share of each split.")] = dataclasses.field(
        default_factory=lambda: {"train": 0.9, "test": 0.1}
    )
    out: Annotated[Path, option("A folder.")] | None = None
    salt: Annotated[str, option("Not on the command line.", cli=False)] = ""
    pen: Pen = dataclasses.field(default_factory=Pen)

    def __post_init__(self) -> None:
        check(self)
        if self.epochs == 13:
            raise UsageError("epochs and bad luck do not go together")


def test_fields_have_help_range_choices_and_flags():
    fields = {field.name: field for field in fields_of(Toy)}
    assert list(fields) == [field.name for field in dataclasses.fields(Toy)]
    assert (fields["epochs"].help, fields["epochs"].group) == (
        "Passes over the data.",
        "The recipe",
    )
    assert (fields["epochs"].range, fields["rate"].range) == ("at least 1", "over 0 and below 10")
    assert [name for name, field in fields.items() if field.optional] == ["threads", "rate", "out"]
    assert fields["rate"].type is float
    assert fields["format"].choices == ("npy", "parquet")
    assert fields["format"].range == "npy, parquet"
    assert fields["words"].flags == ("--words", "-w")
    assert fields["epochs"].flags == ("--epochs",)
    assert fields["salt"].flags == fields["pen"].flags == ()
    assert fields["split"].default == {"train": 0.9, "test": 0.1}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epochs": 0}, "epochs is 0, expected at least 1"),
        ({"threads": 0}, "threads is 0, expected at least 1"),
        ({"rate": math.nan}, "rate is nan, expected over 0 and below 10"),
        ({"rate": 10.0}, "rate is 10.0, expected over 0 and below 10"),
        ({"format": "hdf5"}, "format is 'hdf5', expected one of npy, parquet"),
    ],
)
def test_a_value_out_of_range_is_refused_by_the_api_and_by_toml_in_the_same_words(values, message):
    with pytest.raises(UsageError) as from_python:
        Toy("a", **values)
    with pytest.raises(UsageError) as from_toml:
        decode(Toy, {"name": "a", **values}, "[toy]")
    assert (str(from_python.value), str(from_toml.value)) == (message, f"[toy] {message}")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "[toy] name is missing"),
        ({"name": "a", "epcohs": 1}, "[toy] has no option 'epcohs': did you mean epochs?"),
        ({"name": 5}, "[toy] name is 5, expected a string"),
        ({"name": "a", "epochs": "ten"}, "[toy] epochs is 'ten', expected an integer"),
        ({"name": "a", "epochs": None}, "[toy] epochs is None, expected an integer"),
        ({"name": "a", "rate": "x"}, "[toy] rate is 'x', expected a number"),
        ({"name": "a", "keep": 1}, "[toy] keep is 1, expected true or false"),
        ({"name": "a", "words": "b"}, "[toy] words is 'b', expected a list of strings"),
        ({"name": "a", "strokes": [1]}, "[toy] strokes is [1], expected a list of 2"),
        ({"name": "a", "split": []}, "[toy] split is [], expected a table of numbers"),
        ({"name": "a", "out": 1}, "[toy] out is 1, expected a string"),
        ({"name": "a", "pen": 1}, "[toy] pen is 1, expected a table"),
        ({"name": "a", "pen": {"size": 1}}, "[toy] pen: has no option 'size': expected width"),
        ({"name": "a", "epochs": 13}, "[toy] epochs and bad luck do not go together"),
    ],
)
def test_messages_name_the_section_and_the_option(values, message):
    with pytest.raises(UsageError) as caught:
        decode(Toy, values, "[toy]")
    assert str(caught.value) == message


def test_what_is_encoded_is_decoded():
    toy = Toy("a", rate=1.0, words=("b",), strokes=(1, None), out=Path("folder"), pen=Pen(8.0))
    encoded = encode(toy)
    assert encoded["out"] == "folder"
    assert encoded["words"] in (["b"], ("b",))
    assert decode(Toy, encoded, "[toy]") == toy


def test_nested_options_are_flat_in_a_section():
    assert [field.name for field in flat_fields(Toy)][-2:] == ["out", "width"]
    toy = decode(Toy, {"name": "a", "width": 8}, "[toy]", flat=True)
    assert toy.pen == Pen(8.0)
    encoded = encode(toy, flat=True)
    assert encoded["width"] == 8.0
    assert decode(Toy, encoded, "[toy]", flat=True) == toy
    with pytest.raises(UsageError, match="has no option 'salt'"):
        decode(Toy, {"name": "a", "salt": "b"}, "[toy]", flat=True)
    with pytest.raises(
        UsageError, match=r"^\[toy\] width is 0.0, expected over 0 and at most 256$"
    ):
        decode(Toy, {"name": "a", "width": 0}, "[toy]", flat=True)


def test_a_whole_number_stands_for_a_real_one():
    assert decode(Toy, {"name": "a", "rate": 3}, "[toy]").rate == 3.0


@pytest.fixture(scope="module")
def toy_command():
    """A command with the options of the toy."""

    @takes("toy", Toy, words={"autocompletion": complete_categories})
    def command(source: str, *, toy: Toy, dry_run: bool = False) -> None:
        raise RuntimeError(repr((source, toy, dry_run)))

    toy_app = typer.Typer()
    toy_app.command()(command)
    return get_command(toy_app)


def run_toy(command, *arguments: str) -> str:
    with pytest.raises((RuntimeError, UsageError)) as caught:
        command(["cat.ndjson", "--name", "a", *arguments], standalone_mode=False)
    return str(caught.value)


def test_a_command_without_options_has_the_defaults_of_the_api(toy_command):
    assert run_toy(toy_command) == repr(("cat.ndjson", Toy("a"), False))


def test_a_command_takes_every_option(toy_command):
    text = (
        "--epochs 3 --threads 2 --rate 0.5 --format parquet --no-keep-source --quality "
        "-w cat,dog --strokes 2: --split train=1 --out folder --width 8"
    )
    toy = Toy(
        "a", 3, 2, 0.5, "parquet", False, True, ("cat", "dog"), (2, None), {"train": 1.0},
        Path("folder"), pen=Pen(8.0),
    )  # fmt: skip
    assert run_toy(toy_command, *text.split()) == repr(("cat.ndjson", toy, False))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--epochs", "0"), "--epochs is 0, expected at least 1"),
        (("--width", "nan"), "--width is nan, expected over 0 and at most 256"),
        (("--format", "hdf5"), "--format is 'hdf5', expected one of npy, parquet"),
        (("-w", ","), "--words is an empty list, expected at least one name"),
        (("--strokes", "two"), "--strokes 'two': expected a range such as 2:50, 2: or :50"),
        (("--epochs", "13"), "epochs and bad luck do not go together"),
    ],
)
def test_messages_of_a_command_name_the_flag(toy_command, arguments, message):
    assert run_toy(toy_command, *arguments) == message


OFFERED = [
    ("train", TrainConfig, ()),
    ("prepare", PrepareStep, ("sources",)),
    ("sample", SampleStep, ()),
    ("convert", PictureStyle, ()),
    ("convert", FolderOptions, ()),
    ("convert", Filters, ("allow_unknown_labels", "exclude_flags")),
    ("download", RetryPolicy, ()),
]


@pytest.mark.parametrize(("command", "cls", "exclude"), OFFERED)
def test_every_option_has_a_flag_with_its_default_help_and_range(command, cls, exclude):
    parameters = {
        parameter.name: parameter for parameter in get_command(app).commands[command].params
    }
    for field in flat_fields(cls):
        if field.name in exclude:
            continue
        parameter = parameters[field.name]
        flags = {flag for each in field.flags for flag in each.split("/")}
        assert flags <= {*parameter.opts, *parameter.secondary_opts}
        assert field.help.removesuffix(".") in parameter.help
        assert field.range in parameter.help
        assert field.group in (None, parameter.rich_help_panel)

    # what the command makes of no options is what the API makes of none
    defaults = {field.name: field.default for field in flat_fields(cls)}
    assert build(cls, defaults) == cls()
    for field in flat_fields(cls):
        if field.name not in exclude and isinstance(field.default, (int, float, str)):
            assert parameters[field.name].default == field.default


@pytest.mark.parametrize(("command", "cls", "exclude"), OFFERED)
def test_every_option_says_what_happens_without_it(command, cls, exclude):
    for field in flat_fields(cls):
        is_filter = field.group in ("Filters", "Sources", "Splits") or "Only" in field.help
        if field.default is None and field.name not in ("data", "out") and not is_filter:
            assert "by default" in field.help, field.name


def test_sections_of_a_recipe_have_the_names_of_the_options():
    for section, cls, exclude in (
        ("sample", SampleStep, set()),
        ("prepare", PrepareStep, set()),
        ("train", TrainConfig, {"data", "out"}),
        ("report", ReportStep, set()),
    ):
        names = {field.name for field in flat_fields(cls)} - exclude
        options = cls() if section != "prepare" else PrepareStep(sources=("drawings",))
        assert set(encode(options, flat=True)) - exclude == names
        assert decode(cls, encode(options, flat=True), f"[{section}]", flat=True) == options


@pytest.mark.parametrize(
    ("command", "function"),
    [
        ("convert", convert),
        ("download", download),
        ("evaluate", evaluate),
        ("export", export_model),
        ("inspect", inspect_sources),
        ("predict", predict),
        ("prepare", prepare),
        ("sample", write_sample),
        ("train", train),
        ("verify", verify),
    ],
)
def test_options_of_commands_have_the_defaults_of_the_function(command, function):
    defaults = {each.name: each.default for each in inspect.signature(function).parameters.values()}
    parameters = [each for each in get_command(app).commands[command].params if not each.required]
    for parameter in parameters:
        default = defaults.get(parameter.name, Parameter.empty)
        # a flag and a name on the command line, objects in Python
        if default is not Parameter.empty and parameter.name not in ("download", "executor"):
            assert parameter.default == default, parameter.name

"""Command-line options: those of options dataclasses, and those that several commands share.

`takes` turns the fields of an options dataclass into options of a command, so that flags, defaults,
ranges and help are those of the API. What is a list, a range or a table there is text here:
``cat,dog``, ``2:50``, ``train=0.9,test=0.1``.
"""

import contextlib
import dataclasses
import functools
import inspect
import json
import sys
import typing
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Executor
from pathlib import Path
from typing import Annotated, Any

import typer

from quickdraw_kit.categories import CATEGORIES
from quickdraw_kit.errors import UsageError
from quickdraw_kit.options import Field, build, flat_fields

_Command = Callable[..., Any]


def takes(
    parameter: str,
    cls: type,
    *,
    exclude: Collection[str] = (),
    group: str | None = None,
    **details: Mapping[str, Any],
) -> Callable[[_Command], _Command]:
    """Give a command an option for each field of a dataclass that has `option`.

    The command receives the dataclass as `parameter`. Fields without `option`, with ``cli=False``
    or in `exclude` keep their default. `group` is the heading of fields that have none, and
    `details` has further arguments of `typer.Option` by field, such as
    ``categories={"autocompletion": complete_categories}``.
    """
    fields = [field for field in flat_fields(cls) if field.name not in exclude]
    details = {
        field.name: {"rich_help_panel": field.group or group, **details.get(field.name, {})}
        for field in fields
    }

    def decorate(command: _Command) -> _Command:
        @functools.wraps(command)
        def with_options(**arguments: Any) -> Any:
            values = {field.name: _value_of(field, arguments.pop(field.name)) for field in fields}
            return command(**arguments, **{parameter: build(cls, values)})

        # Typer reads signatures: this one has the fields where the command has the dataclass
        parameters: list[inspect.Parameter] = []
        for each in inspect.signature(command, eval_str=True).parameters.values():
            if each.name == parameter:
                parameters += [_as_parameter(field, details[field.name]) for field in fields]
            else:
                # keyword-only, or none without a default could follow one that has a default
                parameters.append(each.replace(kind=inspect.Parameter.KEYWORD_ONLY))
        with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        with_options.__annotations__ = {each.name: each.annotation for each in parameters}
        return with_options

    return decorate


def _as_parameter(field: Field, details: Mapping[str, Any]) -> inspect.Parameter:
    """Return the parameter of a command from which Typer makes the option of a field."""
    codec = _codec(field.type)
    # Typer sees text where there is a codec, so that the default is shown as one would type it
    flags, default, type_ = field.flags, field.default, field.type if codec is None else str
    if default is dataclasses.MISSING:
        default = inspect.Parameter.empty
    elif codec is not None and default is not None:
        default = codec.format(default)
    # a flag that is on by default needs one to switch it off
    if type_ is bool and field.default is True and flags[0].count("--") == 1:
        flags = (f"{flags[0]}/--no-{flags[0].removeprefix('--')}", *flags[1:])

    help = f"{field.help.removesuffix('.')} ({field.range})." if field.range else field.help
    if field.choices:
        details = {"autocompletion": lambda: [str(choice) for choice in field.choices], **details}
    annotation: Any = Annotated[
        type_ | None if default is None or field.optional else type_,
        typer.Option(*flags, help=help, **details),
    ]
    return inspect.Parameter(
        field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )


def _value_of(field: Field, text: Any) -> Any:
    """Return the value of a field, checked, from what Typer made of the command line."""
    # of a pair such as --keep-source/--no-keep-source the first, for messages
    flag = next(part for part in field.flags[0].split("/") if part.startswith("--"))
    codec = _codec(field.type)
    if text is None:  # the option was not given, and None or an empty value is its default
        return field.default
    value = text if codec is None else codec.parse(text, flag)
    field.check(value, flag)
    return value


@dataclasses.dataclass(frozen=True, slots=True)
class _Codec:
    """How the command line spells values of a type."""

    parse: Callable[[str, str], Any]  # text and flag -> value
    format: Callable[[Any], str | None]


def _codec(type_: Any) -> _Codec | None:
    """Return how a type is spelled; None for those that Typer reads by itself."""
    origin, members = typing.get_origin(type_), typing.get_args(type_)
    if origin is dict:
        return _Codec(parse_fractions, _format_fractions)
    # tuple[str, ...] is a list of names, tuple[int, int | None] a range
    if origin is tuple and members[1:] == (...,):
        return _Codec(parse_names, lambda value: ",".join(value) or None)
    if origin is tuple:
        return _Codec(parse_range, _format_range)
    if any(typing.get_origin(member) is dict for member in members):
        # fractions or a word, as of --split
        words = [word for member in members for word in typing.get_args(member)]
        return _Codec(
            lambda text, flag: text if text in words else parse_fractions(text, flag),
            lambda value: value if isinstance(value, str) else _format_fractions(value),
        )
    # choices, which the field checks in its own words, and `str | os.PathLike[str]`
    if origin is typing.Literal or str in members:
        return _Codec(lambda text, flag: text, str)
    return None


def parse_names(text: str, flag: str) -> tuple[str, ...]:
    """Split a list such as ``cat,hot air balloon``."""
    names = tuple(part.strip() for part in text.split(",") if part.strip())
    if not names:
        raise UsageError(f"{flag} is an empty list, expected at least one name")
    return names


def parse_range(text: str, flag: str) -> tuple[int, int | None]:
    """Read a range such as ``2:50``, ``2:`` or ``:50``; both ends belong to it."""
    first, colon, last = text.partition(":")
    try:
        if not colon:
            raise ValueError
        return int(first or 0), int(last) if last else None
    except ValueError:
        raise UsageError(f"{flag} {text!r}: expected a range such as 2:50, 2: or :50") from None


def _format_range(bounds: tuple[int, int | None]) -> str | None:
    first, last = bounds
    return f"{first}:{'' if last is None else last}" if bounds != (0, None) else None


def parse_fractions(text: str, flag: str) -> dict[str, float]:
    """Read fractions such as ``train=0.8,validation=0.1,test=0.1``."""
    try:
        pairs = [part.split("=") for part in text.split(",")]
        return {name.strip(): float(fraction) for name, fraction in pairs}
    except ValueError:
        raise UsageError(
            f"{flag} {text!r}: expected fractions such as train=0.8,validation=0.1,test=0.1"
        ) from None


def _format_fractions(fractions: Mapping[str, float]) -> str:
    return ",".join(f"{name}={fraction:g}" for name, fraction in fractions.items())


def complete_list(names: Collection[str], incomplete: str) -> list[str]:
    """Complete the last name of a list with commas."""
    *before, last = incomplete.split(",")
    start = "".join(f"{name}," for name in before)
    return [start + name for name in names if name.casefold().startswith(last.casefold())]


def complete_categories(incomplete: str) -> list[str]:
    """Complete a list of categories."""
    return complete_list(CATEGORIES, incomplete)


_SOURCES = typer.Argument(
    help="Files, folders, globs, URLs of these, or categories that are downloaded.",
    autocompletion=complete_categories,
    show_default=False,
)
Sources = Annotated[list[str], _SOURCES]
SourcesOrAll = Annotated[list[str] | None, _SOURCES]
ModelPath = Annotated[
    Path, typer.Argument(help="Folder of a model, or its file.", show_default=False)
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
ExecutorName = Annotated[
    str,
    typer.Option(
        "--executor",
        help="Where to work: processes on this machine, or ray, a cluster whose nodes have the "
        "sources, the output and QUICKDRAW_KIT_HOME under the same paths.",
        autocompletion=lambda: ["processes", "ray"],
    ),
]
Address = Annotated[
    str | None,
    typer.Option(help="Address of the Ray cluster; by default RAY_ADDRESS, or a new local one."),
]


def executor_of(
    name: str, address: str | None
) -> contextlib.AbstractContextManager[Executor | None]:
    """Return a context with the executor of ``--executor``; None stands for local processes."""
    if name == "processes" and address is None:
        return contextlib.nullcontext()
    if name not in ("processes", "ray"):
        raise UsageError(f"--executor is {name!r}, expected one of processes, ray")
    if name == "processes":
        raise UsageError(f"--address {address!r} needs --executor ray")
    from quickdraw_kit.executors import ray_executor

    return ray_executor(address)


def print_json(document: Any) -> None:
    """Print a document as JSON."""
    json.dump(document, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")

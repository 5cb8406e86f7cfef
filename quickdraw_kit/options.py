"""Options, declared once: a dataclass whose fields carry help and range.

The API checks them on construction, TOML and JSON are decoded by them, and the command line is
generated from them, so that defaults, ranges and help cannot differ::

    @dataclass(frozen=True, slots=True)
    class TrainConfig:
        epochs: Annotated[int, option("Passes over the training split.", ge=1)] = 10
        threads: Annotated[int, option("CPU threads.", ge=1)] | None = None

        def __post_init__(self) -> None:
            check(self)
"""

import dataclasses
import operator
import os
import types
import typing
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec

from quickdraw_kit.errors import UsageError
from quickdraw_kit.spelling import did_you_mean

_Options = TypeVar("_Options")


def option(
    help: str,
    *,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
    group: str | None = None,
    flags: tuple[str, ...] = (),
    cli: bool = True,
) -> msgspec.Meta:
    """Describe a field: its help, its range, and how the command line shows it.

    Choices are the values of a `Literal` type. `group` is a heading of ``--help``, `flags` replace
    the flag that is made of the name, and `cli=False` keeps the field off the command line.
    """
    bounds: dict[str, Any] = {"ge": ge, "gt": gt, "le": le, "lt": lt}
    extra = {"group": group, "flags": flags, "cli": cli}
    return msgspec.Meta(**bounds, description=help, extra=extra)


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """A field of an options dataclass, as `option` describes it."""

    name: str
    type: Any  # without Annotated and None; a Literal for choices
    optional: bool  # whether None is allowed
    default: Any  # dataclasses.MISSING where there is none
    meta: msgspec.Meta | None

    @property
    def choices(self) -> tuple[Any, ...]:
        """The allowed values of a Literal; empty for other types."""
        return get_args(self.type) if get_origin(self.type) is Literal else ()

    @property
    def is_nested(self) -> bool:
        """Whether the values are options dataclasses themselves."""
        return dataclasses.is_dataclass(self.type)

    @property
    def help(self) -> str:
        """What the field means; empty without `option`."""
        return (self.meta.description if self.meta is not None else None) or ""

    @property
    def range(self) -> str:
        """The allowed values in words, such as "at least 1"; empty when all are allowed."""
        if self.choices:
            return ", ".join(map(str, self.choices))
        if self.meta is not None and self.meta.ge is not None and self.meta.le is not None:
            return f"{self.meta.ge:g} to {self.meta.le:g}"
        return " and ".join(f"{words} {bound:g}" for words, bound, _ in self._bounds())

    @property
    def flags(self) -> tuple[str, ...]:
        """The flags of the command line; empty when it does not offer the field."""
        extra = self.meta.extra if self.meta is not None else None
        if extra is None or not extra.get("cli"):
            return ()
        return extra["flags"] or (f"--{self.name.replace('_', '-')}",)

    @property
    def group(self) -> str | None:
        """The heading of ``--help`` under which the command line lists the field."""
        extra = self.meta.extra if self.meta is not None else None
        return extra.get("group") if extra is not None else None

    def check(self, value: Any, name: str | None = None) -> None:
        """Raise `UsageError` when a value is not a choice or out of range."""
        name = name or self.name
        if value is None and self.optional:
            return
        if self.choices and value not in self.choices:
            raise UsageError(f"{name} is {value!r}, expected one of {self.range}")
        # written so that NaN, which fails every comparison, is refused
        if not all(holds(value, bound) for _, bound, holds in self._bounds()):
            raise UsageError(f"{name} is {value}, expected {self.range}")

    def _bounds(self) -> list[tuple[str, Any, Any]]:
        if self.meta is None:
            return []
        bounds = [
            ("at least", self.meta.ge, operator.ge),
            ("over", self.meta.gt, operator.gt),
            ("at most", self.meta.le, operator.le),
            ("below", self.meta.lt, operator.lt),
        ]
        return [bound for bound in bounds if bound[1] is not None]


def fields_of(cls: Any) -> tuple[Field, ...]:
    """Return the fields of an options dataclass, in order."""
    return _fields_of(cls)


@cache
def _fields_of(cls: Any) -> tuple[Field, ...]:
    hints = typing.get_type_hints(cls, include_extras=True)
    fields = []
    for field in dataclasses.fields(cls):
        hint, optional, meta = hints[field.name], False, None
        # None may be outside of Annotated, as in `Annotated[int, option(...)] | None`, or inside
        for _ in range(2):
            if get_origin(hint) is Annotated:
                hint, *notes = get_args(hint)
                meta = next((note for note in notes if isinstance(note, msgspec.Meta)), meta)
            if get_origin(hint) in (Union, types.UnionType) and type(None) in get_args(hint):
                members = [member for member in get_args(hint) if member is not type(None)]
                optional = True
                hint = members[0] if len(members) == 1 else Union[tuple(members)]  # noqa: UP007

        default = field.default
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        fields.append(Field(field.name, hint, optional, default, meta))
    return tuple(fields)


def check(options: Any) -> None:
    """Raise `UsageError` for the first field that is out of range; for ``__post_init__``."""
    for field in fields_of(options.__class__):
        field.check(getattr(options, field.name))


def check_known(names: Iterable[str], known: Iterable[str], where: str) -> None:
    """Raise `UsageError` for the first name that is not known, with the nearest one that is."""
    known = list(known)
    for name in names:
        if name not in known:
            raise UsageError(f"{where} has no option {name!r}: {did_you_mean(name, known)}")


def flat_fields(cls: Any) -> tuple[Field, ...]:
    """Return the fields that commands and recipes offer, those of nested dataclasses included."""
    fields: list[Field] = []
    for field in fields_of(cls):
        if field.is_nested and field.meta is None:
            fields += flat_fields(field.type)
        elif field.flags:
            fields.append(field)
    return tuple(fields)


def build(cls: type[_Options], values: Mapping[str, Any]) -> _Options:
    """Make an options dataclass, and the nested ones, of the values of `flat_fields`."""
    arguments = {field.name: values[field.name] for field in fields_of(cls) if field.name in values}
    for field in fields_of(cls):
        if field.is_nested and field.meta is None and field.name not in values:
            names = [nested.name for nested in flat_fields(field.type)]
            if nested_values := {name: values[name] for name in names if name in values}:
                arguments[field.name] = build(field.type, nested_values)
    return cls(**arguments)


def decode(
    cls: type[_Options], values: Mapping[str, Any], where: str, *, flat: bool = False
) -> _Options:
    """Make an options dataclass of values from TOML or JSON.

    Messages begin with `where`, such as ``[train]``, and read as those of `check`:
    "[train] epochs is 0, expected at least 1". With `flat`, the names are those of `flat_fields`.
    """
    fields = {field.name: field for field in (flat_fields if flat else fields_of)(cls)}
    check_known(values, fields, where)
    for name, field in fields.items():
        if name not in values and field.default is dataclasses.MISSING:
            raise UsageError(f"{where} {name} is missing")

    arguments = {name: _convert(fields[name], value, where) for name, value in values.items()}
    try:
        return build(cls, arguments)
    except UsageError as error:
        raise UsageError(f"{where} {error}") from error


def _convert(field: Field, value: Any, where: str) -> Any:
    """Return a value of TOML or JSON as the field's type."""
    if field.is_nested and isinstance(value, Mapping):
        return decode(field.type, value, f"{where} {field.name}:")
    # TOML and JSON have strings for paths
    is_path = field.type is Path or os.PathLike[str] in get_args(field.type)
    kind = str if is_path else field.type
    try:
        value = msgspec.convert(value, kind | None if field.optional else kind)
    except msgspec.ValidationError:
        if field.choices:
            field.check(value, f"{where} {field.name}")
        expected = _describe_type(kind)
        raise UsageError(f"{where} {field.name} is {value!r}, expected {expected}") from None
    return Path(value) if field.type is Path and value is not None else value


def _describe_type(kind: Any) -> str:
    """Return a type in words, such as "a list of integers"."""
    words = {bool: "true or false", int: "an integer", float: "a number", str: "a string"}
    if kind in words:
        return words[kind]
    origin, members = get_origin(kind), get_args(kind)
    if origin is tuple and members[1:] == (...,):
        return f"a list of {_describe_type(members[0]).split()[-1]}s"
    if origin is tuple:
        return f"a list of {len(members)}"
    if origin is dict:
        return f"a table of {_describe_type(members[1]).split()[-1]}s"
    if origin in (Union, types.UnionType):
        return " or ".join(map(_describe_type, members))
    if origin is Literal:
        return "one of " + ", ".join(map(str, members))
    return "a table" if dataclasses.is_dataclass(kind) else f"a {kind.__name__}"


def encode(options: Any, *, flat: bool = False) -> dict[str, Any]:
    """Return an options dataclass as JSON and TOML can hold it; `flat` as in `decode`."""
    if not flat:
        encoded: dict[str, Any] = msgspec.to_builtins(options, enc_hook=os.fspath)
        return encoded
    values: dict[str, Any] = {}
    for field in fields_of(type(options)):
        value = getattr(options, field.name)
        if field.is_nested and field.meta is None:
            values |= encode(value, flat=True) if value is not None else {}
        elif field.flags:
            values[field.name] = msgspec.to_builtins(value, enc_hook=os.fspath)
    return values

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
import difflib
import operator
import os
import types
import typing
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec

from quickdraw_kit.errors import UsageError

__all__ = ["Field", "check", "check_known", "decode", "encode", "fields_of", "option"]

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

    def check(self, value: Any) -> None:
        """Raise `UsageError` when a value is not a choice or out of range."""
        if value is None and self.optional:
            return
        if self.choices and value not in self.choices:
            expected = ", ".join(map(str, self.choices))
            raise UsageError(f"{self.name} is {value!r}, expected one of {expected}")
        if self.meta is None:
            return
        meta = self.meta
        bounds = [
            ("at least", meta.ge, operator.ge),
            ("over", meta.gt, operator.gt),
            ("at most", meta.le, operator.le),
            ("below", meta.lt, operator.lt),
        ]
        given = [(words, bound, holds) for words, bound, holds in bounds if bound is not None]
        if not all(holds(value, bound) for _, bound, holds in given):  # not for NaN either
            expected = " and ".join(f"{words} {bound:g}" for words, bound, _ in given)
            raise UsageError(f"{self.name} is {value}, expected {expected}")


@cache
def fields_of(cls: type) -> tuple[Field, ...]:
    """Return the fields of an options dataclass, in order."""
    hints = typing.get_type_hints(cls, include_extras=True)
    fields = []
    for field in dataclasses.fields(cls):
        hint, optional, meta = hints[field.name], False, None
        # as in `Annotated[int, option(...)] | None`
        if get_origin(hint) in (Union, types.UnionType) and type(None) in get_args(hint):
            kept = [member for member in get_args(hint) if member is not type(None)]
            optional, hint = True, kept[0] if len(kept) == 1 else Union[tuple(kept)]  # noqa: UP007
        if get_origin(hint) is Annotated:
            hint, *notes = get_args(hint)
            meta = next((note for note in notes if isinstance(note, msgspec.Meta)), None)
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
    """Raise `UsageError` for a name that is not known, with the nearest one that is."""
    known = list(known)
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"expected {', '.join(known)}"
            raise UsageError(f"{where} has no option {name!r}: {hint}")


def decode(cls: type[_Options], values: Mapping[str, Any], where: str) -> _Options:
    """Make an options dataclass from TOML or JSON; `where` names the place for messages."""
    fields = {field.name: field for field in fields_of(cls)}  # type: ignore[arg-type]
    check_known(values, fields, where)

    arguments = {}
    for name, value in values.items():
        field = fields[name]
        # msgspec does not decode `str | os.PathLike[str]`; in a file, a path is a string
        is_path = any(get_origin(member) is os.PathLike for member in get_args(field.type))
        type_ = str if is_path or field.choices else field.type  # `check` names the choices
        try:
            arguments[name] = msgspec.convert(value, type_ | None if field.optional else type_)
        except msgspec.ValidationError as error:
            raise UsageError(f"{where}: {name}: {error}") from error

    try:
        return cls(**arguments)  # which checks the ranges
    except (TypeError, UsageError) as error:  # TypeError: a required field is missing
        raise UsageError(f"{where}: {error}") from error


def encode(options: Any) -> dict[str, Any]:
    """Return an options dataclass as JSON and TOML can hold it."""
    encoded: dict[str, Any] = msgspec.to_builtins(options)
    return encoded

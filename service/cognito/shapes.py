"""Shapes of input, in the words of the protocol's service model, and what a value breaks of them."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

from service.cognito.errors import WrongTypeError

NOT_NULL = "Member must not be null"
MOST_SHOWN = 256  # characters of a value
CATEGORIES = re.compile(r"\\p\{(\w)\}")


@dataclass(frozen=True, slots=True)
class Text:
    """`pattern` is the model's, for the whole value; `is_sensitive` keeps the value out of messages."""

    least: int = 0
    most: int | None = None
    pattern: str = ""
    choices: tuple[str, ...] = ()
    is_sensitive: bool = False


@dataclass(frozen=True, slots=True)
class Number:
    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""


@dataclass(frozen=True, slots=True)
class Document:
    """Any JSON object."""


@dataclass(frozen=True, slots=True)
class ListOf:
    of: "Shape"


@dataclass(frozen=True, slots=True)
class Texts:
    """An object of texts by name."""


@dataclass(frozen=True, slots=True)
class Structure:
    members: Mapping[str, "Shape"]
    required: frozenset[str] = field(default=frozenset())


T = TypeVar("T")
Shape = Text | Number | Flag | Document | ListOf | Texts | Structure


def one_of(choices: str) -> Text:
    return Text(choices=tuple(choices.split()))


class BrokenConstraint(NamedTuple):
    path: str
    shown: str | None  # the value, where it may be repeated
    rule: str

    def __str__(self) -> str:
        value = "Value" if self.shown is None else f"Value {self.shown}"
        return f"{value} at '{self.path}' failed to satisfy constraint: {self.rule}"


def without_nulls(members: Mapping[str, Any]) -> dict[str, Any]:
    """Members and map values that are null count as absent; elements of lists do not."""
    return {name: _without_nulls(one) for name, one in members.items() if one is not None}


def _without_nulls(value: object) -> object:
    if isinstance(value, dict):
        return without_nulls(value)
    return [_without_nulls(one) for one in value] if isinstance(value, list) else value


def broken(shape: Shape, value: object, path: str = "") -> Iterator[BrokenConstraint]:
    """Every constraint that the value breaks. Raises WrongTypeError for another JSON type than the shape's."""
    match shape:
        case Structure():
            yield from _in_structure(shape, _typed(value, dict), path)
        case Text():
            yield from _in_text(shape, _typed(value, str), path)
        case Number(least, most):
            yield from _in_number(_typed(value, int), least, most, path)
        case ListOf(of):
            yield from _in_list(of, _typed(value, list), path)
        case Texts():
            for one in _typed(value, dict).values():
                _typed(one, str)
        case Flag():
            _typed(value, bool)
        case Document():
            _typed(value, dict)


def _typed(value: object, wanted: type[T]) -> T:
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        raise WrongTypeError
    return value


def _in_structure(shape: Structure, value: dict[str, Any], path: str) -> Iterator[BrokenConstraint]:
    for name, member in shape.members.items():
        here = f"{path}.{_lower(name)}" if path else _lower(name)
        if name in value:
            yield from broken(member, value[name], here)
        elif name in shape.required:
            yield BrokenConstraint(here, "null", NOT_NULL)


def _in_list(of: Shape, value: list[object], path: str) -> Iterator[BrokenConstraint]:
    for place, one in enumerate(value, 1):
        here = f"{path}.{place}.member"
        if one is None:
            yield BrokenConstraint(here, "null", NOT_NULL)
        else:
            yield from broken(of, one, here)


def _in_text(shape: Text, value: str, path: str) -> Iterator[BrokenConstraint]:
    shown = None if shape.is_sensitive else f"'{value[:MOST_SHOWN]}'"
    if shape.choices and value not in shape.choices:
        yield BrokenConstraint(path, shown, f"Member must satisfy enum value set: [{', '.join(shape.choices)}]")
    if shape.pattern and not _matches(shape.pattern, value):
        yield BrokenConstraint(path, shown, f"Member must satisfy regular expression pattern: {shape.pattern}")
    if len(value) < shape.least:
        rule = f"Member must have length greater than or equal to {shape.least}"
        yield BrokenConstraint(path, shown, rule)
    if shape.most is not None and len(value) > shape.most:
        yield BrokenConstraint(path, shown, f"Member must have length less than or equal to {shape.most}")


def _in_number(value: int, least: int, most: int, path: str) -> Iterator[BrokenConstraint]:
    if value < least:
        yield BrokenConstraint(path, f"'{value}'", f"Member must have value greater than or equal to {least}")
    if value > most:
        yield BrokenConstraint(path, f"'{value}'", f"Member must have value less than or equal to {most}")


def _lower(name: str) -> str:
    """As the messages of the protocol spell a member."""
    return name[0].lower() + name[1:]


def _matches(pattern: str, value: str) -> bool:
    if categories := _categories(pattern):
        blanks = "\t\n\r " if r"\t\n\r " in pattern else ""
        return bool(value) and all(unicodedata.category(one)[0] in categories or one in blanks for one in value)
    return _compiled(pattern).fullmatch(value) is not None


@lru_cache
def _categories(pattern: str) -> frozenset[str]:
    """The Unicode categories that a pattern of them allows: Python's own expressions have none."""
    return frozenset(CATEGORIES.findall(pattern))


@lru_cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """The model's expressions are Java's, in which classes such as \\w are ASCII."""
    return re.compile(pattern, re.ASCII)

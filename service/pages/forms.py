"""Forms as browsers send them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from aiohttp import web

from service.http.request_body import read_pairs
from service.http.schema import Schema, parse

S = TypeVar("S", bound=Schema)
SECRET = frozenset({"password", "newPassword", "code", "currentPassword", "credential"})  # never shown again


class ShownFields(dict[str, str]):
    """Fields for a template: those that were not sent are empty."""

    def __missing__(self, name: str) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class Form:
    """What was sent, and what shows it again."""

    values: Mapping[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> str:
        """Without blanks around it, as people paste; empty where it was not sent."""
        return self.values.get(name, "").strip()

    def secret(self, name: str) -> str:
        """As it was typed."""
        return self.values.get(name, "")

    def as_schema(self, schema: type[S]) -> S:
        """Its own fields alone; empty ones count as missing. Raises InvalidFieldsError."""
        known = {str(one.alias) for one in schema.model_fields.values()}
        return parse(schema, {name: value for name, value in self.values.items() if name in known and value})

    @property
    def shown(self) -> ShownFields:
        """What may stand in the page again."""
        return ShownFields((name, value) for name, value in self.values.items() if name not in SECRET)


async def read(request: web.Request) -> Form:
    """Raises HttpError."""
    return Form(await read_pairs(request))


@dataclass(frozen=True, slots=True)
class Refused:
    """What a page says of a refusal: beside fields, and above them."""

    words: str
    fields: Mapping[str, str]

    def in_order_of(self, sent: Iterable[str]) -> "Refused":
        """Browsers send fields in the page's order; those that were not sent come last."""
        ordered = dict.fromkeys([*(name for name in sent if name in self.fields), *self.fields])
        return Refused(self.words, {name: self.fields[name] for name in ordered})

    @property
    def first(self) -> str:
        return next(iter(self.fields), "")


NOT_REFUSED = Refused("", {})

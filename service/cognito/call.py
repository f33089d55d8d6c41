"""One call of an operation, with the members of its body."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from service.cognito.context import COGNITO, CognitoContext
from service.domain.models import Visitor
from service.domain.services import Services
from service.http.context import visitor_of
from service.http.languages import language_of

Answer = Mapping[str, Any] | None  # members without a value are left out; None: an empty body


@dataclass(frozen=True, slots=True)
class Call:
    """`members` have the types of the operation's shape. Those that are absent read as empty."""

    operation: str
    members: Mapping[str, Any]
    context: CognitoContext
    request: web.Request

    @classmethod
    def of(cls, request: web.Request, operation: str, members: Mapping[str, Any]) -> "Call":
        return cls(operation, members, request.app[COGNITO], request)

    @property
    def visitor(self) -> Visitor:
        """Made when it is asked for: to read an address costs a sixth of a call that only looks something up."""
        return visitor_of(self.request)

    @property
    def language(self) -> str:
        """That the client asks for, of mails."""
        return language_of(self.request)

    @property
    def services(self) -> Services:
        return self.context.services

    def text(self, name: str) -> str:
        return str(self.members.get(name, ""))

    def flag(self, name: str) -> bool:
        return bool(self.members.get(name, False))

    def texts(self, name: str) -> Mapping[str, str]:
        """An object of texts by name."""
        return dict(self.members.get(name, {}))

    def items(self, name: str) -> list[Any]:
        return list(self.members.get(name, ()))

    def structure(self, name: str) -> Mapping[str, Any] | None:
        held = self.members.get(name)
        return dict(held) if held is not None else None

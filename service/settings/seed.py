"""The seed of a development environment: users, groups and clients in one file, which `TOKENHOUSE_SEED` names."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, SecretStr, ValidationError

from service.operator_errors import ConfigurationError
from service.settings.values import AppClientSecrets, ClientName, Section

VARIABLE = "TOKENHOUSE_SEED"
LEAST_SECRET = 20  # characters
RULES = {  # by the prefix of pydantic's error type
    "extra_forbidden": "a seed has no such member; README.md shows them",
    "missing": "is missing",
    "bool_": "write true or false",
    "string_": "write a text",
    "tuple_": "write a list",
    "too_short": f"write at least {LEAST_SECRET} characters",
}
OTHERWISE = "does not have the form that README.md shows"
SeedSecret = Annotated[SecretStr, Field(min_length=LEAST_SECRET)]


class SeedUser(Section):
    email: str
    password: SecretStr | None = None  # None: nobody logs in before a new one is set, by a mail
    first_name: str = ""
    last_name: str = ""
    verified: bool = True
    groups: tuple[str, ...] = ()
    claims: Mapping[str, Any] = Field(default_factory=dict)


class SeedClients(Section):
    introspection: Mapping[ClientName, SeedSecret] = Field(default_factory=dict)  # resource servers
    cognito: AppClientSecrets = Field(default_factory=dict)  # app clients


class Seed(Section):
    users: tuple[SeedUser, ...] = ()
    groups: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)  # to the addresses of its members
    clients: SeedClients = SeedClients()

    @property
    def has_passwords(self) -> bool:
        return any(user.password for user in self.users)

    @property
    def has_secrets(self) -> bool:
        return bool(self.clients.introspection) or any(self.clients.cognito.values())

    def groups_of(self, user: SeedUser) -> set[str]:
        return {*user.groups, *(name for name, members in self.groups.items() if user.email in members)}


def read_seed(file: Path) -> Seed:
    """Raises ConfigurationError with one line that names the place and the rule, never the value."""
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(
            f"{file}: {error.strerror}; name a seed: `tokenhouse seed FILE`, or {VARIABLE}"
        ) from None
    except (yaml.YAMLError, ValueError, RecursionError):  # of invalid UTF-8, invalid dates, deep nesting
        raise ConfigurationError(f"{file} is not valid YAML in UTF-8") from None
    try:
        seed = Seed.model_validate({} if values is None else values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "it"
        raise ConfigurationError(f"{file}: {place}: {_rule(first['type'], first['msg'])}") from None
    known = {user.email for user in seed.users}
    if strangers := {one for members in seed.groups.values() for one in members} - known:
        raise ConfigurationError(f"{file}: groups: members not among the users, as spelt there: {len(strangers)}")
    return seed


def _rule(kind: str, message: str) -> str:
    if kind == "value_error":  # raised by one of our validators
        return message.removeprefix("Value error, ")
    return next((rule for beginning, rule in RULES.items() if kind.startswith(beginning)), OTHERWISE)


def with_clients(values: Mapping[str, Any], clients: SeedClients) -> dict[str, Any]:
    """The values of a configuration file, with clients that it does not name itself."""
    digests = {
        name: hashlib.sha256(secret.get_secret_value().encode()).hexdigest()
        for name, secret in clients.introspection.items()
    }
    secrets = {name: secret.get_secret_value() if secret else "" for name, secret in clients.cognito.items()}
    merged = dict(values)
    for section, added in (("introspection", digests), ("cognito", secrets)):
        if added:
            held = dict(merged.get(section) or {})
            merged[section] = held | {"clients": added | dict(held.get("clients") or {})}
    return merged

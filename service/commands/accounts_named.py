"""Accounts as operators name them, and as commands show them."""

import json
from datetime import datetime
from uuid import UUID

from service.assembly.application import Application
from service.commands.frame import FAILED, complain, say
from service.domain.accounts import account_claims
from service.domain.credentials import emails
from service.domain.foreign_hashes.elsewhere import is_elsewhere
from service.domain.models import User
from service.errors import InvalidFieldsError

NOBODY = "no account has this address or id"


async def named(application: Application, text: str) -> User | None:
    """By an e-mail address in any spelling, or by the id. Says so when there is none."""
    if "@" in text:
        user = await application.backends.users.by_email(emails.for_look_up(text))
    else:
        user = await _by_id(application, text)
    if user is None:
        complain(NOBODY)
    return user


async def address_of(application: Application, text: str) -> str:
    """What names an account, as the address that calls by address take; empty for an id of nobody."""
    if "@" in text:
        return text
    user = await _by_id(application, text)
    return user.canonical_email if user else ""


async def _by_id(application: Application, text: str) -> User | None:
    try:
        return await application.backends.users.by_id(UUID(text))
    except ValueError:
        return None


def facts(user: User) -> dict[str, object]:
    """All but what is secret."""
    return {
        "id": str(user.id),
        "email": user.email,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "created_at": user.created_at.isoformat(),
        "email_verified": user.email_verified_at is not None,
        "disabled_at": _time(user.disabled_at),
        "has_password": user.has_password,
        "password_elsewhere": is_elsewhere(user.password_hash, user.canonical_email),
        "password_changed_at": user.password_changed_at.isoformat(),
        "second_factor_since": _time(user.second_factor_since),
        "groups": list(user.groups),
        "claims": account_claims.read(user.claims),
    }


def done(user: User, what: str, *, as_json: bool, **more: object) -> None:
    say(json.dumps({"id": str(user.id), "email": user.email, "done": what, **more}) if as_json else what)


def broken(error: InvalidFieldsError) -> int:
    for one in error.broken:
        complain(f"{one.field}: {one.message}")
    return FAILED


def json_or_text(value: str) -> object:
    try:
        return json.loads(value)
    except ValueError:
        return value


def _time(time: datetime | None) -> str | None:
    return time.isoformat() if time else None

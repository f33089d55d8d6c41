"""Strict parsing of our token claims: a claim of another type or shape is an error."""

import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import orjson

from service.domain.models import NO_CLAIMS, Claims, User

ID_SHAPE = re.compile(r"[A-Za-z0-9_-]{22,43}", re.ASCII)


class Use(StrEnum):
    """The `token_use` claim, which distinguishes the two kinds (RFC 8725 section 3.11)."""

    ID = "id"
    ACCESS = "access"


def read(claims: Mapping[str, Any], key_id: str, use: Use, own_client: str) -> Claims:
    """`own_client`: tokens.client_id. Raises ValueError, TypeError or KeyError for claims that no token of ours has."""
    client = claims.get("aud") if use is Use.ID else claims.get("client_id")
    return Claims(
        user_id=UUID(claims["sub"]),
        session_id=_identifier(claims["origin_jti"]),
        token_id=_identifier(claims["jti"]),
        key_id=key_id,
        issued_at=datetime.fromtimestamp(_seconds(claims["iat"]), UTC),
        expires_at=datetime.fromtimestamp(_seconds(claims["exp"]), UTC),
        email=str(claims["email"]) if use is Use.ID and claims["token_use"] == use else "",
        client_id="" if client == own_client else str(client),
    )


def chosen(user: User, names: Collection[str]) -> dict[str, Any]:
    """Of the claims that operators gave the account, those that the settings name."""
    if not names or user.claims == NO_CLAIMS:
        return {}
    held = orjson.loads(user.claims)
    return {name: held[name] for name in names if name in held}


def _seconds(value: object) -> int:
    """A NumericDate of ours: whole seconds (RFC 7519 section 2)."""
    if type(value) is not int:  # isinstance would accept a bool
        raise TypeError("not a whole number of seconds")
    return value


def _identifier(value: object) -> str:
    if not isinstance(value, str) or not ID_SHAPE.fullmatch(value):
        raise TypeError("not an identifier of ours")
    return value

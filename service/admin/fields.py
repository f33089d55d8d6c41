"""Fields of bodies that operators' programs alone send."""

import re
from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from service.broken_fields import FieldCode
from service.domain.accounts import account_claims
from service.domain.accounts.account_claims import InvalidClaimsError
from service.domain.foreign_hashes import spellings
from service.domain.foreign_hashes.phc import MOST_CHARACTERS, UnusableHashError
from service.http.fields import breach

ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
NIL = UUID(int=0)  # comes before all: what goes through every account begins behind it


def _id(value: object) -> UUID:
    if isinstance(value, str) and ID.fullmatch(value) and UUID(value) != NIL:
        return UUID(value)
    raise breach(FieldCode.INVALID_ID, "must be a UUID, and not that of zeros alone")


def _storable(value: str) -> str:
    try:
        return spellings.checked(value)
    except UnusableHashError as error:  # which quotes no more than parameters
        raise breach(FieldCode.INVALID_HASH, str(error)) from None


def _claims(value: dict[str, Any]) -> dict[str, Any]:
    try:
        account_claims.written(value)
    except InvalidClaimsError as error:
        raise breach(FieldCode.INVALID_CLAIMS, str(error)) from None
    return value


def _changes(value: dict[str, Any]) -> dict[str, Any]:
    """A claim that is removed may have a name that would not be taken today."""
    _claims(_set(value))
    for name in value:
        if "\0" in name or len(name) > MOST_CHARACTERS:
            raise breach(FieldCode.INVALID_CLAIMS, "no claim has such a name")
    return value


def _set(value: Mapping[str, Any]) -> dict[str, Any]:
    return {name: one for name, one in value.items() if one is not None}


AccountId = Annotated[UUID, BeforeValidator(_id), WithJsonSchema({"type": "string", "format": "uuid"})]
StorableHash = Annotated[
    str,
    AfterValidator(_storable),
    WithJsonSchema({"type": "string", "format": "password", "maxLength": MOST_CHARACTERS}),
]
AccountClaims = Annotated[dict[str, Any], AfterValidator(_claims), WithJsonSchema({"type": "object"})]
ClaimChanges = Annotated[dict[str, Any], AfterValidator(_changes), WithJsonSchema({"type": "object"})]

"""Claims of an account: a small JSON object that operators set, of which `tokens.claims` names what id tokens carry."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

from service.domain.accounts.attributes import HARMLESS
from service.domain.accounts.ports import Users
from service.domain.credentials import emails
from service.domain.events.security_events import Event, Events, Name, Reason
from service.settings import require_claim_name

MOST_BYTES = 1_000  # of the object; a token with more of them could outgrow what verifiers take
TOO_LARGE = f"all claims of an account together take at most {MOST_BYTES} bytes of JSON"
DEPTH = 4
EXACT = 2**53 - 1  # numbers beyond are not the same in every language

Json: TypeAlias = "str | int | bool | list[Json] | dict[str, Json]"


class InvalidClaimsError(Exception):
    """The message says which rule is broken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountClaims:
    users: Users
    events: Events

    async def change(
        self, email: str, added: Mapping[str, object], removed: Collection[str] = ()
    ) -> Mapping[str, Json] | None:
        """The account's claims after the change, None when there is no such account.

        Id tokens carry them from the next login or refresh on. Raises InvalidClaimsError.
        """
        user = await self.users.by_email(emails.for_look_up(email))
        if user is None:
            return None
        if not (added or removed):
            return read(user.claims)
        return await self.change_of(user.id, added, removed)

    async def change_of(
        self, user_id: UUID, added: Mapping[str, object], removed: Collection[str] = ()
    ) -> Mapping[str, Json]:
        """As `change`, of an account that is there."""
        changed = await self.users.change_claims(user_id, written(added), list(removed), MOST_BYTES)
        if changed is None:
            raise InvalidClaimsError(TOO_LARGE)
        self.events.emit(Event(Name.USER_UPDATED, reason=Reason.CLAIMS_CHANGED, user_id=user_id))
        return read(changed)


def read(stored: str) -> Mapping[str, Json]:
    claims: Mapping[str, Json] = json.loads(stored)
    return claims


def written(claims: Mapping[str, object]) -> str:
    """As they are stored. Raises InvalidClaimsError."""
    for name, value in claims.items():
        try:
            require_claim_name(name)
        except ValueError as error:
            raise InvalidClaimsError(f"{name}: {error}" if HARMLESS.fullmatch(name) else str(error)) from None
        _require_plain(name, value, DEPTH)
    text = json.dumps(claims, ensure_ascii=False)
    if len(text.encode()) > MOST_BYTES:
        raise InvalidClaimsError(TOO_LARGE)
    return text


def _require_plain(name: str, value: object, depth: int) -> None:
    """What Postgres keeps as it is, and every verifier reads in the same way."""
    match value:
        case bool():
            return
        case int() if abs(value) <= EXACT:
            return
        case str() if _is_text(value):
            return
        case list() if depth:
            for one in value:
                _require_plain(name, one, depth - 1)
            return
        case dict() if depth and all(isinstance(key, str) and _is_text(key) for key in value):
            for one in value.values():
                _require_plain(name, one, depth - 1)
            return
    raise InvalidClaimsError(
        f"{name}: write a text, a whole number up to 2^53, true, false, or a list or an object of these"
    )


def _is_text(value: str) -> bool:
    return "\0" not in value and not any("\ud800" <= one <= "\udfff" for one in value)

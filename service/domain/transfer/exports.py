"""Accounts that move out: a JSON object a line, which an import of the format `jsonl` takes."""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from service.domain.accounts import account_claims
from service.domain.events.audit_trail import Audit
from service.domain.events.security_events import Event, Events, Name, Reason
from service.domain.foreign_hashes.elsewhere import is_elsewhere
from service.domain.transfer.models import KeptUser
from service.domain.transfer.ports import Moves

PAGE = 1_000
OnPlace = Callable[[UUID], None]
BEFORE_ALL = UUID(int=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exports:
    moves: Moves
    events: Events
    audit: Audit

    async def run(self, *, with_hashes: bool, on_place: OnPlace = lambda _: None) -> AsyncIterator[str]:
        """Told to the audit trail before the first line is given out. Raises a store's outage.

        `on_place` gets the last id of each page.
        """
        self.events.emit(Event(Name.USERS_EXPORTED, reason=Reason.WITH_HASHES if with_hashes else Reason.NONE))
        await self.audit.write()
        place = BEFORE_ALL
        while page := await self.moves.page(place, PAGE):
            for kept in page:
                yield _line(kept, with_hashes=with_hashes)
            place = page[-1].user.id
            on_place(place)


def _line(kept: KeptUser, *, with_hashes: bool) -> str:
    user = kept.user
    written: dict[str, object] = {
        "id": str(user.id),
        "email": user.email,
        "firstName": user.first_name,
        "lastName": user.last_name,
        "createdAt": user.created_at.isoformat(),
        "emailVerifiedAt": _iso(user.email_verified_at),
        "disabled": user.disabled_at is not None,
        "groups": list(user.groups),
        "language": user.language,
        "attributes": dict(kept.attributes),
        "claims": account_claims.read(user.claims),
        "mustProveAddress": user.must_prove_address,
    }
    if user.has_password:
        if with_hashes:
            written["passwordHash"] = user.password_hash
    elif not is_elsewhere(user.password_hash, user.canonical_email):
        written["passwordHash"] = ""  # none, and no other system has one
    return json.dumps(written, ensure_ascii=False)


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None

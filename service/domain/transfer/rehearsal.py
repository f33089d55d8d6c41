"""A dry run goes the way of a real one, and adds to memory."""

from collections.abc import Collection, Sequence
from datetime import datetime
from hashlib import blake2b
from uuid import UUID

from service.domain.transfer.models import Holder, KeptUser, NewRow
from service.domain.transfer.ports import Moves


class Rehearsal:
    """The store as it would be, had the file been imported so far. It takes some two hundred bytes an account."""

    def __init__(self, moves: Moves) -> None:
        self._moves = moves
        self._ids: dict[bytes, bytes] = {}  # of addresses, by their digests, with the spelling where it is another one
        self._taken: set[bytes] = set()  # ids

    async def add(self, rows: Sequence[NewRow]) -> Collection[UUID]:
        at = min(row.user.password_changed_at for row in rows)
        given_up = set(await self._moves.given_up([row.user.canonical_email for row in rows], at))
        added = [row.user for row in rows if row.user.canonical_email not in given_up]
        for user in added:
            spelling = "" if user.email == user.canonical_email else user.email
            self._ids[_digest(user.canonical_email)] = user.id.bytes + spelling.encode()
            self._taken.add(user.id.bytes)
        return {user.id for user in added}

    async def holders(self, canonical_emails: Sequence[str], ids: Sequence[UUID]) -> Sequence[Holder]:
        held = await self._moves.holders(canonical_emails, ids)
        found = [(one, packed) for one in canonical_emails if (packed := self._ids.get(_digest(one)))]
        return [
            *held,
            *(Holder(UUID(bytes=packed[:16]), packed[16:].decode() or one, one) for one, packed in found),
            *(Holder(one, "", "") for one in ids if one.bytes in self._taken),
        ]

    async def given_up(self, canonical_emails: Sequence[str], at: datetime) -> Collection[str]:
        return await self._moves.given_up(canonical_emails, at)

    async def page(self, after: UUID, limit: int) -> Sequence[KeptUser]:
        return await self._moves.page(after, limit)


def _digest(canonical_email: str) -> bytes:
    return blake2b(canonical_email.encode(), digest_size=16).digest()

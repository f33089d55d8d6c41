"""What operators' programs see of a whole installation, and do to it: audit trail, keys, everybody's sessions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from service.domain.events.audit_trail import BEGINNING, AuditTrail, Entry, Place
from service.domain.events.security_events import Events, Name, acting
from service.domain.operations.key_compromise import NotDeniedYetError
from service.domain.operations.mass_revocation import MassRevocation, RevokedCounts
from service.domain.sessions.ports import UserLookup
from service.domain.signing.key_rotation import KeyRotation
from service.domain.signing.key_states import KeyState
from service.domain.signing.models import StoredKey
from service.errors import NotConfiguredError, UnavailableError

SIFTED = 1_000  # events of a user that are looked at for those of one name


class TrailPage(NamedTuple):
    """Of one user and one name, it may have fewer entries than were asked for, and yet another behind it."""

    entries: Sequence[Entry]
    next: Place | None  # where the page behind it begins


@dataclass(frozen=True, slots=True, kw_only=True)
class Oversight:
    trail: AuditTrail
    is_audited: bool
    users: UserLookup
    key_rotation: KeyRotation
    mass_revocation: MassRevocation
    events: Events

    async def audit(
        self, user_id: UUID | None, name: Name | None, since: datetime, limit: int, behind: Place = BEGINNING
    ) -> TrailPage:
        """The newest first. Of a user also the attempts to log in at the address that the account has now.

        Raises NotConfiguredError where no trail is kept.
        """
        if not self.is_audited:
            raise NotConfiguredError
        if user_id is not None:
            return await self._of_user(user_id, name, since, limit, behind)
        if name is not None:
            return _page(await self.trail.of_name(name, since, limit, behind), limit)
        return _page(await self.trail.latest(since, limit, behind), limit)

    async def _of_user(self, user_id: UUID, name: Name | None, since: datetime, limit: int, behind: Place) -> TrailPage:
        user = await self.users.by_id(user_id)
        account = self.events.account(user.canonical_email) if user else ""
        if name is None:
            return _page(await self.trail.of_user(user_id, account, since, limit, behind), limit)
        read = await self.trail.of_user(user_id, account, since, SIFTED, behind)
        found = [one for one in read if one.event.name is name]
        return _page(found[:limit], limit) if len(found) >= limit else TrailPage(found, _page(read, SIFTED).next)

    async def keys(self) -> list[tuple[StoredKey, KeyState]]:
        return await self.key_rotation.all()

    async def rotate_keys(self, actor: str) -> StoredKey:
        """The key that signs next, as soon as every verifier has heard of it."""
        with acting(actor):
            return await self.key_rotation.rotate()

    async def end_everybodys_sessions(self, actor: str) -> RevokedCounts:
        """May be asked for again at any time. Raises UnavailableError: some may not have ended yet."""
        with acting(actor):
            try:
                return await self.mass_revocation.run()
            except NotDeniedYetError:
                raise UnavailableError from None


def _page(entries: Sequence[Entry], limit: int) -> TrailPage:
    return TrailPage(entries, Place(entries[-1].at, entries[-1].id) if len(entries) == limit else None)

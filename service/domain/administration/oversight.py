"""What operators' programs see of a whole installation, and do to it: audit trail, keys, everybody's sessions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from service.domain.events.audit_trail import BEGINNING, AuditTrail, Entry, Place
from service.domain.events.security_events import Events, acting
from service.domain.operations.key_compromise import NotDeniedYetError
from service.domain.operations.mass_revocation import MassRevocation, RevokedCounts
from service.domain.sessions.ports import UserLookup
from service.domain.signing.key_rotation import KeyRotation
from service.domain.signing.key_states import KeyState
from service.domain.signing.models import StoredKey
from service.errors import NotConfiguredError, UnavailableError


@dataclass(frozen=True, slots=True, kw_only=True)
class Oversight:
    trail: AuditTrail
    is_audited: bool
    users: UserLookup
    key_rotation: KeyRotation
    mass_revocation: MassRevocation
    events: Events

    async def audit(
        self, user_id: UUID | None, since: datetime, limit: int, behind: Place = BEGINNING
    ) -> Sequence[Entry]:
        """The newest first. Of a user also the attempts to log in at the address that the account has now.

        Raises NotConfiguredError where no trail is kept.
        """
        if not self.is_audited:
            raise NotConfiguredError
        if user_id is None:
            return await self.trail.latest(since, limit, behind)
        user = await self.users.by_id(user_id)
        account = self.events.account(user.canonical_email) if user else ""
        return await self.trail.of_user(user_id, account, since, limit, behind)

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

"""Revocation of every session of every user, for use after a breach."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from service.domain.events.security_events import Event, Events, Name, Reason
from service.domain.operations.key_compromise import KeyCompromise
from service.domain.operations.ports import AllSessions
from service.domain.sessions.models import EndedSession
from service.domain.sessions.ports import RefreshSessions, Revocations
from service.domain.signing.key_rotation import KeyRotation
from service.domain.signing.key_states import KeyState
from service.settings import TokenSettings


class RevokedCounts(NamedTuple):
    """How many recorded sessions, and how many keys with all tokens signed by them, were revoked."""

    sessions: int
    keys: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MassRevocation:
    """Tokens are revoked through their keys, which takes a handful of entries for any number of sessions."""

    all_sessions: AllSessions
    revocations: Revocations
    refresh_sessions: RefreshSessions
    key_rotation: KeyRotation
    compromise: KeyCompromise
    settings: TokenSettings
    events: Events

    async def run(self, on_ended: Callable[[int], None] = lambda _: None) -> RevokedCounts:
        """Returns what was revoked. May be run again at any time.

        Refresh tokens go first, so that none can obtain a token of the successor keys. Each session is recorded in
        Postgres, so that an old snapshot of Redis cannot restore it. `on_ended` gets how many so far. Raises the
        stores' outages, or NotDeniedYetError.
        """
        count = 0
        async for page in self.all_sessions.pages():
            ended = [EndedSession(one, user) for one, user in sorted(page)]
            await self.revocations.add(ended, timedelta(0), self.settings.refresh_lifetime)
            await self.refresh_sessions.remove(ended)
            count += len(ended)
            on_ended(count)
        keys = [(key.kid, state) for key, state in await self.key_rotation.all() if state is not KeyState.GONE]
        active_last = sorted(keys, key=lambda one: one[1] is KeyState.ACTIVE)  # its successor is then a new key
        for kid, _ in active_last:
            await self.compromise.revoke(kid)
        self.events.emit(Event(Name.ENDED, reason=Reason.EVERYBODY, source=""))
        return RevokedCounts(count, len(keys))

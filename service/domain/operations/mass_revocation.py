"""Ending every session of everybody: when nobody can tell any more which tokens are in good hands."""

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
    """How many sessions were on record, and how many keys died with every token that they had signed."""

    sessions: int
    keys: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MassRevocation:
    """The tokens die with their keys, which takes a handful of entries for any number of sessions."""

    all_sessions: AllSessions
    revocations: Revocations
    refresh_sessions: RefreshSessions
    key_rotation: KeyRotation
    compromise: KeyCompromise
    settings: TokenSettings
    events: Events

    async def run(self) -> RevokedCounts:
        """What was ended. May be run again at any time.

        Refresh tokens go first, so that none can fetch a token of the keys that follow. Postgres remembers each
        session, lest an old snapshot of Redis bring it back. Raises the stores' outages, or NotDeniedYetError.
        """
        count = 0
        async for page in self.all_sessions.pages():
            ended = [EndedSession(one, user) for one, user in sorted(page)]
            await self.revocations.add(ended, timedelta(0), self.settings.refresh_lifetime)
            await self.refresh_sessions.remove(ended)
            count += len(ended)
        keys = [(key.kid, state) for key, state in await self.key_rotation.all() if state is not KeyState.GONE]
        for kid, _ in sorted(
            keys, key=lambda one: one[1] is KeyState.ACTIVE
        ):  # so that the active one never signs alone
            await self.compromise.revoke(kid)
        self.events.emit(Event(Name.ENDED, reason=Reason.EVERYBODY, source=""))
        return RevokedCounts(count, len(keys))

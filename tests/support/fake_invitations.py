"""Invitations, in memory."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from service.domain.accounts.models import Invitation
from tests.support.fakes import FakeUsers


class FakeInvitations:
    def __init__(self, users: FakeUsers) -> None:
        self._users = users

    async def add(self, invitation: Invitation) -> None:
        self._users.invitations[invitation.id] = invitation

    async def find(self, invitation_id: UUID, now: datetime) -> Invitation | None:
        found = self._users.invitations.get(invitation_id)
        return found if found and found.expires_at > now else None

    async def latest(self, now: datetime, limit: int) -> Sequence[Invitation]:
        good = [one for one in self._users.invitations.values() if one.expires_at > now]
        return sorted(sorted(good, key=lambda one: one.id), key=lambda one: one.created_at, reverse=True)[:limit]

    async def remove(self, invitation_id: UUID) -> bool:
        return self._users.invitations.pop(invitation_id, None) is not None

    async def delete_expired(self, before: datetime) -> None:
        for one in [one for one in self._users.invitations.values() if one.expires_at <= before]:
            del self._users.invitations[one.id]

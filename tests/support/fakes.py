"""The Postgres stores, kept in memory. The Redis stores need no fakes of their own: they run on fakeredis."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Container, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from service.ambient import Ambient
from service.domain.accounts.groups import size_of
from service.domain.accounts.models import Invitation
from service.domain.events.audit_trail import BEGINNING, Entry, EventCount, EventCounts, Place
from service.domain.events.security_events import Name
from service.domain.models import User
from service.domain.operations.models import Resealing, Sealed
from service.domain.resource_servers.models import FeedPage, FeedPosition
from service.domain.sessions.models import EndedSession, PendingRevocation, Revocation
from service.domain.signing.models import StoredKey
from service.errors import EmailTakenError, IdTakenError, InvalidInvitationError, InvalidTokenError
from service.faults import Fault


def changed_claims(stored: str, added: str, removed: Sequence[str]) -> str:
    held = json.loads(stored) | json.loads(added)
    left = [name for name in held if name not in removed]
    return json.dumps({name: held[name] for name in sorted(left, key=_in_jsonb)}, ensure_ascii=False)


class FakeUsers:
    def __init__(self, pending: "FakePendingRevocations | None" = None) -> None:
        self.pending = pending or FakePendingRevocations(Ambient())
        self.rows: dict[UUID, User] = {}
        self.digests: dict[bytes, UUID] = {}
        self.earlier: dict[bytes, tuple[UUID, datetime]] = {}
        self.attributes: dict[UUID, dict[str, str]] = {}  # see FakeProfiles
        self.invitations: dict[UUID, Invitation] = {}  # see FakeInvitations
        self.ended: Container[str] = ()  # sessions
        self.is_reserved: Callable[[str, datetime], bool] = lambda _, __: False  # see FakeEmailChanges
        self.after_password: Callable[[UUID], None] = lambda _: None  # as above

    async def add(
        self,
        user: User,
        api_key_digest: bytes,
        attributes: Mapping[str, str] | None = None,
        invitation_id: UUID | None = None,
    ) -> None:
        if self.is_reserved(user.canonical_email, user.created_at):
            raise EmailTakenError
        if invitation_id:
            self.require_invitation(invitation_id, user)
        if await self.by_email(user.canonical_email):
            raise EmailTakenError
        if user.id in self.rows:
            raise IdTakenError
        if invitation_id:
            self.invitations.pop(invitation_id)
        self.rows[user.id] = user
        self.digests[api_key_digest] = user.id
        self.attributes[user.id] = dict(attributes or {})

    def require_invitation(self, invitation_id: UUID, user: User) -> None:
        """Raises InvalidInvitationError."""
        one = self.invitations.get(invitation_id)
        if one is None or one.expires_at <= user.created_at or one.canonical_email not in ("", user.canonical_email):
            raise InvalidInvitationError

    async def by_email(self, canonical_email: str) -> User | None:
        return next((user for user in self.rows.values() if user.canonical_email == canonical_email), None)

    async def by_id(self, user_id: UUID) -> User | None:
        return self.rows.get(user_id)

    async def by_api_key(self, digests: Sequence[bytes], now: datetime) -> User | None:
        for digest in digests:
            if digest in self.digests:
                return self.rows.get(self.digests[digest])
            if digest in self.earlier and self.earlier[digest][1] > now:
                return self.rows.get(self.earlier[digest][0])
        return None

    def require_good(self, user_id: UUID, session_id: str) -> None:
        """Raises InvalidTokenError when the session is over, or being ended."""
        is_ending = any(one.user_id == user_id and one.kept_session != session_id for one in self.pending.rows.values())
        if session_id and (is_ending or session_id in self.ended):
            raise InvalidTokenError(Fault.REVOKED, user_id=user_id, session_id=session_id)

    async def set_api_key(
        self, user_id: UUID, sealed: bytes, digest: bytes, earlier_until: datetime | None, *, session_id: str
    ) -> None:
        self.require_good(user_id, session_id)
        self.earlier = {old: held for old, held in self.earlier.items() if held[0] != user_id}
        for old in [old for old, held in self.digests.items() if held == user_id]:
            del self.digests[old]
            if earlier_until:
                self.earlier[old] = user_id, earlier_until
        self.digests[digest] = user_id
        self.rows[user_id] = replace(self.rows[user_id], api_key_sealed=sealed)

    async def set_password(self, before: User, password_hash: str, ending: PendingRevocation) -> bool:
        row = self.rows.get(before.id)
        at = ending.password_changed_at
        if row is None or row.password_changed_at != before.password_changed_at or at is None:
            return False
        self.rows[before.id] = replace(row, password_hash=password_hash, password_changed_at=at)
        self.after_password(before.id)
        await self.pending.add(ending)
        return True

    async def remove(self, ending: PendingRevocation) -> None:
        self.rows.pop(ending.user_id, None)
        await self.pending.add(ending)

    async def upgrade_password(self, user_id: UUID, old_hash: str, new_hash: str) -> None:
        row = self.rows.get(user_id)
        if row and row.password_hash == old_hash:
            self.rows[user_id] = replace(row, password_hash=new_hash)

    async def disable(self, at: datetime, ending: PendingRevocation) -> None:
        if row := self.rows.get(ending.user_id):
            self.rows[ending.user_id] = replace(row, disabled_at=at)
        await self.pending.add(ending)

    async def enable(self, user_id: UUID) -> None:
        self.rows[user_id] = replace(self.rows[user_id], disabled_at=None)

    async def set_names(self, user_id: UUID, first_name: str | None, last_name: str | None) -> User | None:
        row = self.rows.get(user_id)
        if row is None or row.disabled_at:
            return None
        self.rows[user_id] = replace(row, first_name=first_name or row.first_name, last_name=last_name or row.last_name)
        return self.rows[user_id]

    async def change_groups(
        self, user_id: UUID, added: Sequence[str], removed: Sequence[str], most: int, most_bytes: int
    ) -> Sequence[str] | None:
        row = self.rows.get(user_id)
        groups = tuple(sorted({*(row.groups if row else ()), *added} - {*removed}))
        if row is None or len(groups) > most or size_of(groups) > max(most_bytes, size_of(row.groups)):
            return None
        self.rows[user_id] = replace(row, groups=groups)
        return groups

    async def change_claims(self, user_id: UUID, added: str, removed: Sequence[str], most: int) -> str | None:
        row = self.rows.get(user_id)
        if row is None:
            return None
        text = changed_claims(row.claims, added, removed)
        if len(text.encode()) > most:
            return None
        self.rows[user_id] = replace(row, claims=text)
        return text

    async def sealed_api_keys(self, after: UUID, limit: int) -> Sequence[Sealed]:
        found = sorted((user for user in self.rows.values() if user.id > after), key=lambda user: user.id)
        return [Sealed(user.id, user.api_key_sealed) for user in found[:limit]]

    async def reseal_api_keys(self, resealings: Sequence[Resealing]) -> int:
        count = 0
        for one in resealings:
            row = self.rows.get(one.user_id)
            if row and row.api_key_sealed == one.before:
                self.digests = {old: held for old, held in self.digests.items() if held != one.user_id}
                self.digests[one.digest] = one.user_id
                self.rows[one.user_id] = replace(row, api_key_sealed=one.sealed)
                count += 1
        return count


def _in_jsonb(name: str) -> tuple[int, bytes]:
    """The order of members there."""
    return len(name.encode()), name.encode()


class FakeSigningKeys:
    def __init__(self, *keys: StoredKey) -> None:
        self.keys = list(keys)

    async def all(self) -> Sequence[StoredKey]:
        return sorted(self.keys, key=lambda key: key.created_at, reverse=True)

    async def add_first(self, *keys: StoredKey) -> None:
        if not self.keys:
            self.keys.extend(keys)

    async def change(self, decide: Callable[[Sequence[StoredKey]], Sequence[StoredKey]]) -> None:
        changed = {key.kid: key for key in decide(await self.all())}
        self.keys = [changed.pop(key.kid, key) for key in self.keys] + list(changed.values())

    async def remove(self, kids: Sequence[str]) -> None:
        self.keys = [key for key in self.keys if key.kid not in kids]


class FakePendingRevocations:
    def __init__(self, ambient: Ambient) -> None:
        self._ambient = ambient
        self.rows: dict[UUID, PendingRevocation] = {}
        self.due: dict[UUID, datetime] = {}

    async def add(self, ending: PendingRevocation) -> None:
        self.rows[ending.id] = replace(ending, asked_at=self._ambient.now())
        self.due[ending.id] = self._ambient.now() + timedelta(seconds=3)

    async def remove(self, ending_id: UUID) -> None:
        self.rows.pop(ending_id, None)

    async def take_over(self) -> Sequence[PendingRevocation]:
        now = self._ambient.now()
        found = [one for one in self.rows.values() if self.due[one.id] <= now]
        self.due.update({one.id: now + timedelta(seconds=3) for one in found})
        return found


class FakeLifetimes:
    def __init__(self, ambient: Ambient) -> None:
        self._ambient = ambient
        self.rows: dict[tuple[timedelta, timedelta], datetime] = {}

    async def use(self, token_life: timedelta, session_life: timedelta) -> timedelta:
        now = self._ambient.now()
        self.rows = {lifetimes: used for lifetimes, used in self.rows.items() if used + max(lifetimes) >= now}
        self.rows[token_life, session_life] = now + timedelta(hours=1)
        return max(token for (token, _), used in self.rows.items() if used + token > now)


class FakeRevocations:
    def __init__(self, ambient: Ambient, lifetimes: FakeLifetimes | None = None) -> None:
        self._ambient = ambient
        self._lifetimes = lifetimes or FakeLifetimes(ambient)
        self.rows: dict[str, Revocation] = {}
        self.entered: dict[str, int] = {}  # by which transaction
        self.transactions = 1
        self.timeline = 1

    async def add(self, sessions: Sequence[EndedSession], token_life: timedelta, session_life: timedelta) -> timedelta:
        now = self._ambient.now()
        earlier = [(min(used, now), token, session) for (token, session), used in self._lifetimes.rows.items()]
        slack = timedelta(minutes=1)
        denied_until = max([now + token_life, *(used + token + slack for used, token, _ in earlier)])
        if not token_life:
            denied_until = now
        forget_at = max([denied_until, now + session_life, *(used + session for used, _, session in earlier)])
        for one in sessions:
            self.rows.setdefault(one.session_id, Revocation(one.session_id, one.user_id, denied_until, forget_at))
            self.entered.setdefault(one.session_id, self.transactions)
        self.transactions += 1
        return denied_until - now

    async def after(self, place: FeedPosition, limit: int) -> FeedPage:
        now = self._ambient.now()
        placed = sorted((FeedPosition(self.entered[one.session_id], one.session_id), one) for one in self.rows.values())
        found = [(here, one.denied_until) for here, one in placed if here > place and one.denied_until > now]
        return FeedPage(found[:limit], FeedPosition(self.transactions), self.timeline)

    async def has(self, session_id: str) -> bool:
        return session_id in self.rows

    async def delete_expired(self) -> None:
        self.rows = {key: one for key, one in self.rows.items() if one.forget_at > self._ambient.now()}

    async def of_user(self, user_id: UUID, after: str, limit: int) -> Sequence[Revocation]:
        found = [one for one in self.rows.values() if one.user_id == user_id and one.session_id > after]
        return sorted(found, key=lambda one: one.session_id)[:limit]

    @asynccontextmanager
    async def recall(self) -> AsyncIterator[Callable[[], Awaitable[Mapping[str, timedelta]]]]:
        yield self._denied

    async def _denied(self) -> Mapping[str, timedelta]:
        now = self._ambient.now()
        return {one.session_id: one.denied_until - now for one in self.rows.values() if one.denied_until > now}


class FakeAuditTrail:
    def __init__(self) -> None:
        self.rows: dict[UUID, Entry] = {}

    async def add(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            self.rows.setdefault(entry.id, entry)

    async def latest(self, since: datetime, limit: int, behind: Place = BEGINNING) -> Sequence[Entry]:
        found = [one for one in self.rows.values() if one.at >= since and _order(one) > _order(behind)]
        return sorted(found, key=_order)[:limit]

    async def of_name(self, name: Name, since: datetime, limit: int, behind: Place = BEGINNING) -> Sequence[Entry]:
        found = await self.latest(since, len(self.rows), behind)
        return [one for one in found if one.event.name is name][:limit]

    async def of_user(
        self, user_id: UUID | None, account: str, since: datetime, limit: int, behind: Place = BEGINNING
    ) -> Sequence[Entry]:
        found = await self.latest(since, len(self.rows), behind)
        return [one for one in found if _is_about(one, user_id, account)][:limit]

    async def counts(self, since: datetime, most: int) -> EventCounts:
        newest = await self.latest(since, most)
        found = Counter(
            (str(one.event.name), str(one.event.outcome), str(one.event.reason), (one.at - since) // timedelta(hours=1))
            for one in newest
        )
        counts = [EventCount(*key, count) for key, count in found.items()]
        return EventCounts(counts, since if len(newest) < most else newest[-1].at)

    async def delete_expired(self, before: datetime) -> None:
        self.rows = {key: entry for key, entry in self.rows.items() if entry.at >= before}


def _order(one: Entry | Place) -> tuple[timedelta, UUID]:
    return BEGINNING.at - one.at, one.id


def _is_about(entry: Entry, user_id: UUID | None, account: str) -> bool:
    event = entry.event
    return (user_id is not None and event.user_id == user_id) or (account != "" and event.account == account)

"""Lazy migration: whoever has no password here logs in with that of the system before this one, which is asked once.

It is asked about addresses without an account and accounts that were imported without a hash, never about others: the
old system sees no password of an account that has one here. What is right there becomes a hash of ours.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog

from service.ambient import Ambient
from service.domain.credentials.api_keys import ApiKeys
from service.domain.events.audit_trail import Audit
from service.domain.events.security_events import Event, Events, Name, Reason
from service.domain.foreign_hashes.elsewhere import is_elsewhere
from service.domain.limits.attempt import Attempt
from service.domain.models import User
from service.domain.passwords.passwords import Passwords
from service.domain.passwords.policy import MAX_TYPED
from service.domain.sessions.models import AskCounts, AskOutcome, Judged, Typed
from service.domain.sessions.ports import UserLookup
from service.domain.srp.verifiers import Verifiers
from service.domain.transfer.checks import check
from service.domain.transfer.models import MovedUser, NewRow, RefusedRecordError
from service.domain.transfer.old_answers import OldAnswers
from service.domain.transfer.ports import Moves, NoOldAnswerError, OldSystem

log = structlog.get_logger(__name__)
SLACK = timedelta(milliseconds=100)  # a question that was given up is cleared away in it


@dataclass(frozen=True, slots=True, kw_only=True)
class LazyMigration:
    """Every failed login is answered at the same time after its hash, known or not, asked about or not: the longest
    that a question may take. So the time tells nobody which addresses have an account, here or there.
    """

    answers: OldAnswers
    old_system: OldSystem
    users: UserLookup
    moves: Moves
    audit: Audit
    passwords: Passwords
    verifiers: Verifiers
    api_keys: ApiKeys
    timeout: timedelta
    ambient: Ambient
    events: Events
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    @property
    def counts(self) -> AskCounts:
        return self.answers.counts

    async def judge(self, typed: Typed, user: User | None, attempt: Attempt, *, same: bool) -> Judged:
        """Holds no place in the hash queue and no connection while it asks or waits."""
        judged = Judged(user, same=same)
        if judged.is_good:
            return judged
        answer_at = self.ambient.monotonic() + (self.timeout + SLACK).total_seconds()
        if _may_ask(typed, user):
            judged = await self._asked(typed, user, attempt)
        if not judged.is_good:
            with attempt.failing():
                await self.sleep(max(0.0, answer_at - self.ambient.monotonic()))
        return judged

    async def why_unreachable(self) -> str:
        """For the operator; empty if the old system can be connected to. Nothing is asked."""
        try:
            await self.old_system.check()
        except NoOldAnswerError as error:
            return str(error)
        return ""

    async def _asked(self, typed: Typed, user: User | None, attempt: Attempt) -> Judged:
        email = user.email if user else typed.email.strip()
        with attempt.failing():
            answer = await self.answers.ask(email, typed.canonical_email, typed.password, typed.visitor)
        if isinstance(answer, Reason):
            return Judged(user, same=False, why=answer)
        if user:
            self.answers.count_right()
            return Judged(await self._keep_password(typed, user), same=True)
        return await self._take_in(typed, answer)

    async def _keep_password(self, typed: Typed, user: User) -> User:
        """Nothing else of the answer counts. A password that was set meanwhile stays, and ends this login later on."""
        making = self.verifiers.make(user.id, typed.password)
        with self.passwords.reserve(typed.visitor, typed.canonical_email) as place:
            made = await self.passwords.hash(typed.password, place, making)
        await self.users.upgrade_password(user.id, user.password_hash, made)
        await self.verifiers.keep(making, user.password_changed_at)
        self.events.emit(Event(Name.USER_UPDATED, reason=Reason.MIGRATED, user_id=user.id))
        return user

    async def _take_in(self, typed: Typed, moved: MovedUser) -> Judged:
        try:
            checked = check(0, moved, self.ambient)
        except RefusedRecordError as refused:
            why = self.answers.failed(AskOutcome.BAD_ANSWER, f"its answer is not taken: {refused}")
            return Judged(None, same=False, why=why)
        self.answers.count_right()
        making = self.verifiers.make(checked.user.id, typed.password)
        with self.passwords.reserve(typed.visitor, typed.canonical_email) as place:
            made = await self.passwords.hash(typed.password, place, making)
        _, sealed, digest = self.api_keys.make(checked.user.id)
        user = replace(checked.user, password_hash=made, api_key_sealed=sealed)
        event = Event(Name.USER_CREATED, reason=Reason.MIGRATED, user_id=user.id, is_stored=True)
        entry = self.audit.entry(event)
        row = NewRow(user=user, api_key_digest=digest, attributes=checked.attributes, entry=entry, reset_mail=None)
        if not await self.moves.add_one(row):
            return await self._of_another(typed)
        await self.verifiers.keep(making, user.password_changed_at)
        self.events.emit(event)
        return Judged(user, same=True)

    async def _of_another(self, typed: Typed) -> Judged:
        """Somebody was faster: the same person in another login, an import, or a stranger who signed up."""
        user = await self.users.by_email(typed.canonical_email)
        if user is None:
            log.warning(
                "a user of the old system is not taken", why="its id is taken, or its address was given up lately"
            )
            return Judged(None, same=False, why=Reason.OLD_SYSTEM_FAILED)
        if is_elsewhere(user.password_hash, user.canonical_email):
            return Judged(await self._keep_password(typed, user), same=True)
        with self.passwords.reserve(typed.visitor, typed.canonical_email) as place:
            match = await self.passwords.match(typed.password, user.password_hash, place)
        return Judged(user, same=match.same)


def _may_ask(typed: Typed, user: User | None) -> bool:
    """About no address that can have no account, and no password that could not be kept."""
    if user and (user.disabled_at or not is_elsewhere(user.password_hash, user.canonical_email)):
        return False
    try:
        typed.password.encode()
    except UnicodeEncodeError:  # half a surrogate pair
        return False
    return not typed.canonical_email.startswith(" ") and 0 < len(typed.password) <= MAX_TYPED

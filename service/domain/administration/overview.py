"""How the installation does, for the admins' first page: what the trail and the stores tell of all instances, and what
this instance alone knows.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.ambient import Ambient
from service.domain.administration.models import StoreFinding
from service.domain.administration.ports import StoreExaminer
from service.domain.events.audit_trail import AuditTrail, EventCounts
from service.domain.events.security_events import Name, Outcome
from service.domain.limits.throttle import Throttle
from service.domain.mail.models import OutboxState
from service.domain.mail.ports import Outbox
from service.domain.passwords.hash_queue import HashQueue
from service.domain.signing.key_rotation import KeyRotation
from service.domain.signing.key_states import KeyState
from service.domain.signing.models import StoredKey
from service.domain.webhooks.models import EndpointState
from service.domain.webhooks.webhooks import Webhooks

HOUR, HOURS = timedelta(hours=1), 24
MOST_COUNTED = 50_000  # events of the trail: a twentieth of a second


@dataclass(frozen=True, slots=True)
class HourOfSignIns:
    begins_at: datetime
    successes: int
    refusals: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIns:
    """Of all instances."""

    hours: Sequence[HourOfSignIns]  # the last one is not over
    reasons: Sequence[tuple[str, int]]  # of refusals, the most frequent first
    since: datetime
    is_whole: bool  # False: there were more events than are counted

    @property
    def successes(self) -> int:
        return sum(one.successes for one in self.hours)

    @property
    def refusals(self) -> int:
        return sum(one.refusals for one in self.hours)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnNumbers:
    """Of this instance alone, since its start."""

    started_at: datetime
    waiting: int  # for a hash
    running: int
    capacity: int
    refused: int
    mean_wait: timedelta
    waits: int
    limits: Mapping[str, int]  # refused requests by policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    at: datetime
    sign_ins: SignIns | None  # None where no trail is kept
    own: OwnNumbers
    keys: Sequence[tuple[StoredKey, KeyState]]
    outbox: OutboxState | None  # None without mail
    webhooks: Sequence[EndpointState]
    stores: Sequence[StoreFinding]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    trail: AuditTrail
    is_audited: bool
    queue: HashQueue
    throttle: Throttle
    key_rotation: KeyRotation
    outbox: Outbox
    has_mail: bool
    webhooks: Webhooks
    stores: StoreExaminer
    ambient: Ambient
    started_at: datetime

    async def look(self) -> Seen:
        """Raises a store's outage."""
        sign_ins, keys, outbox, webhooks, stores = await asyncio.gather(
            self._sign_ins(), self.key_rotation.all(), self._outbox(), self.webhooks.states(), self.stores.examine()
        )
        return Seen(
            at=self.ambient.now(),
            sign_ins=sign_ins,
            own=self._own_numbers(),
            keys=keys,
            outbox=outbox,
            webhooks=webhooks,
            stores=stores,
        )

    async def _sign_ins(self) -> SignIns | None:
        if not self.is_audited:
            return None
        this_hour = self.ambient.now().replace(minute=0, second=0, microsecond=0)
        begin = this_hour - (HOURS - 1) * HOUR
        return _sign_ins(begin, await self.trail.counts(begin, MOST_COUNTED))

    async def _outbox(self) -> OutboxState | None:
        return await self.outbox.state() if self.has_mail else None

    def _own_numbers(self) -> OwnNumbers:
        waits = self.queue.waits
        return OwnNumbers(
            started_at=self.started_at,
            waiting=self.queue.waiting,
            running=self.queue.running,
            capacity=self.queue.capacity,
            refused=self.queue.refused,
            mean_wait=timedelta(seconds=waits.sum / waits.count if waits.count else 0),
            waits=waits.count,
            limits={
                policy: count
                for (policy, is_allowed), count in sorted(self.throttle.decisions.items())
                if count and not is_allowed
            },
        )


def _sign_ins(begin: datetime, found: EventCounts) -> SignIns:
    successes: Counter[int] = Counter()
    refusals: Counter[int] = Counter()
    reasons: Counter[str] = Counter()
    for one in found.counts:
        if (one.name, one.outcome) == (Name.LOGGED_IN, Outcome.SUCCESS):
            successes[one.hour] += one.number
        elif one.name == Name.LOGIN_FAILED:
            refusals[one.hour] += one.number
            reasons[one.reason] += one.number
    return SignIns(
        hours=[HourOfSignIns(begin + number * HOUR, successes[number], refusals[number]) for number in range(HOURS)],
        reasons=reasons.most_common(),
        since=found.since,
        is_whole=found.since == begin,
    )

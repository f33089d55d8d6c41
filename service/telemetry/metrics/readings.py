"""Metrics that are read from the service's objects at each scrape."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from prometheus_client.core import Metric

from service.assembly.backends import Backends
from service.domain.events.audit_trail import Audit
from service.domain.limits.throttle import POLICIES, Throttle
from service.domain.mail.delivery import MailOutcome
from service.domain.mail.models import Kind
from service.domain.mail.worker import MailWorker
from service.domain.operations.background import Background
from service.domain.operations.readiness import ReadinessReport
from service.domain.passwords.hash_queue import HashQueue
from service.domain.sessions.models import AskOutcome, SwapState
from service.domain.sessions.ports import PasswordMigration
from service.domain.sessions.refresh_rotation import RefreshRotation
from service.domain.signing.key_states import KeyState
from service.domain.signing.keyring import KeyRing
from service.domain.webhooks.attempts import AttemptOutcome
from service.domain.webhooks.worker import WebhookWorker
from service.http.server import HttpServer
from service.output import OUTPUT
from service.settings import KeySettings
from service.stores.denylist import RedisDenylist
from service.stores.health import RedisHealth
from service.stores.timings import Connections, Timings
from service.telemetry.metrics import catalog


def of_the_server(server: HttpServer) -> Iterator[Metric]:
    counts = server.refusals.counts
    yield catalog.CONNECTIONS.single(server.limiter.open)
    yield catalog.CONNECTIONS_LIMIT.single(server.limiter.most)
    yield catalog.REFUSED_UNREAD.labelled(
        {(str(status),): count for status, count in ({503: 0, 400: 0} | counts).items()}
    )


def of_losses(audit: Audit) -> Iterator[Metric]:
    yield catalog.LINES_DROPPED.single(OUTPUT.dropped)
    yield catalog.AUDIT_DROPPED.single(audit.dropped)
    yield catalog.AUDIT_WAITING.single(audit.waiting)


def of_background(background: Background) -> Metric:
    return catalog.TASKS_FAILED.labelled({(task,): count for task, count in background.failures.items()})


def of_passwords(queue: HashQueue) -> Iterator[Metric]:
    yield catalog.QUEUE_WAITING.single(queue.waiting)
    yield catalog.QUEUE_RUNNING.single(queue.running)
    yield catalog.QUEUE_CAPACITY.single(queue.capacity)
    yield catalog.QUEUE_WORKERS.single(queue.workers)
    yield catalog.QUEUE_ENGINE.labelled({(queue.engine.name,): 1})
    yield catalog.QUEUE_REFUSED.single(queue.refused)
    yield catalog.QUEUE_ABANDONED.single(queue.abandoned)
    yield catalog.QUEUE_WAITS.histogram({(): queue.waits})
    yield catalog.HASHES.histogram({(): queue.hashes})


def of_rotation(rotation: RefreshRotation) -> Iterator[Metric]:
    yield catalog.SWAPS.labelled({(state.value,): rotation.swaps[state] for state in SwapState})


def of_limits(throttle: Throttle) -> Iterator[Metric]:
    counts = dict.fromkeys(((policy, passes) for policy in POLICIES for passes in (True, False)), 0)
    counts.update(throttle.decisions)
    yield catalog.LIMITS.labelled(
        {(policy, "allowed" if passes else "refused"): count for (policy, passes), count in counts.items()}
    )


def of_denylist(denylist: RedisDenylist) -> Iterator[Metric]:
    yield catalog.CHECKS.single(denylist.batches.sum)
    yield catalog.DENIED.single(denylist.denied)
    yield catalog.BATCHES.histogram({(): denylist.batches})


def of_stores(backends: Backends, health: RedisHealth, report: ReadinessReport) -> Iterator[Metric]:
    pg, redis = backends.postgres, backends.servers
    timings: dict[str, Timings] = {"redis": redis.timings}
    pools: dict[str, Connections] = {"redis": redis.connections(backends.redis)}
    if pg:
        timings["postgres"] = pg.timings
        pools["postgres"] = pg.connections
    yield catalog.STORE_UP.labelled({("postgres",): report.postgres == "ok", ("redis",): report.redis == "ok"})
    yield catalog.STORE_SECONDS.histogram({(store,): one.seconds for store, one in timings.items()})
    yield catalog.STORE_ERRORS.labelled(
        {(store, error): count for store, one in timings.items() for error, count in one.errors.items()}
    )
    yield catalog.STORE_CONNECTIONS.labelled(
        {(store, state): getattr(pool, state) for store, pool in pools.items() for state in ("in_use", "idle")}
    )
    yield catalog.STORE_LIMIT.labelled({(store,): pool.most for store, pool in pools.items()})
    yield catalog.REDIS_MEMORY.labelled({} if health.fullness is None else {(): health.fullness})


def of_mails(worker: MailWorker | None) -> Iterator[Metric]:
    counts = worker.delivery.outcomes if worker else {}
    yield catalog.MAILS.labelled(
        {(kind.value, how.value): counts.get((kind, how), 0) for kind in Kind for how in MailOutcome} if worker else {}
    )
    state = worker.state if worker else None
    yield catalog.MAILS_WAITING.labelled({(): state.waiting} if state else {})
    yield catalog.MAILS_OLDEST.labelled({(): state.oldest.total_seconds()} if state else {})


def of_migration(migration: PasswordMigration | None) -> Iterator[Metric]:
    counts = migration.counts if migration else None
    yield catalog.OLD_SYSTEM.labelled({(how.value,): counts.outcomes[how] for how in AskOutcome} if counts else {})
    yield catalog.OLD_SYSTEM_SECONDS.histogram({(): counts.seconds} if counts else {})


def of_webhooks(worker: WebhookWorker | None, endpoints: Iterable[str]) -> Iterator[Metric]:
    counts = worker.attempts.outcomes if worker else {}
    yield catalog.WEBHOOKS.labelled(
        {(name, how.value): counts.get((name, how), 0) for name in endpoints for how in AttemptOutcome}
    )
    states = worker.states if worker else ()
    yield catalog.WEBHOOKS_WAITING.labelled({(one.endpoint,): one.waiting for one in states})
    yield catalog.WEBHOOKS_OLDEST.labelled({(one.endpoint,): one.oldest.total_seconds() for one in states})
    yield catalog.WEBHOOKS_FAILED.labelled({(one.endpoint,): one.failed for one in states})


def of_keys(ring: KeyRing, settings: KeySettings, now: datetime) -> Iterator[Metric]:
    yield catalog.KEYS.labelled({(state.value,): len(ring.in_state(state)) for state in KeyState})
    active = next(iter(ring.in_state(KeyState.ACTIVE)), None)
    since = active.activates_at if active else None
    due = active.retires_at if active else None
    if since and settings.rotate_after:
        due = min(due or since + settings.rotate_after, since + settings.rotate_after)
    yield catalog.KEY_AGE.labelled({(): (now - since).total_seconds()} if since else {})
    yield catalog.KEY_TAKEOVER.labelled({(): (due - now).total_seconds()} if due else {})

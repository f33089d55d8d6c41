"""Every metric of our own: its name, type, labels and meaning. No label value is chosen by a client."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from service.histogram import Histogram

Values = Mapping[tuple[str, ...], float]
Tallies = Mapping[tuple[str, ...], Histogram]


class MetricKind(StrEnum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Measure:
    kind: MetricKind
    name: str
    about: str
    labels: tuple[str, ...] = ()

    def single(self, value: float) -> Metric:
        """Of a measure without labels."""
        return self.labelled({(): value})

    def labelled(self, values: Values) -> Metric:
        make = CounterMetricFamily if self.kind is MetricKind.COUNTER else GaugeMetricFamily
        family = make(self.name, self.about, labels=self.labels)
        for labels, value in values.items():
            family.add_metric(labels, value)
        return family

    def histogram(self, tallies: Tallies) -> Metric:
        """Of a histogram."""
        family = HistogramMetricFamily(self.name, self.about, labels=self.labels)
        for labels, histogram_data in tallies.items():
            bounds = [*(str(bound) for bound in histogram_data.bounds), "+Inf"]
            buckets = list(zip(bounds, accumulate(histogram_data.counts), strict=True))
            family.add_metric(labels, buckets, histogram_data.sum)
        return family


def _counter(name: str, about: str, *labels: str) -> Measure:
    return Measure(MetricKind.COUNTER, f"tokenhouse_{name}_total", about, labels)


def _gauge(name: str, about: str, *labels: str) -> Measure:
    return Measure(MetricKind.GAUGE, f"tokenhouse_{name}", about, labels)


def _histogram(name: str, about: str, *labels: str) -> Measure:
    return Measure(MetricKind.HISTOGRAM, f"tokenhouse_{name}", about, labels)


# --- the instance
BUILD = _gauge("build_info", "Always 1; the labels tell what runs.", "version", "python")
READY = _gauge("ready", "Whether this instance can serve, as /readyz says.")
LAG = _histogram("event_loop_lag_seconds", "How much later than asked the event loop woke up, ten times a second.")
WORST_LAG = _gauge("event_loop_lag_worst_seconds", "The greatest lag since the last scrape.")
TASKS_FAILED = _counter(
    "background_failures", "Failures of what runs beside the requests; each is tried again.", "task"
)
LINES_DROPPED = _counter("log_lines_dropped", "Log lines lost because their reader stalled.")

# --- the HTTP server
REQUESTS = _histogram(
    "http_request_duration_seconds",
    "Requests, by the route's template; 499: the caller went away.",
    "method",
    "route",
    "status",
)
COGNITO_REFUSALS = _counter(
    "cognito_refusals",
    "Refused calls of Cognito's protocol, by operation and the error that was answered.",
    "operation",
    "error",
)
REFUSED_UNREAD = _counter(
    "http_unread",
    "What was refused before it was a request: malformed, too slow, or (503) one connection too many.",
    "status",
)
CONNECTIONS = _gauge("connections_open", "Open connections of clients.")
CONNECTIONS_LIMIT = _gauge("connections_limit", "How many may be open at once.")

# --- security events
LOGINS = _counter("logins", "Passwords that were judged, at a login or to confirm a change.", "outcome", "reason")
SIGNUPS = _counter("signups", "Sign-ups that passed the limits.", "outcome", "reason")
REFRESHES = _counter("refreshes", "Refresh tokens that were shown and passed the limits.", "outcome", "reason")
SWAPS = _counter("refresh_swaps", "How rotating refresh tokens were found; `again` is a retry.", "state")
OPENED = _counter("sessions_opened", "Sessions opened by a login.")
ENDED = _counter("sessions_ended", "Sessions ended for good.", "reason")
EVENTS = _counter("security_events", "The other security events of observability.md.", "event", "outcome", "reason")
AUDIT_DROPPED = _counter("audit_events_dropped", "Events that the audit trail had no room for.")
AUDIT_WAITING = _gauge("audit_events_waiting", "Events that wait to be written to the audit trail.")

# --- passwords
QUEUE_WAITING = _gauge("hash_queue_waiting", "Places in the password queue that are reserved or wait.")
QUEUE_RUNNING = _gauge("hash_queue_running", "Passwords that are being hashed.")
QUEUE_CAPACITY = _gauge("hash_queue_capacity", "How many places there are at the measured time per hash.")
QUEUE_WORKERS = _gauge("hash_queue_workers", "Threads that hash: one for each core, or four with the engine `lanes`.")
QUEUE_ENGINE = _gauge(
    "hash_queue_engine",
    "Always 1; the label tells what computes bcrypt: lanes or wheel.",
    "engine",
)
QUEUE_REFUSED = _counter("hash_queue_refused", "Places refused, or taken back, because the queue was full or late.")
QUEUE_ABANDONED = _counter(
    "hash_queue_abandoned", "Places whose visitors had gone when their turn came, or when they had to give way."
)
QUEUE_WAITS = _histogram("hash_queue_wait_seconds", "From the reservation of a place to the start of its hash.")
HASHES = _histogram("hash_duration_seconds", "The time of one password hash.")

# --- limits and the denylist
LIMITS = _counter("limiter_decisions", "Decisions of the rate limits.", "policy", "outcome")
CHECKS = _counter("denylist_checks", "Questions whether a token, its session or its key was revoked.")
DENIED = _counter("denylist_denied", "Questions whose answer was yes.")
BATCHES = _histogram("denylist_batch_size", "Questions that travelled to Redis together.")

# --- stores
STORE_UP = _gauge("store_up", "Whether the store can be counted on, as /readyz says.", "store")
STORE_SECONDS = _histogram(
    "store_duration_seconds", "Round trips to the store, with the waiting for a connection.", "store"
)
STORE_ERRORS = _counter("store_errors", "Failures of the store, by the exception's class.", "store", "error")
STORE_CONNECTIONS = _gauge("store_connections", "Connections of the pool: in_use, idle.", "store", "state")
STORE_LIMIT = _gauge("store_connections_limit", "How many connections the pool may have.", "store")
REDIS_MEMORY = _gauge(
    "redis_memory_ratio", "Used memory to maxmemory, of the fullest Redis primary; absent without a limit or an answer."
)

# --- signing keys
KEYS = _gauge("signing_keys", "Signing keys by state: next, active, retired, gone.", "state")
KEY_AGE = _gauge("signing_key_age_seconds", "How long the active key has signed.")
KEY_TAKEOVER = _gauge("signing_key_takeover_seconds", "Until the next key takes over; absent when that is not planned.")

# --- mails
MAILS = _counter("mails", "Attempts at mails, by how they ended.", "kind", "outcome")
MAILS_WAITING = _gauge("mails_waiting", "Mails that are to be sent, counted to 10000; absent without mail.")
MAILS_OLDEST = _gauge("mails_oldest_seconds", "Since the oldest of them was asked for; absent without mail.")

# --- lazy migration
OLD_SYSTEM = _counter(
    "old_system_questions", "Logins that the old system was to be asked about, by how that ended.", "outcome"
)
OLD_SYSTEM_SECONDS = _histogram("old_system_duration_seconds", "The time of one question to the old system.")

# --- webhooks
WEBHOOKS = _counter("webhook_attempts", "Attempts at webhooks, by how they ended.", "endpoint", "outcome")
WEBHOOKS_WAITING = _gauge(
    "webhooks_waiting", "Deliveries that are to be made, counted to 1000; absent without endpoints.", "endpoint"
)
WEBHOOKS_OLDEST = _gauge(
    "webhooks_oldest_seconds", "Since the oldest event that the endpoint is still to get; absent as above.", "endpoint"
)
WEBHOOKS_FAILED = _gauge(
    "webhooks_given_up", "Deliveries given up and kept for the operator, counted to 1000; absent as above.", "endpoint"
)

ALL = [one for one in vars().values() if isinstance(one, Measure)]

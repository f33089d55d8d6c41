"""Counters of requests and security events, updated as they happen."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from prometheus_client.core import Metric

from service.domain.events.security_events import Event, Name, Outcome, Reason
from service.domain.limits.throttle import POLICIES
from service.histogram import Histogram
from service.request_log import RequestRecord
from service.telemetry.metrics import catalog

LabelSet = tuple[Name, Outcome, str]

# Every label set. A counter that exists before its first event shows that event as an increase; one that appears with
# it does not. docs/observability.md has the same table.
LABEL_SETS: Mapping[tuple[Name, Outcome], Sequence[str]] = {
    (Name.LOGGED_IN, Outcome.SUCCESS): [Reason.NONE],
    (Name.LOGIN_CHALLENGED, Outcome.SUCCESS): [Reason.NONE, Reason.NO_FACTOR_YET],
    (Name.LOGIN_FAILED, Outcome.FAILURE): [
        Reason.UNKNOWN_EMAIL,
        Reason.WRONG_PASSKEY,
        Reason.WRONG_PASSWORD,
        Reason.DISABLED,
        Reason.CHANGED_MEANWHILE,
        Reason.WRONG_CODE,
        Reason.NO_CODE,
        Reason.NO_TRIES_LEFT,
        Reason.CHALLENGE_OVER,
        Reason.WRONG_CONFIRMATION,
        Reason.EMAIL_NOT_VERIFIED,
        Reason.NO_VERIFIER,
        Reason.OLD_SYSTEM_BUSY,
        Reason.OLD_SYSTEM_FAILED,
        Reason.CODE_OVER,
        Reason.EMAIL_TAKEN,
        Reason.OF_ANOTHER,
    ],
    (Name.PASSWORD_CHANGED, Outcome.SUCCESS): [Reason.NONE, Reason.RESET, Reason.BY_OPERATOR],
    (Name.TOKEN_CREATED, Outcome.SUCCESS): [
        Reason.API_KEY_ROTATED,
        Reason.API_KEY_CREATED,
        Reason.ADMIN_TOKEN_CREATED,
        Reason.INVITATION_CREATED,
        Reason.INVITATION_SENT,
    ],
    (Name.TOKEN_REVOKED, Outcome.SUCCESS): [
        Reason.API_KEY_ENDED,
        Reason.ADMIN_TOKEN_ENDED,
        Reason.INVITATION_ENDED,
    ],
    (Name.RIGHTS_CHANGED, Outcome.SUCCESS): [Reason.ADMIN_GRANTED, Reason.ADMIN_REVOKED],
    (Name.TOKEN_REUSED, Outcome.FAILURE): [Reason.TOKEN_BEFORE, Reason.OLDER_TOKEN],
    (Name.RENEWED, Outcome.SUCCESS): [Reason.NONE],
    (Name.RENEWED, Outcome.FAILURE): [
        Reason.MALFORMED,
        Reason.UNKNOWN,
        Reason.SESSION_ENDED,
        Reason.DISABLED,
        Reason.REUSED,
    ],
    (Name.ENDED, Outcome.SUCCESS): [
        Reason.LOGOUT,
        Reason.BY_USER,
        Reason.OVER_THE_CAP,
        Reason.PASSWORD_CHANGED,
        Reason.PASSWORD_RESET,
        Reason.EMAIL_CHANGED,
        Reason.EMAIL_CHANGE_UNDONE,
        Reason.ACCOUNT_CLOSED,
        Reason.ACCOUNT_DISABLED,
        Reason.CHANGED_MEANWHILE,
        Reason.FACTOR_ADDED,
        Reason.REUSE,
        Reason.REVOKED,
        Reason.BY_OPERATOR,
        Reason.EVERYBODY,
    ],
    (Name.REFUSED, Outcome.FAILURE): [
        Reason.UNKNOWN_API_KEY,
        Reason.DISABLED,
        Reason.UNKNOWN_CLIENT,
        Reason.WRONG_CODE,
        Reason.NO_CODE,
        Reason.NO_TRIES_LEFT,
        Reason.WRONG_LINK,
        Reason.CODE_OVER,
        Reason.CHALLENGE_OVER,
        Reason.EXPIRED_API_KEY,
        Reason.EMAIL_NOT_VERIFIED,
        Reason.UNKNOWN_ADMIN_TOKEN,
        Reason.EXPIRED_ADMIN_TOKEN,
        Reason.OTHER_NETWORK,
        Reason.INSUFFICIENT_SCOPE,
    ],
    (Name.LIMITED, Outcome.SUCCESS): [Reason.LIMITS_CLEARED],
    (Name.LIMITED, Outcome.FAILURE): [*POLICIES, "login-global"],
    (Name.USER_CREATED, Outcome.SUCCESS): [
        Reason.NONE,
        Reason.INVITED,
        Reason.BY_OPERATOR,
        Reason.IMPORTED,
        Reason.MIGRATED,
    ],
    (Name.USER_CREATED, Outcome.FAILURE): [Reason.EMAIL_TAKEN, Reason.ID_TAKEN, Reason.NOT_INVITED],
    (Name.USER_UPDATED, Outcome.SUCCESS): [
        Reason.DISABLED,
        Reason.ENABLED,
        Reason.CLAIMS_CHANGED,
        Reason.EMAIL_VERIFIED,
        Reason.EMAIL_CHANGE_REQUESTED,
        Reason.EMAIL_CHANGED,
        Reason.EMAIL_CHANGE_UNDONE,
        Reason.SQUATTER_EVICTED,
        Reason.FACTOR_ADDED,
        Reason.FACTOR_REMOVED,
        Reason.RECOVERY_CODES_REPLACED,
        Reason.RECOVERY_CODE_USED,
        Reason.NAMES_CHANGED,
        Reason.ATTRIBUTES_CHANGED,
        Reason.GROUPS_CHANGED,
        Reason.RESET_SENT,
        Reason.VERIFIERS_REMOVED,
        Reason.MIGRATED,
    ],
    (Name.USER_DELETED, Outcome.SUCCESS): [Reason.NONE, Reason.BY_OPERATOR],
    (Name.USERS_EXPORTED, Outcome.SUCCESS): [Reason.NONE, Reason.WITH_HASHES],
    (Name.KEY_ROTATED, Outcome.SUCCESS): [Reason.PLANNED, Reason.AT_ONCE],
    (Name.KEY_KILLED, Outcome.SUCCESS): [Reason.NONE],
    (Name.SECRET_ROTATED, Outcome.SUCCESS): [Reason.NONE],
    (Name.FORGOTTEN, Outcome.FAILURE): [Reason.NONE],
    (Name.RESTORED, Outcome.SUCCESS): [Reason.NONE],
    (Name.WEBHOOKS_RETRIED, Outcome.SUCCESS): [Reason.NONE],
}
OWN = {  # events with a metric of their own
    Name.LOGGED_IN: catalog.LOGINS,
    Name.LOGIN_FAILED: catalog.LOGINS,
    Name.USER_CREATED: catalog.SIGNUPS,
    Name.RENEWED: catalog.REFRESHES,
    Name.ENDED: catalog.ENDED,
}


class Requests:
    """Counts requests, on the hottest path: half a microsecond each."""

    def __init__(self) -> None:
        self._tallies: dict[tuple[str, str, int], Histogram] = {}
        self._refusals: Counter[tuple[str, ...]] = Counter()  # by operation and error

    def note(self, line: RequestRecord) -> None:
        key = line.method, line.route, line.status
        held = self._tallies.get(key)
        if held is None:
            held = self._tallies[key] = Histogram()
        held.add(line.milliseconds / 1000)
        if line.refusal and line.refusal.error:
            self._refusals[_operation_of(line.route), line.refusal.error] += 1

    def collect(self) -> Iterator[Metric]:
        yield catalog.REQUESTS.histogram(
            {(method, route, str(status)): held for (method, route, status), held in self._tallies.items()}
        )
        yield catalog.COGNITO_REFUSALS.labelled(self._refusals)


def _operation_of(route: str) -> str:
    """Of Cognito's protocol; `none` where the call named none that there is."""
    _, _, operation = route.partition(" ")
    return operation or "none"


class EventCounters:
    """An event sink."""

    def __init__(self) -> None:
        known = ((name, outcome, reason) for (name, outcome), reasons in LABEL_SETS.items() for reason in reasons)
        self._counts: Counter[LabelSet] = Counter(dict.fromkeys(known, 0))

    def on_event(self, event: Event) -> None:
        self._counts[event.name, event.outcome, event.reason] += 1

    def collect(self) -> Iterator[Metric]:
        values: dict[catalog.Measure, dict[tuple[str, ...], float]] = {}
        for (name, outcome, reason), count in self._counts.items():
            measure = OWN.get(name, catalog.EVENTS)
            facts = {"event": name.value, "outcome": outcome.value, "reason": str(reason)}
            values.setdefault(measure, {})[tuple(facts[label] for label in measure.labels)] = count
        for measure, counts in values.items():
            yield measure.labelled(counts)
        yield catalog.OPENED.single(self._counts[Name.LOGGED_IN, Outcome.SUCCESS, Reason.NONE])

"""What happened that security is interested in: each event once, in the words of the OWASP Logging Vocabulary.

Whoever decides something tells it; sinks (the log, the metrics, the audit trail) listen. The answer to a caller never
depends on it: a sink that fails is passed over.
"""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

import structlog

from service.networks import prefix_of

log = structlog.get_logger("service.events")


class Name(StrEnum):
    LOGGED_IN = "authn_login_success"
    LOGIN_FAILED = "authn_login_fail"
    PASSWORD_CHANGED = "authn_password_change"  # noqa: S105 - an event's name
    TOKEN_CREATED = "authn_token_created"  # noqa: S105 - as above
    TOKEN_REUSED = "authn_token_reuse"  # noqa: S105 - as above
    REFUSED = "authz_fail"
    LIMITED = "excess_rate_limit_exceeded"
    RENEWED = "session_renewed"
    ENDED = "session_expired"
    USER_CREATED = "user_created"
    USER_UPDATED = "user_updated"
    USER_DELETED = "user_deleted"
    KEY_ROTATED = "sys_key_rotated"
    KEY_KILLED = "sys_key_killed"
    SECRET_ROTATED = "sys_secret_rotated"  # noqa: S105 - as above
    FORGOTTEN = "sys_denylist_forgotten"
    RESTORED = "sys_denylist_restored"


class Outcome(StrEnum):
    SUCCESS = "success"
    FAILURE = "failure"


class Reason(StrEnum):
    """Why, or how. An event about a limit has the limit's policy for a reason."""

    NONE = ""
    # logging in; the answer never tells these apart
    UNKNOWN_EMAIL = "unknown_email"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 - a reason's name
    DISABLED = "disabled"
    CHANGED_MEANWHILE = "changed_meanwhile"
    WRONG_CONFIRMATION = "wrong_confirmation"  # of a member who asks to change the password or to close the account
    # signing up
    EMAIL_TAKEN = "email_taken"
    # tokens and keys that were shown
    MALFORMED = "malformed"
    UNKNOWN = "unknown"
    SESSION_ENDED = "session_ended"
    REUSED = "reused"
    UNKNOWN_API_KEY = "unknown_api_key"
    UNKNOWN_CLIENT = "unknown_client"
    TOKEN_BEFORE = "token_before"  # noqa: S105 - as above
    OLDER_TOKEN = "older_token"  # noqa: S105 - as above
    # what ended a session, or made a token
    LOGOUT = "logout"
    BY_USER = "by_user"
    OVER_THE_CAP = "over_the_cap"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - as above
    ACCOUNT_CLOSED = "account_closed"
    ACCOUNT_DISABLED = "account_disabled"
    REUSE = "reuse"
    REVOKED = "revoked"  # by a resource server
    BY_OPERATOR = "by_operator"
    EVERYBODY = "everybody"
    API_KEY_ROTATED = "api_key_rotated"
    # accounts and signing keys
    ENABLED = "enabled"
    PLANNED = "planned"
    AT_ONCE = "at_once"


# What a stranger can make fail at any rate: sinks that keep every event keep a sample of these failures, or none.
UNBOUNDED = frozenset({Name.LIMITED, Name.REFUSED, Name.RENEWED, Name.USER_CREATED})

_source: ContextVar[Callable[[], str]] = ContextVar("source", default=str)
_operator: ContextVar[str] = ContextVar("operator", default="")


def caused_from(source: Callable[[], str]) -> None:
    """Events of this task come from this source from here on. It is asked only when there is an event."""
    _source.set(source)


def run_by(operator: str) -> None:
    """Events that this task tells from here on were caused by a command of this operator's."""
    _operator.set(operator)


def _here() -> str:
    source = _source.get()()
    return prefix_of(source) if source else ""


@dataclass(frozen=True, slots=True)
class Event:
    """No field is a stranger's text: names, ids of checked shapes, and a keyed digest in place of an address."""

    name: Name
    outcome: Outcome = Outcome.SUCCESS
    reason: str = Reason.NONE
    user_id: UUID | None = None
    session_id: str = ""
    account: str = ""  # pseudonym of the e-mail address, where it was typed by somebody who is not known yet
    key_id: str = ""  # of a signing key
    source: str = field(default_factory=_here)  # /24 or /48
    operator: str = field(default_factory=_operator.get)  # who ran the command that caused it

    @property
    def facts(self) -> dict[str, str]:
        """The fields that are there, as texts."""
        held: dict[str, str] = {"outcome": self.outcome.value}
        if self.reason:
            held["reason"] = str(self.reason)
        if self.user_id:
            held["user_id"] = str(self.user_id)
        if self.session_id:
            held["session_id"] = self.session_id
        if self.account:
            held["account"] = self.account
        if self.key_id:
            held["kid"] = self.key_id
        if self.source:
            held["source"] = self.source
        if self.operator:
            held["operator"] = self.operator
        return held


Sink = Callable[[Event], None]


class Events:
    def __init__(self, pseudonym: Callable[[str], str], *sinks: Sink) -> None:
        self._pseudonym = pseudonym
        self._sinks = list(sinks)

    def add(self, sink: Sink) -> None:
        """It is told of every event from now on, at once and in the teller's task: it must be quick and never wait."""
        self._sinks.append(sink)

    def account(self, canonical_email: str) -> str:
        """What stands for an e-mail address in events: the same for the same address, and no way back from it."""
        return self._pseudonym(canonical_email)

    def emit(self, event: Event) -> None:
        for sink in self._sinks:
            try:
                sink(event)
            except Exception as error:  # noqa: BLE001 - whatever a sink is broken by, the request goes on
                log.error("event sink failed", error=type(error).__name__)


def write(event: Event) -> None:
    """The sink that makes a log line of each."""
    (log.info if event.outcome is Outcome.SUCCESS else log.warning)(event.name.value, **event.facts)

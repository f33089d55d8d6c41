"""Security events: each is emitted once, named after the OWASP Logging Vocabulary.

The code that makes a decision emits the event; sinks (the log, the metrics, the audit trail) receive it. Responses
never depend on a sink: its failure is logged and ignored.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

import structlog

from service.networks import prefix_of

log = structlog.get_logger("service.events")


class Name(StrEnum):
    LOGGED_IN = "authn_login_success"
    LOGIN_CHALLENGED = "authn_login_challenge"
    LOGIN_FAILED = "authn_login_fail"
    PASSWORD_CHANGED = "authn_password_change"  # noqa: S105 - an event's name
    TOKEN_CREATED = "authn_token_created"  # noqa: S105 - as above
    TOKEN_REVOKED = "authn_token_revoked"  # noqa: S105 - as above
    TOKEN_REUSED = "authn_token_reuse"  # noqa: S105 - as above
    REFUSED = "authz_fail"
    RIGHTS_CHANGED = "authz_change"
    LIMITED = "excess_rate_limit_exceeded"
    RENEWED = "session_renewed"
    ENDED = "session_expired"
    USER_CREATED = "user_created"
    USER_UPDATED = "user_updated"
    USER_DELETED = "user_deleted"
    USERS_EXPORTED = "users_exported"  # all of them
    KEY_ROTATED = "sys_key_rotated"
    KEY_KILLED = "sys_key_killed"
    SECRET_ROTATED = "sys_secret_rotated"  # noqa: S105 - as above
    FORGOTTEN = "sys_denylist_forgotten"
    RESTORED = "sys_denylist_restored"
    WEBHOOKS_RETRIED = "sys_webhooks_retried"


class Outcome(StrEnum):
    SUCCESS = "success"
    FAILURE = "failure"


class Reason(StrEnum):
    """Why, or how. The reason of a limit's event is the limit's policy instead."""

    NONE = ""
    # login; the response is the same for all of these
    UNKNOWN_EMAIL = "unknown_email"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 - a reason's name
    DISABLED = "disabled"
    WRONG_PASSKEY = "wrong_passkey"
    WRONG_CODE = "wrong_code"  # of a second factor or of a mail
    CHALLENGE_OVER = "challenge_over"  # after too many tries, or because another use of it was faster
    CHANGED_MEANWHILE = "changed_meanwhile"
    EMAIL_NOT_VERIFIED = "email_not_verified"  # after the right password
    NO_FACTOR_YET = "no_factor_yet"  # as above, where each account must have a second factor
    OLD_SYSTEM_BUSY = "old_system_busy"  # so it was not asked about the password
    OLD_SYSTEM_FAILED = "old_system_failed"  # or its answer was not taken
    NO_VERIFIER = "no_verifier"  # for SRP: the next login with the password makes one
    # codes and links of mails
    WRONG_LINK = "wrong_link"
    NO_CODE = "no_code"  # was asked for, or none is good any more
    NO_TRIES_LEFT = "no_tries_left"  # too many wrong codes
    CODE_OVER = "code_over"  # right, but used already, expired, or asked for before the account changed
    OF_ANOTHER = "of_another"  # account than the caller's
    WRONG_CONFIRMATION = "wrong_confirmation"  # of a user who asks for a change of the account
    # sign-up, and a new address
    EMAIL_TAKEN = "email_taken"
    ID_TAKEN = "id_taken"
    INVITED = "invited"
    NOT_INVITED = "not_invited"
    # presented tokens and keys
    MALFORMED = "malformed"
    UNKNOWN = "unknown"
    SESSION_ENDED = "session_ended"
    REUSED = "reused"
    UNKNOWN_API_KEY = "unknown_api_key"
    EXPIRED_API_KEY = "expired_api_key"
    UNKNOWN_CLIENT = "unknown_client"
    UNKNOWN_ADMIN_TOKEN = "unknown_admin_token"  # noqa: S105 - as above
    EXPIRED_ADMIN_TOKEN = "expired_admin_token"  # noqa: S105 - as above
    OTHER_NETWORK = "other_network"  # than an admin token, or the whole admin API, may be used from
    INSUFFICIENT_SCOPE = "insufficient_scope"  # of an admin token
    TOKEN_BEFORE = "token_before"  # noqa: S105 - as above
    OLDER_TOKEN = "older_token"  # noqa: S105 - as above
    # why a session was revoked, or a token created
    LOGOUT = "logout"
    BY_USER = "by_user"
    OVER_THE_CAP = "over_the_cap"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - as above
    PASSWORD_RESET = "password_reset"  # noqa: S105 - as above
    EMAIL_CHANGED = "email_changed"
    EMAIL_CHANGE_UNDONE = "email_change_undone"
    ACCOUNT_CLOSED = "account_closed"
    ACCOUNT_DISABLED = "account_disabled"
    REUSE = "reuse"
    REVOKED = "revoked"  # by a resource server
    BY_OPERATOR = "by_operator"
    EVERYBODY = "everybody"
    API_KEY_ROTATED = "api_key_rotated"
    API_KEY_CREATED = "api_key_created"
    API_KEY_ENDED = "api_key_ended"
    INVITATION_CREATED = "invitation_created"
    INVITATION_SENT = "invitation_sent"  # again, by mail
    INVITATION_ENDED = "invitation_ended"
    ADMIN_TOKEN_CREATED = "admin_token_created"  # noqa: S105 - as above
    ADMIN_TOKEN_ENDED = "admin_token_ended"  # noqa: S105 - as above
    ADMIN_GRANTED = "admin_granted"  # to a person, for the admin pages
    ADMIN_REVOKED = "admin_revoked"
    # accounts and signing keys
    RESET = "reset"  # of a forgotten password
    EMAIL_VERIFIED = "email_verified"
    EMAIL_CHANGE_REQUESTED = "email_change_requested"
    SQUATTER_EVICTED = "squatter_evicted"  # somebody proved the address first, who was not in the account
    FACTOR_ADDED = "factor_added"
    FACTOR_REMOVED = "factor_removed"
    RECOVERY_CODE_USED = "recovery_code_used"
    RECOVERY_CODES_REPLACED = "recovery_codes_replaced"
    ENABLED = "enabled"
    NAMES_CHANGED = "names_changed"
    ATTRIBUTES_CHANGED = "attributes_changed"
    CLAIMS_CHANGED = "claims_changed"
    GROUPS_CHANGED = "groups_changed"
    RESET_SENT = "reset_sent"  # a mail for a new password, by an operator
    LIMITS_CLEARED = "limits_cleared"
    IMPORTED = "imported"
    MIGRATED = "migrated"  # at a login that the old system was asked about
    WITH_HASHES = "with_hashes"  # of passwords
    VERIFIERS_REMOVED = "verifiers_removed"  # those for SRP, of all accounts
    PLANNED = "planned"
    AT_ONCE = "at_once"


# Outsiders can cause these failures at any rate: sinks that store events keep only a sample of them, or none.
UNBOUNDED = frozenset({Name.LIMITED, Name.REFUSED, Name.RENEWED, Name.USER_CREATED})

_source: ContextVar[Callable[[], str]] = ContextVar("source", default=str)
_operator: ContextVar[str] = ContextVar("operator", default="")


def caused_from(source: Callable[[], str]) -> None:
    """Set the source of this task's events from now on. It is called only when an event is created."""
    _source.set(source)


def run_by(operator: str) -> None:
    """Set the operator whose command causes this task's events from now on."""
    _operator.set(operator)


@contextmanager
def acting(operator: str) -> Iterator[None]:
    """Name the operator in this task's events, inside."""
    token = _operator.set(operator)
    try:
        yield
    finally:
        _operator.reset(token)


def _here() -> str:
    source = _source.get()()
    return prefix_of(source) if source else ""


@dataclass(frozen=True, slots=True)
class Event:
    """No field has unchecked input: only names, ids of checked shapes, and a keyed digest in place of an address."""

    name: Name
    outcome: Outcome = Outcome.SUCCESS
    reason: str = Reason.NONE
    user_id: UUID | None = None
    session_id: str = ""
    account: str = ""  # pseudonym of the e-mail address, where the user is not authenticated
    key_id: str = ""  # of a signing key, an admin token that is made or ended, or an invitation
    source: str = field(default_factory=_here)  # /24 or /48
    operator: str = field(default_factory=_operator.get)  # whose command, call or page caused it
    is_stored: bool = field(default=False, compare=False)  # in the audit trail, in the transaction that it tells of

    @property
    def facts(self) -> dict[str, str]:
        """The fields that are set, as strings."""
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
        """The sink gets every later event, synchronously in the emitting task: it must be fast and must not block."""
        self._sinks.append(sink)

    def account(self, canonical_email: str) -> str:
        """The pseudonym of an e-mail address in events: deterministic and not reversible."""
        return self._pseudonym(canonical_email)

    def emit(self, event: Event) -> None:
        for sink in self._sinks:
            try:
                sink(event)
            except Exception as error:  # noqa: BLE001 - a broken sink must not fail the request
                log.error("event sink failed", error=type(error).__name__)


def write(event: Event) -> None:
    """The sink that writes events to the log."""
    (log.info if event.outcome is Outcome.SUCCESS else log.warning)(event.name.value, **event.facts)

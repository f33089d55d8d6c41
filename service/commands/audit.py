"""`tokenhouse audit [--user EMAIL_OR_ID] [--since 7d] [--limit N] [--json]`."""

import argparse
import json
import re
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from service.assembly.application import Application
from service.commands.frame import DONE, FAILED, complain, on_application, say
from service.domain.credentials import emails
from service.domain.events.audit_trail import Entry
from service.operator_errors import ConfigurationError
from service.settings import Settings
from service.settings.values import parse_duration

DEFAULT_SINCE = timedelta(days=7)
DEFAULT_LIMIT = 100
MOST = 100_000  # events, all of which are held in memory
NO_EVENTS = "no event in this span; --since looks further back"
NOBODY = (
    "no account has this address or id, and no event in this span names it. A deleted account is known by its id;"
    " --since looks further back"
)


def add_parsers(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    about = "show the audit trail, the newest event first"
    audit = commands.add_parser("audit", help=about, description=about)
    audit.add_argument("--user", metavar="EMAIL_OR_ID", help="of this account alone; a deleted one is known by its id")
    audit.add_argument("--since", metavar="SPAN", type=_span, default=DEFAULT_SINCE, help="how far back: 7d, 24h (7d)")
    audit.add_argument("--limit", metavar="N", type=_limit, default=DEFAULT_LIMIT, help="at most so many (100)")
    audit.add_argument("--json", action="store_true", help="one JSON object a line")
    audit.set_defaults(run=on_application(_show, postgres_alone=True, require=_require_trail))


def _require_trail(settings: Settings) -> None:
    if not settings.audit.enabled:
        raise ConfigurationError("audit.enabled is false: there is no audit trail to show")


async def _show(application: Application, asked: argparse.Namespace) -> int:
    entries, is_known = await _find(application, asked)
    if not entries:
        complain(NO_EVENTS if is_known else NOBODY)
        if not is_known:
            return FAILED
    if asked.json:
        say("".join(f"{_json(entry)}\n" for entry in entries), end="")
    else:
        say(_table(entries))
    return DONE


async def _find(application: Application, asked: argparse.Namespace) -> tuple[Sequence[Entry], bool]:
    """The events, and whether the account that was asked for exists."""
    since = application.ambient.now() - asked.since
    if asked.user is None:
        return await application.audit.trail.latest(since, asked.limit), True
    user_id, account, is_known = await _who(application, asked.user)
    return await application.audit.trail.of_user(user_id, account, since, asked.limit), is_known


async def _who(application: Application, text: str) -> tuple[UUID | None, str, bool]:
    """The user's id, the address's pseudonym in events, and whether the user exists now."""
    if "@" in text:
        address = emails.for_look_up(text)
        user = await application.backends.users.by_email(address)
        return user.id if user else None, application.events.account(address), user is not None
    try:
        user_id = UUID(text)
    except ValueError:
        raise ConfigurationError("--user takes an e-mail address or a user id (a UUID)") from None
    user = await application.backends.users.by_id(user_id)
    return user_id, application.events.account(user.canonical_email) if user else "", user is not None


def _table(entries: Sequence[Entry]) -> str:
    rows: list[tuple[str, ...]] = [
        ("TIME", "EVENT", "OUTCOME", "REASON", "SOURCE", "OPERATOR", "SESSION OR KEY", "USER", "REQUEST")
    ]
    for entry in entries:
        event, time = entry.event, entry.at.strftime("%Y-%m-%dT%H:%M:%SZ")
        whose = event.session_id or event.key_id, str(event.user_id or event.account)
        where = (event.source, event.operator, *whose, entry.request_id)
        rows.append((time, event.name, event.outcome, event.reason or "-", *(fact or "-" for fact in where)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def _json(entry: Entry) -> str:
    request = {"request_id": entry.request_id} if entry.request_id else {}
    return json.dumps({"time": entry.at.isoformat(), "event": entry.event.name, **entry.event.facts, **request})


def _span(text: str) -> timedelta:
    try:
        span = parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if not isinstance(span, timedelta):
        raise argparse.ArgumentTypeError("write a span such as 12h or 7d")
    return span


def _limit(text: str) -> int:
    if re.fullmatch(r"[0-9]{1,9}", text) and 1 <= int(text) <= MOST:
        return int(text)
    raise argparse.ArgumentTypeError(f"write a whole number from 1 to {MOST}")

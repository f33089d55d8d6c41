"""Accounts: found by the beginning of their address, and one at a time, with all that an admin may do to it."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

from aiohttp import web

from service.domain.administration.models import ADMIN_ACTOR
from service.domain.events.audit_trail import BEGINNING, Entry, Place
from service.errors import NotConfiguredError, UserNotFoundError
from service.http.cursors import EmailCursor, TrailCursor
from service.pages.admin.guard import AskedByAdmin
from service.pages.errors import NothingHereError
from service.pages.forms import Form
from service.pages.rendering import Values, redirect

PEOPLE, ENTRIES = 50, 25  # of a page
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
DONE: Mapping[str, str] = {
    "disabled": "The account is disabled, and every session of it has ended.",
    "enabled": "The account is enabled.",
    "session-ended": "The session has ended.",
    "sessions-ended": "Every session has ended.",
    "factors-removed": "The second factors are removed, and every session has ended.",
    "no-factors": "There was no second factor.",
    "reset-sent": "A mail with which to set another password is on its way.",
}


async def load(by: AskedByAdmin) -> Values:
    prefix, after = (by.request.query.get(name, "") for name in ("email", "after"))
    try:
        behind = EmailCursor.read(after) if after else ""
    except ValueError:
        raise NothingHereError from None
    found = await by.services.administration.users(prefix.strip().lower(), behind, PEOPLE)
    following = "" if found.is_last else EmailCursor.write(found.users[-1].canonical_email)
    return {"people": found.users, "prefix": prefix, "following": following, "is_first": not after}


async def load_one(by: AskedByAdmin) -> Values:
    administration = by.services.administration
    user = await administration.user(_user_id(by))
    sessions, factors, keys, admin, (entries, following) = await asyncio.gather(
        administration.sessions(user.id),
        administration.held_factors(user),
        administration.api_keys(user),
        by.services.admins.find(user.id),
        _trail(by, user.id),
    )
    return {
        "person": user,
        "is_self": user.id == by.user.id,
        "sessions": sessions[::-1],
        "factors": factors,
        "keys": keys,
        "admin": admin,
        "entries": entries,
        "following": following,
        "is_first": "after" not in by.request.query,
        "now": by.asked.context.services.overview.ambient.now(),
        "done": DONE.get(by.request.query.get("done", ""), ""),
        "admin_actor": ADMIN_ACTOR,
    }


async def load_question(by: AskedByAdmin) -> Values:
    """A page that asks before something is done that cannot be undone."""
    user = await by.services.administration.user(_user_id(by))
    return {"person": user, "is_self": user.id == by.user.id}


async def disable(by: AskedByAdmin, _: Form) -> web.Response:
    await by.services.administration.disable(_user_id(by), by.actor)
    return _back(by, "disabled")


async def enable(by: AskedByAdmin, _: Form) -> web.Response:
    await by.services.administration.enable(_user_id(by), by.actor)
    return _back(by, "enabled")


async def end_session(by: AskedByAdmin, form: Form) -> web.Response:
    await by.services.administration.end_session(_user_id(by), form["session"], by.actor)
    return _back(by, "session-ended")


async def end_sessions(by: AskedByAdmin, _: Form) -> web.Response:
    await by.services.administration.end_sessions(_user_id(by), by.actor)
    return _back(by, "sessions-ended")


async def remove_factors(by: AskedByAdmin, _: Form) -> web.Response:
    were_there = await by.services.administration.remove_factors(_user_id(by), by.actor)
    return _back(by, "factors-removed" if were_there else "no-factors")


async def send_reset(by: AskedByAdmin, _: Form) -> web.Response:
    await by.services.administration.send_reset(_user_id(by), by.actor)
    return _back(by, "reset-sent")


async def _trail(by: AskedByAdmin, user_id: UUID) -> tuple[Sequence[Entry] | None, str]:
    """A page of events, the newest first, and where the following one begins. None where no trail is kept."""
    after = by.request.query.get("after", "")
    try:
        behind = TrailCursor.read(after) if after else BEGINNING
    except ValueError:
        raise NothingHereError from None
    with suppress(NotConfiguredError):
        # One more than is shown tells whether there is another page.
        found = (await by.services.oversight.audit(user_id, None, LONG_AGO, ENTRIES + 1, behind)).entries
        shown = found[:ENTRIES]
        is_last = len(found) <= ENTRIES
        return shown, "" if is_last else TrailCursor.write(Place(shown[-1].at, shown[-1].id))
    return None, ""


def _user_id(by: AskedByAdmin) -> UUID:
    """Of the path. Raises UserNotFoundError for whatever is no id."""
    try:
        return UUID(by.request.match_info["userId"])
    except ValueError:
        raise UserNotFoundError from None


def _back(by: AskedByAdmin, done: str) -> web.Response:
    return redirect(f"/admin/people/{_user_id(by)}?done={done}")

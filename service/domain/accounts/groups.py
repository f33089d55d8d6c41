"""Groups of an account: given by operators, carried by its tokens as the claim `cognito:groups`."""

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from service.domain.accounts.ports import Users
from service.domain.credentials import emails
from service.domain.events.security_events import Event, Events, Name, Reason

MOST = 100  # of one account
MOST_BYTES = 2_500  # of all of them, as JSON: a token with more could outgrow what verifiers and proxies take
TOO_MANY = f"an account has at most {MOST} groups, and all of them take at most {MOST_BYTES} bytes of JSON"
SHAPE = re.compile(r"[A-Za-z0-9._:-]{1,64}", re.ASCII)


class TooManyGroupsError(Exception):
    """See TOO_MANY."""


@dataclass(frozen=True, slots=True)
class AccountGroups:
    names: Sequence[str]
    address_is_proved: bool  # otherwise the account may be anybody's


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    users: Users
    events: Events

    async def change(self, email: str, added: Sequence[str], removed: Sequence[str]) -> AccountGroups | None:
        """The account's groups after the change, None when there is no such account.

        Tokens carry them from the next login or refresh on. Raises TooManyGroupsError.
        """
        user = await self.users.by_email(emails.for_look_up(email))
        if user is None:
            return None
        is_proved = user.email_verified_at is not None
        if not (added or removed):
            return AccountGroups(user.groups, is_proved)
        groups = await self.users.change_groups(user.id, added, removed, MOST, MOST_BYTES)
        if groups is None:
            raise TooManyGroupsError
        self.events.emit(Event(Name.USER_UPDATED, reason=Reason.GROUPS_CHANGED, user_id=user.id))
        return AccountGroups(groups, is_proved)


def fit(groups: Collection[str], before: Collection[str] = ()) -> bool:
    """Whether an account may have these. One that had more bytes of them may have fewer."""
    return len(groups) <= MOST and size_of(groups) <= max(MOST_BYTES, size_of(before))


def size_of(groups: Collection[str]) -> int:
    return len(json.dumps([*groups], separators=(",", ":")))

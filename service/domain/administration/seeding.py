"""Accounts of a file, opened once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from service.domain.administration.administration import Administration
from service.domain.administration.models import NewUser
from service.domain.administration.rules import require_good
from service.domain.credentials import emails
from service.domain.sessions.ports import UserLookup
from service.errors import EmailTakenError


class Seeded(NamedTuple):
    opened: int
    present: int  # left as they are


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeding:
    administration: Administration
    users: UserLookup

    async def apply(self, people: Sequence[NewUser], actor: str) -> Seeded:
        """Each account with all that it has, or not at all; it may be run again, by several at once too.

        Raises InvalidFieldsError before anything is done, and as `Administration.create` does.
        """
        for new in people:
            require_good(new)
        opened = 0
        for new in people:
            if await self.users.by_email(emails.canonical(new.email)):
                continue  # to hash its password would be for nothing
            try:
                await self.administration.create(new, actor)
            except EmailTakenError:
                continue
            opened += 1
        return Seeded(opened, len(people) - opened)

"""What a client may call a user: by the e-mail address, or by the user's id."""

from dataclasses import dataclass

from service.domain.credentials import emails
from service.domain.credentials.made_up_ids import named_id
from service.domain.sessions.ports import UserLookup


@dataclass(frozen=True, slots=True, kw_only=True)
class Usernames:
    users: UserLookup

    async def address_of(self, username: str) -> str:
        """The address of the user with this id; any other text as it is.

        An id of nobody goes on as an address of nobody, with the same look-ups and limits.
        """
        user_id = named_id(username)
        user = await self.users.by_id(user_id) if user_id else None
        return user.canonical_email if user else username

    async def is_known(self, address: str) -> bool:
        """Whether the address has an account: for services that make no secret of it."""
        return await self.users.by_email(emails.for_look_up(address)) is not None

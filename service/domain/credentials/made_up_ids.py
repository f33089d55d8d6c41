"""The ids of users: those that are named, and those that stand for addresses without an account."""

import re
from dataclasses import dataclass
from uuid import UUID

from service.domain.seals import Purpose, Seals

ID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)


def named_id(username: str) -> UUID | None:
    """The id that a client names a user by; None for other texts. Surrounding blanks are ignored, as in addresses."""
    text = username.strip()
    return UUID(text) if ID.fullmatch(text) else None


@dataclass(frozen=True, slots=True)
class MadeUpIds:
    """One derivation for all that an id is shown or needed for: whoever is told one here may name it there."""

    seals: Seals

    def of(self, canonical_email: str) -> UUID:
        return _id(self.seals.steady_digest(Purpose.DECOY, f"user {canonical_email}"))

    def called(self, username: str) -> UUID:
        """The made-up id itself is another name of its address."""
        return named_id(username) or self.of(username)

    def key_of(self, made_up: UUID) -> UUID:
        """Of what is kept for it. No account's id, so that nobody reaches what an account has by its id as a name."""
        return _id(self.seals.steady_digest(Purpose.DECOY, f"nobody {made_up}"))


def _id(digest: bytes) -> UUID:
    return UUID(bytes=digest[:16], version=4)

"""Who may sign up: everybody, whoever has an invitation, or nobody."""

import base64
import binascii
import hmac
import re
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from service.ambient import Ambient
from service.domain.accounts.models import Invitation
from service.domain.accounts.ports import InvitationStore
from service.domain.events.security_events import Event, Events, Name, Outcome, Reason
from service.domain.seals import Purpose, Seals
from service.errors import InvalidInvitationError, SignUpClosedError

SHAPE = re.compile(r"iv_([A-Za-z0-9_-]{22})[A-Za-z0-9_-]{43}", re.ASCII)
PAGE = "/sign-up"  # that an invitation leads to, below the base URL


def as_key_id(invitation_id: UUID | None) -> str:
    """What events name an invitation by; nobody signs up with it."""
    return f"invitation:{invitation_id}" if invitation_id else ""


@dataclass(frozen=True, slots=True)
class InvitationLinks:
    """Secrets of invitations are derived from their ids: no store has them, and a mail written again has the same."""

    seals: Seals
    base_url: str

    def token(self, invitation_id: UUID) -> str:
        """Names the invitation, and has 256 bits that only the service can compute."""
        return self._tokens(invitation_id)[0]

    def link(self, invitation_id: UUID) -> str:
        return f"{self.base_url}{PAGE}?invitation={self.token(invitation_id)}"

    def named_in(self, token: str) -> UUID | None:
        """The id in a token of ours, made with any secret that is set; None for any other text."""
        match = SHAPE.fullmatch(token)
        if match is None:
            return None
        try:
            invitation_id = UUID(bytes=base64.b64decode(match[1] + "==", b"-_", validate=True))
        except (binascii.Error, ValueError):
            return None
        good = [hmac.compare_digest(token, one) for one in self._tokens(invitation_id)]
        return invitation_id if any(good) else None

    def _tokens(self, invitation_id: UUID) -> list[str]:
        digests = self.seals.digests(Purpose.INVITATION, str(invitation_id))
        return [f"iv_{_base64url(invitation_id.bytes)}{_base64url(digest)}" for digest in digests]


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    mode: Literal["open", "invited", "closed"]
    invitations: InvitationStore
    links: InvitationLinks
    ambient: Ambient
    events: Events

    def require_open(self) -> None:
        """Raises SignUpClosedError where nobody may sign up."""
        if self.mode == "closed":
            raise SignUpClosedError

    async def admit(self, token: str, canonical_email: str) -> Invitation | None:
        """The invitation that is shown; one must be, but where sign-up is open.

        A look, which spares the hash of a password: an invitation is used with the account's row, in one statement.
        Raises InvalidInvitationError.
        """
        if not token and self.mode == "open":
            return None
        named = self.links.named_in(token)
        invitation = await self.invitations.find(named, self.ambient.now()) if named else None
        if invitation is None or invitation.canonical_email not in ("", canonical_email):
            raise self.refusal(canonical_email)
        return invitation

    def refusal(self, canonical_email: str) -> InvalidInvitationError:
        account = self.events.account(canonical_email)
        self.events.emit(Event(Name.USER_CREATED, Outcome.FAILURE, Reason.NOT_INVITED, account=account))
        return InvalidInvitationError()


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")

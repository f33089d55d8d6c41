"""The codes and links of mails, derived from a mail's id: no store has them, and a mail written again has the same."""

import base64
import binascii
import hmac
import re
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from service.domain.credentials.made_up_ids import MadeUpIds
from service.domain.mail.models import Kind
from service.domain.seals import Purpose, Seals

CODE_DIGITS = 8
PREFIXES = {Kind.RESET: "mr", Kind.VERIFY: "mv", Kind.EMAIL_CHANGE: "mc", Kind.EMAIL_UNDO: "mu"}
KINDS = {prefix: kind for kind, prefix in PREFIXES.items()}
SHAPE = re.compile(r"(m[rvcu])_([A-Za-z0-9_-]{22})([A-Za-z0-9_-]{43})", re.ASCII)


class NamedInLink(NamedTuple):
    """What a link's token names. It is not checked yet."""

    kind: Kind
    user_id: UUID


@dataclass(frozen=True, slots=True)
class MailSecrets:
    """`mail_id`: of the mail; for a link that undoes a change of address, the id of the change."""

    seals: Seals

    def token(self, kind: Kind, user_id: UUID, mail_id: UUID) -> str:
        """A link's: what it is for, the user, and 256 bits that only the service can compute."""
        return _token(kind, user_id, self.seals.digests(Purpose.MAIL_TOKEN, _named(kind, user_id, mail_id))[0])

    def code(self, kind: Kind, user_id: UUID, mail_id: UUID) -> str:
        return _code(self.seals.digests(Purpose.MAIL_CODE, _named(kind, user_id, mail_id))[0])

    def is_token(self, shown: str, kind: Kind, user_id: UUID, mail_id: UUID) -> bool:
        """Whether it is the mail's, under any secret that is set."""
        found = self.seals.digests(Purpose.MAIL_TOKEN, _named(kind, user_id, mail_id))
        return _any_is(shown, [_token(kind, user_id, one) for one in found])

    def is_code(self, shown: str, kind: Kind, user_id: UUID, mail_id: UUID) -> bool:
        """As `is_token`. Blanks between the digits are ignored: people copy them from mails."""
        found = self.seals.digests(Purpose.MAIL_CODE, _named(kind, user_id, mail_id))
        return _any_is("".join(shown.split()), [_code(one) for one in found])

    def state(self, *facts: str) -> str:
        """A digest that stands for the state of an account."""
        return self.seals.pseudonym("\0".join(facts), Purpose.MAIL_CODE)

    def is_state(self, held: str, *facts: str) -> bool:
        return _any_is(held, self.seals.pseudonyms("\0".join(facts), Purpose.MAIL_CODE))

    def nobody(self, canonical_email: str) -> UUID:
        """A user id that stands for an address without an account, so that it is looked up as any other."""
        made_up = MadeUpIds(self.seals)
        return made_up.key_of(made_up.of(canonical_email))

    def nobody_called(self, username: str) -> UUID:
        """As `nobody`, where a name may be an id too: the made-up id of an address stands for the same as the address.

        For names of Cognito's protocol alone, where an account answers to its id as well.
        """
        made_up = MadeUpIds(self.seals)
        return made_up.key_of(made_up.called(username))


def named_in(token: str) -> NamedInLink | None:
    """None: the token has not the shape of any link's."""
    match = SHAPE.fullmatch(token)
    if match is None:
        return None
    try:
        return NamedInLink(KINDS[match[1]], UUID(bytes=base64.b64decode(match[2] + "==", b"-_", validate=True)))
    except (binascii.Error, ValueError):
        return None


def _named(kind: Kind, user_id: UUID, mail_id: UUID) -> str:
    return f"{kind.value}\0{user_id}\0{mail_id}"


def _token(kind: Kind, user_id: UUID, digest: bytes) -> str:
    return f"{PREFIXES[kind]}_{_base64url(user_id.bytes)}{_base64url(digest)}"


def _code(digest: bytes) -> str:
    return f"{int.from_bytes(digest) % 10**CODE_DIGITS:0{CODE_DIGITS}}"


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _any_is(shown: str, good: list[str]) -> bool:
    return any([hmac.compare_digest(shown.encode(), one.encode()) for one in good])  # noqa: C419 - all, in equal time

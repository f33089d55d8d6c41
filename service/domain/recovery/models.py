"""What mails prove: their codes and links, and changes of the e-mail address."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from uuid import UUID

from service.domain.mail.models import Kind
from service.domain.models import User
from service.domain.sessions.models import PendingRevocation

LIVES: Mapping[Kind, timedelta] = {  # from the time that a mail was asked for
    Kind.VERIFY: timedelta(hours=24),
    Kind.RESET: timedelta(minutes=15),
    Kind.EMAIL_CHANGE: timedelta(minutes=30),
}
UNDO_FOR = timedelta(days=7)
DISTRUSTED = timedelta(days=7)  # what was added so long before a change that is undone goes as well
TRIES = 5  # wrong codes for each mail; links cannot be guessed and are not counted


@dataclass(frozen=True, slots=True)
class MailEvidence:
    """What somebody shows of a mail: the token of its link, or its code and the address."""

    token: str = ""
    email: str = ""
    code: str = ""
    is_username: bool = False  # of Cognito's protocol, where ids are names too


@dataclass(frozen=True, slots=True)
class MailedCode:
    """A mail whose code and link are good. Neither is remembered: both are derived from the mail's id."""

    mail_id: UUID
    created_at: datetime  # of the mail
    state: str  # keyed digest of the account's state for which it is good
    subject: str = ""  # the id of a change of address
    life: timedelta | None = None  # None: that of its kind

    def is_over(self, kind: Kind, now: datetime) -> bool:
        return now >= self.created_at + (self.life or LIVES[kind])


class NoCode(Enum):
    """Why no code is right."""

    NONE = "no mail is good: none was asked for, or it is used or too old"
    NO_TRIES_LEFT = "there were too many wrong codes"


@dataclass(frozen=True, slots=True)
class MailProof:
    """The account whose mails somebody reads, and the mail that proved it."""

    user: User
    code: MailedCode


@dataclass(frozen=True, slots=True)
class NewApiKey:
    sealed: bytes
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordReset:
    """A new password for an account in the state of `before`. `ending` has the time of the change."""

    before: User
    password_hash: str
    at: datetime
    ending: PendingRevocation
    api_key: NewApiKey  # used with `replace_api_key`, and always when the address is proved for the first time
    replace_api_key: bool
    is_first_proof: bool  # nothing changes if the address is proved by then


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmedChange:
    """A change of the account in the state of `before`, and the mail that tells the address before how to undo it."""

    change_id: UUID
    before: User
    at: datetime
    undo_until: datetime
    ending: PendingRevocation
    mail_id: UUID
    is_proved: bool  # by somebody who is in the account; otherwise the next proof is the first one


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoneChange:
    """Back to the address before a change. `ending` has the time; the mail lets its owner choose a password."""

    change_id: UUID
    at: datetime
    password_hash: str
    ending: PendingRevocation
    api_key: NewApiKey
    mail_id: UUID

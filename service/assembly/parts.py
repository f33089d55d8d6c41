"""Everything that the application is made of, subject by subject: each is made of those above it."""

from typing import NamedTuple

from service.assembly import (
    accounts,
    credentials,
    invitations,
    mail,
    operations,
    recovery,
    second_factors,
    sessions,
    signing,
    webhooks,
)
from service.assembly.accounts import AccountParts
from service.assembly.backends import Basis
from service.assembly.credentials import Credentials
from service.assembly.mail import MailParts
from service.assembly.operations import Operations
from service.assembly.second_factors import FactorParts
from service.assembly.sessions import SessionParts
from service.assembly.signing import Signing
from service.assembly.webhooks import WebhookParts
from service.domain.accounts.invitations import Invitations
from service.domain.events.security_events import Sink
from service.domain.recovery.recovery import Recovery


class Parts(NamedTuple):
    known: Credentials
    posted: MailParts
    signed: Signing
    second: FactorParts
    opened: SessionParts
    asked: AccountParts
    recovered: Recovery
    operated: Operations
    hooked: WebhookParts
    invited: Invitations


def build_parts(basis: Basis, log_event: Sink) -> Parts:
    """Raises ConfigurationError."""
    known = credentials.build(basis, log_event)
    posted = mail.build(basis)
    signed = signing.build(basis, known)
    second = second_factors.build(basis, known, posted.notices)
    opened = sessions.build(basis, known, signed, posted)
    asked = accounts.build(basis, known, signed, second, opened)
    return Parts(
        known=known,
        posted=posted,
        signed=signed,
        second=second,
        opened=opened,
        asked=asked,
        recovered=recovery.build(basis, known, opened, posted, asked),
        operated=operations.build(basis, known, signed, opened),
        hooked=webhooks.build(basis, known),
        invited=invitations.build(basis, known, posted),
    )

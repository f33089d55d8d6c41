"""Mails and notices."""

from dataclasses import dataclass

from service.assembly.backends import OUTAGES, Basis
from service.domain.mail.mails import Mails
from service.domain.mail.notices import Notices


@dataclass(frozen=True, slots=True, kw_only=True)
class MailParts:
    mails: Mails
    notices: Notices


def build(basis: Basis) -> MailParts:
    settings, ambient, backends = basis
    mails = Mails(backends.outbox, ambient, is_configured=bool(settings.mail.url.get_secret_value()))
    return MailParts(mails=mails, notices=Notices(mails, ambient, OUTAGES))

"""Mails, notices, and their delivery."""

from collections.abc import Mapping
from dataclasses import dataclass

from service.assembly.backends import OUTAGES, Basis
from service.domain.credentials import emails
from service.domain.limits.throttle import Throttle
from service.domain.mail.mails import Mails
from service.domain.mail.models import Kind
from service.domain.mail.notices import Notices, write_notice
from service.domain.mail.ports import Courier, Writer
from service.domain.mail.worker import MailWorker
from service.settings import MailSettings, keeps_mails, mail_server


@dataclass(frozen=True, slots=True, kw_only=True)
class MailParts:
    """Without `mail.url` nobody delivers."""

    mails: Mails
    notices: Notices
    courier: Courier | None


@dataclass(frozen=True, slots=True)
class AddressLimits:
    """The limit on mails to one address, however it is spelt."""

    throttle: Throttle

    async def take(self, recipient: str) -> bool:
        return await self.throttle.mail_address(emails.for_look_up(recipient))

    async def give_back(self, recipient: str) -> None:
        await self.throttle.no_mail_to(emails.for_look_up(recipient))


def build(basis: Basis) -> MailParts:
    """Raises ConfigurationError for a template that does not work."""
    settings, ambient, backends = basis
    is_configured = bool(settings.mail.url.get_secret_value())
    mails = Mails(backends.outbox, ambient, is_configured=is_configured)
    return MailParts(
        mails=mails,
        notices=Notices(mails, backends.users, ambient, OUTAGES),
        courier=_courier(basis, settings.mail) if is_configured else None,
    )


def build_worker(
    basis: Basis, parts: MailParts, throttle: Throttle, writers: Mapping[Kind, Writer]
) -> MailWorker | None:
    """`writers` of all kinds but notices."""
    if parts.courier is None:
        return None
    worker = MailWorker(
        outbox=basis.backends.outbox,
        writers={**writers, Kind.NOTICE: write_notice},
        courier=parts.courier,
        limit=AddressLimits(throttle),
        settings=basis.settings.mail,
        ambient=basis.ambient,
        outages=OUTAGES,
    )
    parts.mails.on_wish = worker.wake
    return worker


def _courier(basis: Basis, settings: MailSettings) -> Courier:
    from service.mail.inbox import InboxCourier  # noqa: PLC0415 - jinja2 takes a fifth of a second, which few commands need
    from service.mail.letters import Letters  # noqa: PLC0415 - as above
    from service.mail.smtp import SmtpCourier  # noqa: PLC0415 - as above

    letters = Letters(settings, basis.settings.tokens.issuer)
    if keeps_mails(settings):
        return InboxCourier(basis.backends.outbox, letters)
    return SmtpCourier(mail_server(settings.url.get_secret_value()), letters, settings.timeout.total_seconds())

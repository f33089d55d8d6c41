"""The URL of the mail server, and the addresses that mails come from."""

from dataclasses import dataclass, field
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from enum import StrEnum
from typing import cast
from urllib.parse import unquote, urlsplit

from service.operator_errors import ConfigurationError
from service.settings.sections import MailSettings
from service.settings.url_options import options_of

INBOX = "inbox:"
URL = "TOKENHOUSE_MAIL__URL"
FORM = "smtp://user:password@host:587, smtps://user:password@host, or inbox:"
PORTS = {"smtp": 587, "smtps": 465}


class MailTls(StrEnum):
    IMPLICIT = "implicit"  # from the first byte
    REQUIRED = "required"  # by STARTTLS
    OFFERED = "offered"  # by STARTTLS, if the server has it
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class MailServer:
    host: str
    port: int
    tls: MailTls
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)


def keeps_mails(settings: MailSettings) -> bool:
    """Whether mails are kept in the database instead of being sent."""
    return settings.url.get_secret_value() == INBOX


def mail_server(url: str) -> MailServer:
    """Raises ConfigurationError, which quotes nothing of it."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = urlsplit(""), None, None
    if parts.scheme not in PORTS or not host or parts.path not in ("", "/") or parts.fragment or port == 0:
        raise ConfigurationError(f"{URL} is no {FORM}; in a password, percent-encode what is no letter or digit")
    if not host.isascii():
        raise ConfigurationError(f"{URL}: write the host in ASCII (xn--...)")
    if parts.netloc.count("@") > 1:  # the host may not be what was meant
        raise ConfigurationError(f"{URL}: write `@` in a user or a password as %40")
    if (parts.username is None) is not (parts.password is None) or parts.username == "":
        raise ConfigurationError(f"{URL}: give a user and a password, or neither")
    tls = _tls(parts.scheme, options_of(URL, parts), has_password=parts.password is not None)
    user, password = (None if one is None else unquote(one) for one in (parts.username, parts.password))
    return MailServer(host, port or PORTS[parts.scheme], tls, user, password)


def require_usable_mail(settings: MailSettings) -> None:
    """Raises ConfigurationError for a URL or an address that cannot work."""
    url = settings.url.get_secret_value()
    if not url:
        return
    if url != INBOX:
        mail_server(url)
    if not settings.sender:
        raise ConfigurationError("TOKENHOUSE_MAIL__SENDER is missing: Accounts <accounts@example.com>")
    mailbox("TOKENHOUSE_MAIL__SENDER", settings.sender)
    if settings.reply_to:
        mailbox("TOKENHOUSE_MAIL__REPLY_TO", settings.reply_to)
    if settings.templates and not settings.templates.is_dir():
        raise ConfigurationError("TOKENHOUSE_MAIL__TEMPLATES names no directory")


def mailbox(name: str, text: str) -> Address:
    """One address, with or without a name before it. Raises ConfigurationError."""
    message = EmailMessage(policy=SMTP)
    try:
        message["From"] = text
        (address,) = cast("tuple[Address, ...]", message["From"].addresses)
        is_good = bool(address.username and address.domain) and address.addr_spec.isascii()
        is_good = is_good and not message["From"].defects
    except (ValueError, IndexError, MessageError):
        raise ConfigurationError(_no_mailbox(name)) from None
    if not is_good:
        raise ConfigurationError(_no_mailbox(name))
    return address


def _no_mailbox(name: str) -> str:
    return f"{name} is no address: write accounts@example.com, or Accounts <accounts@example.com>, in ASCII within <>"


def _tls(scheme: str, options: dict[str, str], *, has_password: bool) -> MailTls:
    """A password is never sent in clear unless that is asked for."""
    wanted = options.pop("starttls", "")
    if options or wanted not in ("", "required", "never"):
        raise ConfigurationError(f"{URL} takes one option: starttls=required or starttls=never")
    if scheme == "smtps":
        if wanted:
            raise ConfigurationError(f"{URL}: smtps:// is TLS from the start: leave starttls out")
        return MailTls.IMPLICIT
    if wanted == "never":
        return MailTls.NEVER
    return MailTls.REQUIRED if wanted or has_password else MailTls.OFFERED

"""A kept mail in parts."""

from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

from service.domain.mail.models import KeptMail
from service.mail.inbox import PREFIX, SHOWN


@dataclass(frozen=True, slots=True)
class ShownMail:
    """`secrets`: the code and the link of the mail, where it has them."""

    facts: dict[str, str]
    secrets: dict[str, str]
    html: str


def shown(mail: KeptMail) -> ShownMail:
    message = message_from_bytes(mail.rendered, policy=default)
    facts = {
        "id": str(mail.id),
        "kind": mail.kind.value,
        "subject": str(message["Subject"] or ""),
        "to": mail.recipient,
        "at": mail.created_at.isoformat(timespec="seconds"),
        "text": _part(message, "plain"),
    }
    secrets = {name: str(value) for name in SHOWN if (value := message[f"{PREFIX}{name.title()}"])}
    return ShownMail(facts, secrets, _part(message, "html"))


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body(preferencelist=(kind,))
    return str(part.get_content()) if part else ""

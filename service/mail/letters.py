"""Letters as messages: a text and an HTML alternative, from templates that an operator can replace one by one."""

import gettext
import re
import struct
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

import jinja2
from jinja2.ext import InternationalizationExtension

from service.domain.credentials import emails
from service.domain.mail.models import Letter, Mail
from service.domain.mail.notices import Notice
from service.domain.mail.ports import RefusedError
from service.operator_errors import ConfigurationError
from service.settings import MailSettings, mailbox

OURS = Path(__file__).parent
SETTING = "TOKENHOUSE_MAIL__TEMPLATES"
BROKEN = (jinja2.TemplateError, LookupError, TypeError, ValueError, ArithmeticError, AttributeError, OSError)
SUBJECT, TEXT, HTML = "subject.txt", "txt", "html"
DOMAIN = "mails"  # of the catalogues
SOURCE = "en"  # the language that the templates are written in
LANGUAGE = re.compile(r"[a-z]{2,8}(?:-[a-z0-9]{1,8})*", re.ASCII)
LINK = MappingProxyType({"link": "https://auth.example.com/x?token=y", "minutes": "10080", "hours": "168", "days": "7"})
CODE = MappingProxyType({**LINK, "code": "12345678", "minutes": "15", "hours": "0", "days": "0"})
SIGN_IN = MappingProxyType({"code": "12345678", "minutes": "3"})
WHAT = MappingProxyType({"at": "2026-11-24 12:00 UTC", "network": "192.0.2.0/24", "agent": "Firefox on Linux"})
# Values that each template gets, of which all are tried at the start: a mistake shows then, not in the first mail.
SAMPLES: Mapping[str, tuple[Mapping[str, str], ...]] = {
    "verify": (CODE,),
    "reset": (CODE,),
    "email_change": (CODE,),
    "email_undo": (LINK,),
    "sign_in": (SIGN_IN,),
    "invitation": ({"link": LINK["link"], "until": "2026-12-01 12:00 UTC"},),
    "notice": tuple(
        {"what": what.value, **values} for what in Notice for values in (WHAT, WHAT | {"network": "", "agent": ""})
    ),
    "test": ({},),
}


@dataclass(frozen=True, slots=True)
class RenderedMail:
    recipient: str  # of the envelope, in ASCII
    message: bytes


class Letters:
    """Raises ConfigurationError for a template or a catalogue that does not work."""

    def __init__(self, settings: MailSettings, issuer: str) -> None:
        self.sender = mailbox("TOKENHOUSE_MAIL__SENDER", settings.sender)
        self.host = urlsplit(issuer).hostname or "localhost"
        self._sender = settings.sender
        self._reply_to = settings.reply_to
        self._own = settings.templates
        self._refuse_unknown_names()
        self._environments = {language: self._environment(language) for language in self._languages()}
        for language in self._environments:
            self._try_all(language)

    def render(self, mail: Mail, letter: Letter, extra: Mapping[str, str] = MappingProxyType({})) -> RenderedMail:
        """The same bytes for the same mail. `extra` are more header fields. Raises RefusedError, or jinja2's errors."""
        recipient = _in_ascii(letter.recipient)
        subject, text, html = self._texts(letter.template, self._language(letter.language), letter.values)
        message = EmailMessage(policy=SMTP)
        message["From"] = self._sender
        message["To"] = recipient
        if self._reply_to:
            message["Reply-To"] = self._reply_to
        message["Subject"] = subject
        message["Date"] = mail.created_at
        message["Message-ID"] = f"<{mail.id}@{self.host}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no vacation message is sent back
        for name, value in extra.items():
            message[name] = value
        message.set_content(text, cte="quoted-printable")
        message.add_alternative(html, subtype="html", cte="quoted-printable")
        message.set_boundary(f"=_{mail.id.hex}")  # the library's own is random
        return RenderedMail(recipient, message.as_bytes())

    def _texts(self, template: str, language: str, values: Mapping[str, str]) -> tuple[str, str, str]:
        environment = self._environments[language]
        given = {**values, "host": self.host, "language": language or SOURCE}
        subject, text, html = (
            environment.get_template(f"{template}.{part}").render(given) for part in (SUBJECT, TEXT, HTML)
        )
        return " ".join(subject.split()), text.strip() + "\n", html

    def _language(self, wanted: str) -> str:
        """The nearest one that there is a catalogue for: `de` for `de-AT`; empty for the templates' own."""
        tag = wanted.lower()
        while tag and tag not in self._environments:
            tag = tag.rpartition("-")[0]
        return tag

    def _languages(self) -> Iterator[str]:
        yield ""
        found = {place.name for root in self._roots() for place in (root / "locale").glob("*") if place.is_dir()}
        for name in found:
            tag = name.replace("_", "-").lower()
            if not LANGUAGE.fullmatch(tag):
                raise ConfigurationError(f"{SETTING}: locale/{name} is no language, such as de or pt-BR")
            yield tag

    def _roots(self) -> list[Path]:
        return [*([self._own] if self._own else []), OURS]

    def _environment(self, language: str) -> jinja2.Environment:
        own = [jinja2.FileSystemLoader(self._own)] if self._own else []
        environment = jinja2.Environment(
            loader=jinja2.ChoiceLoader([*own, jinja2.FileSystemLoader(OURS / "templates")]),
            autoescape=jinja2.select_autoescape((HTML,), default=False),
            undefined=jinja2.StrictUndefined,
            extensions=[InternationalizationExtension],
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.policies["ext.i18n.trimmed"] = True
        catalogue = self._catalogue(language) if language else gettext.NullTranslations()
        install = environment.install_gettext_translations  # type: ignore[attr-defined] # added by the extension
        install(catalogue, newstyle=True)
        return environment

    def _catalogue(self, language: str) -> gettext.NullTranslations:
        """Of our own and the operator's, the latter's words come first."""
        found: gettext.NullTranslations | None = None
        for root in self._roots():
            for place in sorted((root / "locale").glob("*")):
                if place.name.replace("_", "-").lower() == language:
                    one = _read(place / "LC_MESSAGES" / f"{DOMAIN}.mo")
                    found = one if found is None else _with_fallback(found, one)
        return found or gettext.NullTranslations()

    def _refuse_unknown_names(self) -> None:
        """A file that replaces none of ours would be passed over in silence."""
        ours = {file.name for file in (OURS / "templates").iterdir()}
        own = self._own.iterdir() if self._own else ()
        for name in sorted(file.name for file in own if file.is_file() and not file.name.startswith(".")):
            if name not in ours:
                raise ConfigurationError(f"{SETTING}: {name!r} is no template of ours: {', '.join(sorted(ours))}")

    def _try_all(self, language: str) -> None:
        for template, samples in SAMPLES.items():
            for values in samples:
                try:
                    texts = self._texts(template, language, values)
                except BROKEN as error:
                    raise ConfigurationError(_complaint(template, language, error)) from None
                if not all(map(str.strip, texts)):
                    raise ConfigurationError(f"{SETTING}: a part of the mail {template} is empty")


def _with_fallback(first: gettext.NullTranslations, then: gettext.NullTranslations) -> gettext.NullTranslations:
    first.add_fallback(then)
    return first


def _read(file: Path) -> gettext.NullTranslations:
    try:
        with file.open("rb") as stream:
            return gettext.GNUTranslations(stream)
    except (OSError, ValueError, LookupError, struct.error) as error:
        raise ConfigurationError(f"{SETTING}: {file} is no compiled catalogue ({error})") from None


def _complaint(template: str, language: str, error: Exception) -> str:
    where = f"the mail {template}"
    if isinstance(error, jinja2.TemplateSyntaxError):
        where = f"{error.filename or error.name}, line {error.lineno}"
    elif places := [one for one in traceback.extract_tb(error.__traceback__) if _is_template(one.filename)]:
        where = f"{places[-1].filename}, line {places[-1].lineno}"
    where += f" in {language}" if language else ""
    why = " ".join(str(error).split()) or type(error).__name__
    return f"{SETTING}: {where}: {why}"


def _is_template(file: str) -> bool:
    """jinja2 puts the lines of templates into the traceback."""
    return file.endswith((f".{TEXT}", f".{HTML}", ".macros"))


def _in_ascii(recipient: str) -> str:
    """As the account has it, but for letters that a mail server may not take. Raises RefusedError."""
    try:
        canonical = emails.canonical(recipient)
    except emails.InvalidEmailError:
        raise RefusedError("not an address") from None
    return recipient.strip() if recipient.isascii() else canonical

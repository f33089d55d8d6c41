"""Mails as they are written: the same each time, escaped, without anything from elsewhere; own templates and languages."""

import re
import struct
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from uuid import UUID

import pytest

from service.domain.mail.models import Kind, Letter, Mail
from service.domain.mail.notices import Notice, write_notice
from service.mail.letters import OURS, SAMPLES, Letters
from service.operator_errors import ConfigurationError
from service.settings import MailSettings
from tests.support.builders import NOON

ADA = "ada@example.com"
ISSUER = "https://auth.example.com:8443/base"
CODE = {"code": "12345678", "link": "https://auth.example.com/reset?token=a&b", "minutes": "15"}


def letters(**settings: object) -> Letters:
    return Letters(MailSettings.model_validate({"sender": "Tokens <accounts@example.com>"} | settings), ISSUER)


def mail(number: int = 1, **fields: object) -> Mail:
    facts = {"kind": Kind.RESET, "recipient": ADA, "id": UUID(int=number), "created_at": NOON, "attempts": 1}
    return Mail(**(facts | fields))  # type: ignore[arg-type] # any of its fields


def written(
    template: str = "reset", values: dict[str, str] | None = None, by: Letters | None = None, language: str = ""
) -> EmailMessage:
    letter = Letter(recipient=ADA, template=template, values=CODE if values is None else values, language=language)
    return message_from_bytes((by or letters()).render(mail(), letter).message, policy=default)


def text_of(message: EmailMessage, kind: str = "plain") -> str:
    part = message.get_body(preferencelist=(kind,))
    assert part
    return str(part.get_content()).replace("\r\n", "\n")


@pytest.mark.parametrize("template", SAMPLES)
def test_each_mail_has_a_subject_a_text_and_an_html_part_that_loads_nothing(template: str) -> None:
    for values in SAMPLES[template]:
        message = written(template, dict(values))
        assert message["Subject"].strip()
        assert message.get_content_type() == "multipart/alternative"
        text, html = text_of(message), text_of(message, "html")
        assert "<" not in text.replace("<>", "")
        assert not re.search(r"<(img|script|link|style|iframe|object|form)\b|url\(|@import|\bsrc=|\bon\w+=", html)
        for name in ("code", "link"):
            if name in values:
                assert values[name] in text
                assert values[name].replace("&", "&amp;") in html
        assert "auth.example.com" in text
        assert "\n\n\n" not in text


def test_every_kind_has_its_template_and_every_template_its_samples() -> None:
    names = {file.name.removesuffix(".subject.txt") for file in (OURS / "templates").glob("*.subject.txt")}
    assert names == set(SAMPLES)
    assert {kind.value for kind in Kind} - {"other"} == names - {"test"}


def test_a_template_of_the_operator_may_say_how_long_a_mail_is_good_in_any_unit(tmp_path: Path) -> None:
    for name in ("email_undo.txt", "reset.txt"):
        (tmp_path / name).write_text("{{ minutes }} {{ hours }} {{ days }}")
    undo = written("email_undo", dict(SAMPLES["email_undo"][0]), letters(templates=tmp_path))
    assert text_of(undo) == "10080 168 7\n"


def test_a_mail_by_which_a_change_is_undone_says_for_how_long_it_can_be() -> None:
    message = written("email_undo", dict(SAMPLES["email_undo"][0]))
    for kind in ("plain", "html"):
        assert "The address is good for 7 days, and once." in text_of(message, kind)


def test_the_same_mail_written_twice_is_the_same_to_the_byte() -> None:
    letter = Letter(recipient=ADA, template="reset", values=CODE)
    one, other = letters().render(mail(), letter), letters().render(mail(), letter)
    assert one == other
    assert letters().render(mail(2), letter) != one


def test_the_parts_of_the_head() -> None:
    message = written(by=letters(reply_to="Help <help@example.com>"))
    assert {name: str(message[name]) for name in message if name not in ("MIME-Version", "Content-Type")} == {
        "From": "Tokens <accounts@example.com>",
        "To": ADA,
        "Reply-To": "Help <help@example.com>",
        "Subject": "Set a new password",
        "Date": "Tue, 24 Nov 2026 12:00:00 +0000",
        "Message-ID": f"<{UUID(int=1)}@auth.example.com>",
        "Auto-Submitted": "auto-generated",
    }


def test_blanks_around_an_address_are_no_part_of_it() -> None:
    rendered = letters().render(mail(), Letter(recipient=f" {ADA} ", template="test"))
    assert rendered.recipient == ADA
    assert f"To: {ADA}\r\n".encode() in rendered.message


def test_values_are_escaped_in_html_and_only_there() -> None:
    message = written(values=CODE | {"code": "<b>&"})
    assert "<b>&" in text_of(message)
    assert "&lt;b&gt;&amp;" in text_of(message, "html")
    assert "<b>" not in text_of(message, "html")


@pytest.mark.parametrize(
    ("minutes", "said"),
    [("1", "for one minute"), ("15", "for 15 minutes"), ("90", "for 90 minutes"), ("1440", "for 24 hours")],
)
def test_how_long_a_code_is_good_is_said_in_words_that_fit(minutes: str, said: str) -> None:
    message = written(values=CODE | {"minutes": minutes})
    assert said in text_of(message)
    assert said in text_of(message, "html")


def test_a_value_that_is_missing_is_an_error_and_not_an_empty_place() -> None:
    with pytest.raises(Exception, match="link"):
        written(values={"code": "1", "minutes": "15"})


async def test_a_notice_says_what_happened_and_when_and_from_where() -> None:
    facts = {"what": "api_key_replaced", "at": "2026-11-24T12:34:56+00:00", "network": "192.0.2.0/24"}
    letter = await write_notice(mail(kind=Kind.NOTICE, facts=facts | {"agent": "Firefox on Linux"}, language="en"))
    text = text_of(written(letter.template, dict(letter.values)))
    assert "An API key of your account was replaced." in text
    assert "2026-11-24 12:34 UTC" in text
    assert "192.0.2.0/24, Firefox on Linux" in text
    bare = await write_notice(mail(kind=Kind.NOTICE, facts={"what": "by_operator", "at": facts["at"]}))
    assert "From:" not in text_of(written(bare.template, dict(bare.values)))


def test_each_notice_has_words_of_its_own() -> None:
    said = [text_of(written("notice", {"what": what.value, "at": "", "network": "", "agent": ""})) for what in Notice]
    assert len({text.split("\n")[0] for text in said}) == len(Notice)
    assert not [text for text in said if "Something about the security" in text]


# --- own templates


def test_a_template_of_the_operator_replaces_ours_and_the_others_stay(tmp_path: Path) -> None:
    (tmp_path / "reset.subject.txt").write_text("A new password\n  for {{ host }}\n")
    (tmp_path / "base.html").write_text(
        "<html><title>{% block title %}{% endblock %}</title>ACME{% block body %}{% endblock %}"
    )
    message = written(by=letters(templates=tmp_path))
    assert message["Subject"] == "A new password for auth.example.com"
    assert "ACME" in text_of(message, "html")
    assert CODE["code"] in text_of(message, "html")


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("reset.txt", "{{ code ", "reset.txt, line 1"),
        ("reset.txt", "{{ cod }}", "reset.txt, line 1: 'cod' is undefined"),
        ("notice.html", "{% if %}", "notice.html, line 1"),
        ("verify.html", "{% extends 'nothing.html' %}", "nothing.html"),
        ("verify.subject.txt", " \n", "a part of the mail verify is empty"),
        ("test.txt", "{{ 1 // 0 }}", "test.txt, line 1"),
        ("test.txt", "{{ host.x.y }}", "test.txt, line 1"),
        ("test.txt", "{% trans %}%(x)s{% endtrans %}{{ host|nosuch }}", "nosuch"),
        ("test.txt", b"\xff\xfe", "the mail test"),
    ],
)
def test_a_template_that_does_not_work_is_found_at_the_start(
    tmp_path: Path, file: str, content: str | bytes, said: str
) -> None:
    (tmp_path / file).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigurationError) as refusal:
        letters(templates=tmp_path)
    message = str(refusal.value)
    assert message.startswith("TOKENHOUSE_MAIL__TEMPLATES: ")
    assert said in message
    assert "\n" not in message


# --- languages


def catalogue(place: Path, language: str, texts: dict[str, str]) -> None:
    """A compiled catalogue (GNU gettext's format)."""
    folder = place / "locale" / language / "LC_MESSAGES"
    folder.mkdir(parents=True)
    told = {"": "Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=2; plural=n != 1;\n"} | texts
    pairs = sorted((key.encode(), value.encode()) for key, value in told.items())
    begin = 28 + 16 * len(pairs)
    tables, data = [b"", b""], b""
    for column in (0, 1):
        for pair in pairs:
            tables[column] += struct.pack("<II", len(pair[column]), begin + len(data))
            data += pair[column] + b"\0"
    head = struct.pack("<7I", 0x950412DE, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, 0)
    (folder / "mails.mo").write_bytes(head + tables[0] + tables[1] + data)


GERMAN = {
    "Set a new password": "Neues Passwort",
    "Or open this address:": "Oder öffnen Sie diese Adresse:",
    "The code and the address are good for one minute, and once.\0"
    "The code and the address are good for %(minutes)s minutes, and once.": "Eine Minute.\0%(minutes)s Minuten.",
}


@pytest.mark.parametrize("asked", ["de", "de-AT", "DE-at", "de-Latn-AT"])
def test_a_mail_is_in_the_nearest_language_there_is(tmp_path: Path, asked: str) -> None:
    catalogue(tmp_path, "de", GERMAN)
    message = written(by=letters(templates=tmp_path), language=asked)
    assert message["Subject"] == "Neues Passwort"
    text = text_of(message)
    assert "Oder öffnen Sie diese Adresse:" in text
    assert "15 Minuten." in text
    assert "ignore this mail" in text  # not translated
    assert '<html lang="de' in text_of(message, "html")


@pytest.mark.parametrize("asked", ["", "fr", "d", "../de", "de/../..", "x" * 99])
def test_in_any_other_language_a_mail_is_in_english(tmp_path: Path, asked: str) -> None:
    catalogue(tmp_path, "de", GERMAN)
    message = written(by=letters(templates=tmp_path), language=asked)
    assert message["Subject"] == "Set a new password"
    assert '<html lang="en">' in text_of(message, "html")


def test_the_nearest_language_is_the_one_with_the_region(tmp_path: Path) -> None:
    catalogue(tmp_path, "pt", {"Set a new password": "A"})
    catalogue(tmp_path, "pt_BR", {"Set a new password": "B"})
    one = letters(templates=tmp_path)
    assert [written(by=one, language=asked)["Subject"] for asked in ("pt-BR", "pt-PT")] == ["B", "A"]


@pytest.mark.parametrize(
    ("language", "texts", "said"),
    [
        ("de", {"Mail from %(host)s arrives. There is nothing to do.": "%(hots)s"}, "test.txt, line 1 in de"),
        ("de", {"Mail from %(host)s arrives. There is nothing to do.": "100%"}, "test.txt, line 1 in de"),
        ("no language", {}, "no language"),
    ],
)
def test_a_catalogue_that_does_not_fit_is_found_at_the_start(
    tmp_path: Path, language: str, texts: dict[str, str], said: str
) -> None:
    catalogue(tmp_path, language, texts)
    with pytest.raises(ConfigurationError, match=said):
        letters(templates=tmp_path)


@pytest.mark.parametrize("content", [b"", b"no catalogue", struct.pack("<7I", 0x950412DE, 0, 9, 28, 28, 0, 0)])
def test_a_catalogue_that_is_none_is_found_at_the_start(tmp_path: Path, content: bytes) -> None:
    catalogue(tmp_path, "de", {})
    (tmp_path / "locale/de/LC_MESSAGES/mails.mo").write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"mails\.mo is no compiled catalogue"):
        letters(templates=tmp_path)


def test_an_issuer_without_a_host_still_gives_an_id() -> None:
    rendered = Letters(MailSettings(sender="a@example.com"), "urn:x").render(
        mail(), Letter(recipient=ADA, template="test")
    )
    assert b"@localhost>" in rendered.message

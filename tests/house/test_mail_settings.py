"""Settings of mail that cannot work: one line, exit status 78, and no secret in it."""

import os
from pathlib import Path

import pytest

from service.settings import MailServer, MailTls, mail_server
from tests.house.test_configuration import refusal_of

URL = "smtp://ada:s3cret@mail.example.com"
GOOD = {"TOKENHOUSE_MAIL__URL": URL, "TOKENHOUSE_MAIL__SENDER": "accounts@example.com"}


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://h", MailServer("h", 587, MailTls.OFFERED)),
        ("smtp://h:25?starttls=never", MailServer("h", 25, MailTls.NEVER)),
        ("smtp://h/?starttls=required", MailServer("h", 587, MailTls.REQUIRED)),
        ("smtps://h", MailServer("h", 465, MailTls.IMPLICIT)),
        ("smtp://[::1]:2525", MailServer("::1", 2525, MailTls.OFFERED)),
        ("smtp://a%40b:p%3A%2F%25@h", MailServer("h", 587, MailTls.REQUIRED, "a@b", "p:/%")),
        ("smtp://a:@h?starttls=never", MailServer("h", 587, MailTls.NEVER, "a", "")),
    ],
)
def test_a_url_and_what_it_means(url: str, server: MailServer) -> None:
    assert mail_server(url) == server


@pytest.mark.parametrize(
    "url",
    [
        "s3cret",
        "http://s3cret@h",
        "smtp://",
        "smtp://:s3cret@h",
        "smtp://s3cret@h",
        "smtp://ada:s3cr/et@h",
        "smtp://ada:s3cr#et@h",
        "smtp://ada:s3cret?@h",
        "smtp://ada:s3cret@h:0",
        "smtp://ada:s3cret@h:port",
        "smtp://ada:s3cret@h:99999",
        "smtp://ada:s3cret@h/path",
        "smtp://ada:s3cret@h?starttls=maybe",
        "smtp://ada:s3cret@h?tls=yes",
        "smtp://ada:s3cret@h?starttls",
        "smtps://ada:s3cret@h?starttls=required",
        "smtp://ada:s3cret@bücher.example",
        "smtp://ada:s3cret@[::1",
        "inbox:s3cret",
        "smtp://ada:s3cr@et@h",
    ],
)
def test_a_url_that_cannot_work_is_refused_without_its_password(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refusal_of(monkeypatch, capsys, **(GOOD | {"TOKENHOUSE_MAIL__URL": url}))
    assert "TOKENHOUSE_MAIL__URL" in said
    assert "s3cr" not in said


def test_an_at_sign_in_a_password_is_to_be_encoded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refusal_of(monkeypatch, capsys, **(GOOD | {"TOKENHOUSE_MAIL__URL": "smtp://ada:s3cr@et@h"}))
    assert "write `@` in a user or a password as %40" in said


@pytest.mark.parametrize("name", ["TOKENHOUSE_MAIL__SENDER", "TOKENHOUSE_MAIL__REPLY_TO"])
@pytest.mark.parametrize(
    "text",
    [
        "nobody",
        "@",
        "a@",
        "a@b.example, c@d.example",
        "Ada <>",
        "Ada <a@b.example",
        "Ada <a@b.example>\nBcc: c@d.example",
        "ä@b.example",
    ],
)
def test_an_address_that_is_none_is_refused_by_the_name_of_its_setting(
    name: str, text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert name in refusal_of(monkeypatch, capsys, **(GOOD | {name: text}))


@pytest.mark.parametrize("url", [URL, "inbox:"])
def test_a_url_without_a_sender_is_refused(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refusal_of(monkeypatch, capsys, TOKENHOUSE_MAIL__URL=url)
    assert "TOKENHOUSE_MAIL__SENDER is missing" in said


def test_templates_that_are_not_there_or_do_not_work_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for place in (tmp_path / "none", Path(os.devnull)):
        said = refusal_of(monkeypatch, capsys, **GOOD, TOKENHOUSE_MAIL__TEMPLATES=str(place))
        assert "TOKENHOUSE_MAIL__TEMPLATES names no directory" in said
    (tmp_path / "reset.txt").write_text("{{ nobody }}")
    said = refusal_of(monkeypatch, capsys, **GOOD, TOKENHOUSE_MAIL__TEMPLATES=str(tmp_path))
    assert f"TOKENHOUSE_MAIL__TEMPLATES: {tmp_path}/reset.txt, line 1: 'nobody' is undefined" in said
    assert "s3cret" not in said


@pytest.mark.parametrize("name", ["code.txt", "code.macros", "base.html", "email_undo.subject.txt"])
def test_a_template_that_fails_is_named_wherever_it_is_used(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_text("{% macro lifetime(minutes) %}{% endmacro %}\n{{ nobody }}\n")
    said = refusal_of(monkeypatch, capsys, **GOOD, TOKENHOUSE_MAIL__TEMPLATES=str(tmp_path))
    assert f"{tmp_path}/{name}, line 2: 'nobody' is undefined" in said


def test_a_file_that_replaces_no_template_is_refused_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "forgot.txt").write_text("Hello")
    said = refusal_of(monkeypatch, capsys, **GOOD, TOKENHOUSE_MAIL__TEMPLATES=str(tmp_path))
    assert "TOKENHOUSE_MAIL__TEMPLATES: 'forgot.txt' is no template of ours: base.html, code.html" in said

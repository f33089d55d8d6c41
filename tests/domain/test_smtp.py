"""Delivery to real mail servers: good ones, those that refuse, put off or hang, and those that want TLS or a password."""

import asyncio
import ssl
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from service.domain.mail.models import Kind, Letter, Mail
from service.domain.mail.ports import PostponedError, RefusedError, UnreachableError
from service.mail import smtp
from service.mail.letters import Letters
from service.mail.smtp import SmtpCourier
from service.settings import MailSettings, mail_server
from tests.support.builders import NOON
from tests.support.certificates import make_certificate
from tests.support.mail_servers import HANGS, HANGS_UP, mail_sink, scripted
from tests.support.ports import free_port
from tests.support.waiting import PATIENCE

ADA = "ada@example.com"
SOON = 0.2  # seconds, after which a server hangs
PASSWORD = "p@ss:w/rd%"
SETTINGS = MailSettings(sender="Tokenhouse <accounts@example.com>", reply_to="help@example.com")
LETTER = Letter(recipient=ADA, template="test")


def courier(url: str, timeout: float = PATIENCE) -> SmtpCourier:
    return SmtpCourier(mail_server(url), Letters(SETTINGS, "https://auth.example.com"), timeout)


def mail(number: int = 1) -> Mail:
    return Mail(kind=Kind.NOTICE, recipient=ADA, id=UUID(int=number), created_at=NOON, attempts=1)


def letter(recipient: str) -> Letter:
    return Letter(recipient=recipient, template="test")


@pytest.fixture
def server_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """Of a server whose authority this process trusts."""
    chain, key = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(chain))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(chain, key)
    return context


async def test_a_mail_arrives_as_it_was_written() -> None:
    with mail_sink() as sink:
        one = courier(f"smtp://127.0.0.1:{sink.port}")
        assert await one.deliver(mail(), LETTER) == "250 taken as 4711"
        await one.rest()
    (arrival,) = sink.arrivals
    message = arrival.message
    assert (arrival.sender, arrival.recipient, arrival.user) == ("accounts@example.com", ADA, None)
    assert {name: str(message[name]) for name in ("From", "To", "Reply-To", "Message-ID", "Auto-Submitted")} == {
        "From": "Tokenhouse <accounts@example.com>",
        "To": ADA,
        "Reply-To": "help@example.com",
        "Message-ID": f"<{UUID(int=1)}@auth.example.com>",
        "Auto-Submitted": "auto-generated",
    }
    assert message["Date"].datetime == NOON


async def test_mails_share_a_connection_until_none_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "MOST_MAILS", 3)
    with mail_sink() as sink:
        one = courier(f"smtp://127.0.0.1:{sink.port}")
        for number in range(4):
            await one.deliver(mail(number), LETTER)
        await one.rest()
        await one.deliver(mail(5), LETTER)
        await one.rest()
    first, second, third, fourth, fifth = (arrival.connection for arrival in sink.arrivals)
    assert first == second == third
    assert len({first, fourth, fifth}) == 3


async def test_several_mails_go_at_once() -> None:
    with mail_sink() as sink:
        one = courier(f"smtp://127.0.0.1:{sink.port}")
        await asyncio.gather(*(one.deliver(mail(number), LETTER) for number in range(8)))
        await one.rest()
    assert sorted(sink.ids) == sorted(f"<{UUID(int=number)}@auth.example.com>" for number in range(8))


async def test_what_the_server_refuses_or_puts_off_is_told_apart_and_the_connection_goes_on() -> None:
    with mail_sink() as sink:
        sink.replies = {"no@example.com": "550 5.1.1 no such user", "later@example.com": "451 4.7.1 greylisted"}
        one = courier(f"smtp://127.0.0.1:{sink.port}")
        with pytest.raises(RefusedError, match=r"550 5\.1\.1 no such user"):
            await one.deliver(mail(), letter("no@example.com"))
        with pytest.raises(PostponedError, match="451"):
            await one.deliver(mail(), letter("later@example.com"))
        for number in range(2):
            await one.deliver(mail(number), LETTER)
        await one.rest()
    assert len(sink.arrivals) == 2
    assert len(sink.sessions) == 4
    assert len(set(sink.sessions)) == 1


async def test_an_address_that_is_none_is_refused_before_a_server_is_asked() -> None:
    one = courier("smtp://127.0.0.1:1")
    for nobody in ("", "ada", "a@b@c", "ada@example.com\r\nBcc: all@example.com", "ada@example.com, b@example.com"):
        with pytest.raises(RefusedError):
            await one.deliver(mail(), letter(nobody))


async def test_letters_that_a_server_may_not_take_are_written_in_ascii() -> None:
    with mail_sink() as sink:
        one = courier(f"smtp://127.0.0.1:{sink.port}")
        await one.deliver(mail(), letter("Ada@bücher.example"))
        await one.rest()
    assert sink.recipients == ["ada@xn--bcher-kva.example"]


# --- servers that fail

AT_THE_SERVER = [
    {"HI": "421 too busy"},
    {"HI": "554 go away"},
    {"HI": HANGS},
    {"HI": HANGS_UP},
    {"EHLO": HANGS},
    {"EHLO": HANGS_UP},
    {"EHLO": "550 no", "HELO": "550 no"},
    {"MAIL": "421 later"},
    {"MAIL": "452 disk full"},
    {"MAIL": "550 who are you"},
    {"MAIL": HANGS},
    {"MAIL": HANGS_UP},
]
WITH_THE_MAIL = [
    ({"RCPT": "451 later"}, PostponedError),
    ({"RCPT": "421 later"}, PostponedError),
    ({"RCPT": "552 full"}, RefusedError),
    ({"RCPT": HANGS}, PostponedError),
    ({"RCPT": HANGS_UP}, PostponedError),
    ({"DATA": "451 later"}, PostponedError),
    ({"DATA": "554 no"}, RefusedError),
    ({"DATA": HANGS}, PostponedError),
    ({"DATA": HANGS_UP}, PostponedError),
    ({".": "451 later"}, PostponedError),
    ({".": "554 spam"}, RefusedError),
    ({".": HANGS}, PostponedError),
    ({".": HANGS_UP}, PostponedError),
]


@pytest.mark.parametrize("script", AT_THE_SERVER, ids=str)
async def test_what_fails_before_the_recipient_is_named_concerns_the_server(script: dict[str, str]) -> None:
    async with scripted(script) as port:
        one = courier(f"smtp://127.0.0.1:{port}", SOON if HANGS in script.values() else PATIENCE)
        with pytest.raises(UnreachableError) as failure:
            await one.deliver(mail(), LETTER)
    assert ADA not in str(failure.value)
    assert len(str(failure.value)) > 5


@pytest.mark.parametrize(("script", "failure"), WITH_THE_MAIL, ids=str)
async def test_what_fails_after_that_concerns_the_mail(script: dict[str, str], failure: type[Exception]) -> None:
    async with scripted(script) as port:
        one = courier(f"smtp://127.0.0.1:{port}", SOON if HANGS in script.values() else PATIENCE)
        with pytest.raises(failure):
            await one.deliver(mail(), LETTER)
        await one.rest()


async def test_a_server_that_does_not_say_goodbye_is_left_all_the_same() -> None:
    for farewell in (HANGS, HANGS_UP, "500 what"):
        async with scripted({"QUIT": farewell}) as port:
            one = courier(f"smtp://127.0.0.1:{port}", SOON if farewell == HANGS else PATIENCE)
            await asyncio.gather(*(one.deliver(mail(number), LETTER) for number in range(3)))
            await one.rest()


async def test_where_nobody_listens_the_server_takes_no_mail() -> None:
    with pytest.raises(UnreachableError):
        await courier(f"smtp://127.0.0.1:{free_port()}").deliver(mail(), LETTER)


async def test_a_connection_that_died_while_it_was_idle_is_replaced() -> None:
    one = courier(f"smtp://127.0.0.1:{(port := free_port())}")

    taken, listening = asyncio.Event(), asyncio.Event()

    async def listen() -> None:

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 here\r\n")
            for reply in (b"250 here\r\n", b"250 OK\r\n", b"250 OK\r\n", b"354 go on\r\n"):
                await reader.readline()
                writer.write(reply)
            await reader.readuntil(b"\r\n.\r\n")
            writer.write(b"250 taken\r\n")
            writer.close()  # one mail a connection, as some servers have it
            taken.set()

        server = await asyncio.start_server(serve, "127.0.0.1", port)
        listening.set()
        await taken.wait()
        taken.clear()
        await taken.wait()
        server.close()

    serving = asyncio.create_task(listen())
    await listening.wait()
    for number in range(2):
        assert await one.deliver(mail(number), LETTER) == "250 taken"
    await serving
    await one.rest()


# --- TLS and passwords


async def test_tls_is_used_where_it_is_offered(server_tls: ssl.SSLContext) -> None:
    with mail_sink(tls=server_tls) as sink:
        one = courier(f"smtp://127.0.0.1:{sink.port}")
        greeting = await one.greet()
        await one.deliver(mail(), LETTER)
        await one.rest()
    assert greeting.is_encrypted
    assert [arrival.is_encrypted for arrival in sink.arrivals] == [True]


async def test_never_means_never(server_tls: ssl.SSLContext) -> None:
    with mail_sink(tls=server_tls) as sink:
        one = courier(f"smtp://127.0.0.1:{sink.port}?starttls=never")
        assert not (await one.greet()).is_encrypted


@pytest.mark.parametrize("url", ["smtp://127.0.0.1:{}?starttls=required", "smtp://ada:x@127.0.0.1:{}"])
async def test_where_tls_is_required_or_a_password_would_be_sent_a_server_without_it_gets_nothing(url: str) -> None:
    with mail_sink() as sink, pytest.raises(UnreachableError, match="STARTTLS"):
        await courier(url.format(sink.port)).deliver(mail(), LETTER)
    assert sink.arrivals == []


async def test_tls_from_the_start_and_a_password_with_special_characters(server_tls: ssl.SSLContext) -> None:
    with mail_sink(tls=server_tls, from_the_start=True, password=PASSWORD) as sink:
        one = courier(f"smtps://ada%40example.com:p%40ss%3Aw%2Frd%25@127.0.0.1:{sink.port}")
        await one.deliver(mail(), LETTER)
        await one.rest()
    assert [arrival.user for arrival in sink.arrivals] == ["ada@example.com"]


async def test_a_login_over_starttls(server_tls: ssl.SSLContext) -> None:
    with mail_sink(tls=server_tls, password="right") as sink:
        one = courier(f"smtp://ada:right@127.0.0.1:{sink.port}")
        await one.deliver(mail(), LETTER)
        assert (await one.greet()).is_logged_in
        await one.rest()
    assert [(arrival.user, arrival.is_encrypted) for arrival in sink.arrivals] == [("ada", True)]


async def test_a_wrong_password_concerns_the_server_and_is_quoted_nowhere(server_tls: ssl.SSLContext) -> None:
    with mail_sink(tls=server_tls, password="right") as sink, pytest.raises(UnreachableError, match="535") as failure:
        await courier(f"smtp://ada:wr0ng@127.0.0.1:{sink.port}").deliver(mail(), LETTER)
    assert "wr0ng" not in str(failure.value)


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_a_server_whose_certificate_is_not_trusted_gets_nothing(
    server_tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with mail_sink(tls=server_tls, from_the_start=scheme == "smtps") as sink:
        one = courier(f"{scheme}://127.0.0.1:{sink.port}")
        with pytest.raises(UnreachableError, match="certificate"):
            await one.deliver(mail(), LETTER)
    assert sink.arrivals == []


def test_the_url_and_its_parts_show_no_password() -> None:
    server = mail_server("smtp://ada:s3cret@mail.example.com")
    assert "s3cret" not in repr(server)
    assert (server.host, server.port, server.password) == ("mail.example.com", 587, "s3cret")
    assert timedelta(seconds=10) == SETTINGS.timeout

"""Mails of real instances: killed while they send, tested by the command, looked at by the doctor, kept by `dev`."""

import asyncio
import json
import ssl
from collections import Counter
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TypeAlias
from urllib.request import Request, urlopen
from uuid import UUID

import asyncpg
import pytest

from service.domain.mail.worker import LANES
from service.embedded import Stores
from tests.support.builders import sign_up_body
from tests.support.certificates import make_certificate
from tests.support.mail_servers import MailSink, mail_sink
from tests.support.ports import free_port
from tests.support.processes import answers, of, running, stop, wait_for
from tests.support.waiting import PATIENCE, until

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
COUNT = 500
FILE = """
    INSERT INTO mails (id, kind, recipient, language, facts)
    SELECT ('00000000-0000-0000-0000-' || lpad(i::text, 12, '0'))::uuid, 'notice', 'u' || i || '@example.com', '',
        '{"what": "password_changed", "at": "2026-11-24T12:00:00+00:00"}'
    FROM generate_series(1, $1) AS i
"""
SENDER = {"TOKENHOUSE_MAIL__SENDER": "Tokenhouse <accounts@example.com>"}


def mailing(sink: MailSink, **more: str) -> dict[str, str]:
    return SENDER | {"TOKENHOUSE_MAIL__URL": f"smtp://127.0.0.1:{sink.port}"} | more


def ran(*words: str, **environment: str) -> tuple[int, str]:
    with running(*words, **environment) as process:
        output = process.communicate(timeout=PATIENCE)[0]
    return process.returncode, output


async def test_each_of_five_hundred_mails_arrives_though_an_instance_is_killed_each_second(
    embedded: Stores, database: Connection
) -> None:
    killed = 2
    with mail_sink() as sink, ExitStack() as instances:
        sink.delay = 0.05  # so that there are some in flight whenever an instance is killed
        told = mailing(sink, TOKENHOUSE_MAIL__TIMEOUT="2s")  # of which the lease is made
        ports = [free_port() for _ in range(killed + 1)]
        processes = [instances.enter_context(running("serve", **of(embedded, port, **told))) for port in ports]
        for port, process in zip(ports, processes, strict=True):
            await asyncio.to_thread(wait_for, port, "/readyz", 200, process)
        await database.execute(FILE, COUNT)
        for number, process in enumerate(processes[:killed], start=1):
            await until(partial(has_arrived, sink, number * COUNT // 4))
            process.kill()
            process.wait()
        await until(lambda: is_empty(database), 2 * PATIENCE)
        assert stop(processes[-1]).count("mail given up") == 0
    counts = Counter(sink.ids)
    assert set(counts) == {f"<{UUID(int=int(str(number), 16))}@127.0.0.1>" for number in range(1, COUNT + 1)}
    assert max(counts.values()) <= 1 + killed
    assert sum(counts.values()) - COUNT <= killed * LANES
    texts: dict[str, set[bytes]] = {}
    for arrival in sink.arrivals:
        texts.setdefault(str(arrival.message["Message-ID"]), set()).add(arrival.message.as_bytes())
    assert {len(different) for different in texts.values()} == {1}


async def has_arrived(sink: MailSink, count: int) -> bool:
    return len(sink.arrivals) >= count


async def is_empty(database: Connection) -> bool:
    return not await database.fetchval("SELECT count(*) FROM mails")


# --- the command and the doctor


def test_the_command_sends_one_and_prints_the_reply(embedded: Stores) -> None:
    with mail_sink() as sink:
        sink.replies["no@example.com"] = "550 5.1.1 no such user"
        sink.replies["later@example.com"] = "451 4.7.1 greylisted"
        told = of(embedded, 0, **mailing(sink))
        assert ran("mail", "test", "ada@example.com", **told) == (0, "250 taken as 4711\n")
        assert ran("mail", "test", "no@example.com", **told) == (1, "tokenhouse: refused: 550 5.1.1 no such user\n")
        assert ran("mail", "test", "later@example.com", **told) == (1, "tokenhouse: put off: 451 4.7.1 greylisted\n")
        assert ran("mail", "test", "nobody", **told) == (1, "tokenhouse: refused: not an address\n")
    assert sink.recipients == ["ada@example.com"]
    status, output = ran("mail", "test", "ada@example.com", **told)
    assert status == 1
    assert output.startswith("tokenhouse: the server takes no mail: ")
    assert output.count("\n") == 1
    assert ran("mail", "test", "a@example.com", **of(embedded, 0)) == (
        78,
        "tokenhouse: TOKENHOUSE_MAIL__URL is empty: smtp://user:password@host:587\n",
    )


def findings(**told: str) -> dict[str, tuple[str, str]]:
    output = ran("doctor", "--json", **told)[1]
    found = map(json.loads, output.splitlines())
    return {one["check"]: (one["level"], one["said"]) for one in found}


async def test_the_doctor_connects_and_tells_of_what_failed(
    embedded: Stores, database: Connection, tmp_path: Path
) -> None:
    chain, key = make_certificate(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(chain, key)
    await database.execute(FILE, 2)
    await database.execute("UPDATE mails SET failed_at = now(), last_reply = '550 no'")
    with mail_sink(tls=tls) as sink:
        good = await asyncio.to_thread(findings, **of(embedded, 0, **mailing(sink), SSL_CERT_FILE=str(chain)))
        distrusted = await asyncio.to_thread(findings, **of(embedded, 0, **mailing(sink)))
    assert good["mail"] == ("ok", "127.0.0.1 answers, over TLS")
    assert good["mail.outbox"] == ("warning", "2 given up in the last days; the latest reply: 550 no")
    level, told = distrusted["mail"]
    assert level == "problem"
    assert "certificate" in told
    inbox = await asyncio.to_thread(findings, **of(embedded, 0, **SENDER, TOKENHOUSE_MAIL__URL="inbox:"))
    assert inbox["mail"][0] == "warning"
    none = await asyncio.to_thread(findings, **of(embedded, 0))
    assert none["mail"][0] == "ok"
    assert "mail.outbox" not in none


# --- development


def test_development_keeps_its_mails_and_shows_them(tmp_path: Path) -> None:
    port = free_port()
    here = {"TOKENHOUSE_DEV_DIR": str(tmp_path / "home")}
    with running("dev", **here, PORT=str(port), TOKENHOUSE_PASSWORDS__BCRYPT_ROUNDS="4") as process:
        wait_for(port, "/readyz", 200, process)
        person = sign_up_body(email="ada@example.com")
        assert posted(port, "/auth/signup", person) == 201
        asyncio.run(until(lambda: are_kept(port, 1)))  # a proof of the address
        proof = {"token": kept(port)[0]["link"].partition("?token=")[2], "password": person["password"]}
        assert posted(port, "/auth/email/verify", proof) == 200
        assert ran("dev", "mail", "test", "grace@example.com", **here) == (0, "kept in the inbox\n")
        assert ran("dev", "users", "disable", "ada@example.com", **here)[0] == 0
        asyncio.run(until(lambda: are_kept(port, 3)))  # the test, and a notice
        assert sorted(one["to"] for one in kept(port)) == ["ada@example.com", "ada@example.com", "grace@example.com"]
        assert answers(port, "/dev/mails") == 200
        output = stop(process)
    assert f"http://127.0.0.1:{port}/dev/mails" in output


def posted(port: int, path: str, body: object) -> int:
    sent = Request(f"http://127.0.0.1:{port}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urlopen(sent, timeout=PATIENCE) as answer:  # noqa: S310 - our own instance
        return int(answer.status)


def kept(port: int, recipient: str = "") -> list[dict[str, str]]:
    with urlopen(f"http://127.0.0.1:{port}/dev/mails.json?to={recipient}", timeout=PATIENCE) as answer:
        found: list[dict[str, str]] = json.load(answer)
    return found


async def are_kept(port: int, count: int) -> bool:
    return len(kept(port)) == count


def test_an_instance_that_serves_has_no_inbox(embedded: Stores) -> None:
    port = free_port()
    told = of(embedded, port, **SENDER, TOKENHOUSE_MAIL__URL="inbox:")
    with running("serve", **told) as process:
        wait_for(port, "/readyz", 200, process)
        for path in ("/dev/mails", "/dev/mails.json"):
            assert answers(port, path) == 404
        stop(process)


@pytest.mark.parametrize("secret", ["s3cret"])
def test_no_line_of_the_log_has_the_password_of_the_mail_server(
    embedded: Stores, database: Connection, secret: str
) -> None:
    port = free_port()
    url = f"smtp://ada:{secret}@127.0.0.1:{free_port()}"
    told = of(embedded, port, **SENDER, TOKENHOUSE_MAIL__URL=url, LOG_LEVEL="DEBUG")
    with running("serve", **told) as process:
        wait_for(port, "/readyz", 200, process)
        asyncio.run(file_one(embedded.postgres.url))
        output = ""
        while "the mail server takes no mail" not in output:
            assert process.stdout
            line = process.stdout.readline()
            assert line, output
            output += line
        output += stop(process)
    assert secret not in output


async def file_one(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(FILE, 1)
    await connection.close()

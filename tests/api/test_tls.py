"""HTTPS by the service itself."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientSession, TCPConnector
from cryptography import x509
from structlog.testing import capture_logs

from service.http.tls import Certificate
from service.operator_errors import ConfigurationError
from service.settings import ServerSettings
from tests.conftest import MakeOnFakes, OnFakes
from tests.support.certificates import make_certificate
from tests.support.http_server import GOOD, HEAD, MARK, BareServer, Client, ms, opened, until

HSTS = "max-age=31536000"


def settings(directory: Path, **more: object) -> ServerSettings:
    chain, key = make_certificate(directory)
    return ServerSettings.model_validate({"port": 0, "tls_certificate": chain, "tls_key": key, **more})


@pytest.fixture
async def bare(tmp_path: Path) -> AsyncIterator[BareServer]:
    async with opened(BareServer(settings(tmp_path))) as bare:
        yield bare


def trusting(directory: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=directory / "chain.pem")


async def connect(bare: BareServer, trust: ssl.SSLContext) -> Client:
    client = Client(*await asyncio.open_connection("127.0.0.1", bare.port, ssl=trust))
    bare.clients.append(client)
    return client


def shown(client: Client) -> x509.Certificate:
    session = client.writer.get_extra_info("ssl_object")
    assert isinstance(session, ssl.SSLObject)
    certificate = session.getpeercert(binary_form=True)
    assert certificate
    return x509.load_der_x509_certificate(certificate)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_requests_are_answered_over_tls(bare: BareServer, tmp_path: Path, version: ssl.TLSVersion) -> None:
    trust = trusting(tmp_path)
    trust.minimum_version = trust.maximum_version = version
    client = await connect(bare, trust)
    for _ in range(2):
        await client.send(GOOD)
        assert (await client.answer()).body == b"hello"


async def test_nothing_older_than_tls_1_2_is_spoken(bare: BareServer) -> None:
    assert bare.runner.certificate
    assert bare.runner.certificate.context.minimum_version is ssl.TLSVersion.TLSv1_2


async def test_every_answer_tells_browsers_to_stay_with_https(on_fakes: MakeOnFakes, tmp_path: Path) -> None:
    chain, key = make_certificate(tmp_path)
    client = (await on_fakes(server={"tls_certificate": chain, "tls_key": key})).client
    async with ClientSession(connector=TCPConnector(ssl=trusting(tmp_path))) as https:
        for method, path in (
            ("GET", "/healthz"),
            ("GET", "/auth/me"),
            ("POST", "/auth/login"),
            ("GET", "/nowhere"),
            ("BREW", "/auth/login"),
            ("GET", "/docs"),
            ("GET", "/.well-known/jwks.json"),
        ):
            async with https.request(method, f"https://127.0.0.1:{client.port}{path}") as answer:
                assert answer.headers["Strict-Transport-Security"] == HSTS
                assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_what_the_parser_refuses_is_answered_over_tls_as_well(bare: BareServer, tmp_path: Path) -> None:
    client = await connect(bare, trusting(tmp_path))
    await client.send(b"GET /SECRETMARKER HTTP/0.9\r\n" + HEAD + b"\r\n")
    answer = await client.answer()
    assert (answer.status, answer.headers["strict-transport-security"]) == (400, HSTS)
    assert MARK not in str(answer)
    assert await client.closed() == b""


async def test_in_the_clear_nothing_speaks_of_https(fakes: OnFakes) -> None:
    assert "Strict-Transport-Security" not in (await fakes.client.get("/healthz")).headers


async def test_a_client_that_does_not_speak_tls_is_hung_up_on(
    bare: BareServer, caplog: pytest.LogCaptureFixture
) -> None:
    client = await bare.connect()
    await client.send(b"GET /SECRETMARKER HTTP/1.1\r\n" + HEAD + b"\r\n")
    assert b"HTTP" not in await client.closed()
    assert not caplog.records


async def test_a_handshake_has_its_deadline(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with opened(BareServer(settings(tmp_path, header_timeout=ms(50)))) as bare:
        client = await bare.connect()
        assert await client.closed() == b""
    assert not caplog.records


async def test_whoever_has_not_ended_the_handshake_takes_a_place_too(tmp_path: Path) -> None:
    async with opened(BareServer(settings(tmp_path, max_connections=1))) as bare:
        silent = await bare.connect()
        limiter = bare.door.limiter
        await until(lambda: limiter.open == 1)
        with capture_logs() as logged, pytest.raises(OSError):  # noqa: PT011 - reset or end of file, as it comes
            await connect(bare, trusting(tmp_path))
        assert [(line["event"], line["error"]) for line in logged] == [("connection turned away", "TooManyConnections")]
        silent.writer.close()
        await until(lambda: limiter.open == 0)
        client = await connect(bare, trusting(tmp_path))
        await client.send(GOOD)
        assert (await client.answer()).status == 200
        assert limiter.open == 1
        client.writer.transport.abort()
        await until(lambda: limiter.open == 0)


async def test_stopping_lets_the_request_in_flight_finish(bare: BareServer, tmp_path: Path) -> None:
    busy, idle = await connect(bare, trusting(tmp_path)), await connect(bare, trusting(tmp_path))
    await busy.send(b"GET /slow HTTP/1.1\r\n" + HEAD + b"\r\n")
    await bare.entered.wait()
    stopping = asyncio.create_task(bare.runner.cleanup())
    assert await idle.closed() == b""
    bare.released.set()
    assert (await busy.answer()).body == b"at last"
    await stopping


async def test_a_renewed_certificate_is_shown_to_whoever_comes_next(bare: BareServer, tmp_path: Path) -> None:
    certificate = bare.runner.certificate
    assert certificate
    first = await connect(bare, trusting(tmp_path))
    (tmp_path / "chain.pem").write_text("no certificate")
    with pytest.raises(ConfigurationError, match="PEM"):
        certificate.renew()
    make_certificate(tmp_path)
    assert shown(await connect(bare, _unsuspecting())).serial_number == shown(first).serial_number
    certificate.renew()
    assert shown(await connect(bare, trusting(tmp_path))).serial_number != shown(first).serial_number
    await first.send(GOOD)
    assert (await first.answer()).status == 200


def _unsuspecting() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


# --- files that cannot be used


def refusal_of(server: ServerSettings) -> str:
    with pytest.raises(ConfigurationError) as refused:
        Certificate(server)
    said = str(refused.value)
    assert "\n" not in said
    return said


def test_a_key_that_everyone_can_read_is_refused(tmp_path: Path) -> None:
    server = settings(tmp_path)
    assert server.tls_key
    server.tls_key.chmod(0o644)
    assert refusal_of(server) == (
        f"server.tls_key: others may read or change {server.tls_key}: chmod o-rw,g-w {server.tls_key}"
    )
    server.tls_key.chmod(0o640)  # a group of its own, as certificate tools make one
    Certificate(server)


@pytest.mark.parametrize("name", ["chain.pem", "key.pem"])
def test_a_file_that_is_missing_or_no_pem_is_named(tmp_path: Path, name: str) -> None:
    server = settings(tmp_path)
    (tmp_path / name).write_text("SECRETMARKER")
    assert name in (said := refusal_of(server))
    assert MARK not in said
    (tmp_path / name).unlink()
    assert f"{name}: No such file" in refusal_of(server)


def test_a_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    server = settings(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    (tmp_path / "key.pem").write_bytes(make_certificate(other)[1].read_bytes())
    assert "the chain and its unencrypted key" in refusal_of(server)


def test_certificate_and_key_belong_together(tmp_path: Path) -> None:
    chain, key = make_certificate(tmp_path)
    for half in ({"tls_certificate": chain}, {"tls_key": key}):
        with pytest.raises(ValueError, match="tls_certificate and tls_key"):
            ServerSettings.model_validate(half)

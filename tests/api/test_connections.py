"""How long a connection may take, how many there may be, and how the front door opens and closes."""

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus

import pytest
from structlog.testing import capture_logs

from service.ambient import Ambient
from service.http.admission import ConnectionLimiter, RawErrors, address_of
from service.http.server import listen
from service.operator_errors import ConfigurationError
from service.settings import ServerSettings
from tests.support.http_server import CREDENTIAL, GOOD, HEAD, MARK, POST, BareServer, ms, opened, until


@pytest.fixture
async def bare() -> AsyncIterator[BareServer]:
    async with opened(BareServer(ServerSettings(port=0))) as bare:
        yield bare


# --- deadlines


async def test_a_silent_connection_is_closed_silently() -> None:
    async with opened(BareServer(ServerSettings(port=0, header_timeout=ms(50)))) as bare:
        client = await bare.connect()
        assert await client.closed() == b""


async def test_half_a_head_is_answered_with_408() -> None:
    async with opened(BareServer(ServerSettings(port=0, header_timeout=ms(1000)))) as bare:
        with capture_logs() as logged:
            answer = await bare.ask(b"GET / HTTP/1.1\r\n" + CREDENTIAL)
        assert (answer.status, answer.problem()["code"]) == (408, "malformed_request")
        assert await bare.clients[0].closed() == b""
        assert MARK not in str(answer) + str(logged)


async def test_half_a_head_is_answered_with_408_also_after_a_whole_one() -> None:
    async with opened(BareServer(ServerSettings(port=0, header_timeout=ms(1000)))) as bare:
        client = await bare.connect()
        await client.send(GOOD)
        assert (await client.answer()).status == 200
        await client.send(b"GET / HTTP/1.1\r\n" + CREDENTIAL)
        assert (await client.answer()).status == 408
        assert await client.closed() == b""


async def test_the_head_s_deadline_does_not_bind_the_handler(bare: BareServer) -> None:
    client = await bare.connect()
    await client.send(b"GET /slow HTTP/1.1\r\n" + HEAD + b"\r\n")
    await bare.entered.wait()
    bare.connection()._look_at_the_clock()
    bare.released.set()
    assert (await client.answer()).body == b"at last"


async def test_an_idle_connection_is_closed_silently() -> None:
    async with opened(BareServer(ServerSettings(port=0, keepalive_timeout=ms(50)))) as bare:
        client = await bare.connect()
        await client.send(GOOD)
        assert (await client.answer()).status == 200
        assert await client.closed() == b""


async def test_a_head_that_has_begun_is_not_taken_for_idleness(bare: BareServer) -> None:
    client = await bare.connect()
    await client.send(GOOD)
    assert (await client.answer()).status == 200
    connection = bare.connection()
    await client.send(GOOD[:20])
    await until(lambda: connection._head_bytes > 0)
    connection._next_keepalive_close_time = 0.0
    connection._process_keepalive()
    await client.send(GOOD[20:])
    assert (await client.answer()).status == 200


# --- caps


async def test_connections_over_the_total_are_turned_away_until_one_ends() -> None:
    async with opened(BareServer(ServerSettings(port=0, max_connections=2, trusted_proxies=("127.0.0.0/8",)))) as bare:
        first, second, third = [await bare.connect() for _ in range(3)]
        refused = await third.answer()
        assert (refused.status, refused.problem()["code"]) == (503, "overloaded")
        assert refused.headers["retry-after"] in ("1", "2", "3")
        assert await third.closed() == b""
        await first.send(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b"hello" in await first.closed()
        assert (await bare.ask(GOOD)).status == 200
        await second.send(GOOD)
        assert (await second.answer()).status == 200


async def test_one_source_cannot_take_all_connections() -> None:
    async with opened(BareServer(ServerSettings(port=0, max_connections_per_source=1))) as bare:
        first = await bare.connect()
        assert (await (await bare.connect()).answer()).status == 503
        await first.send(GOOD)
        assert (await first.answer()).status == 200


async def test_a_trusted_proxy_is_not_one_source() -> None:
    settings = ServerSettings(port=0, max_connections_per_source=1, trusted_proxies=("10.0.0.0/8", "127.0.0.1"))
    async with opened(BareServer(settings)) as bare:
        await bare.connect()
        assert (await bare.ask(GOOD)).status == 200


async def test_every_connection_that_ends_is_counted_out(bare: BareServer) -> None:
    limiter = bare.door.limiter
    for request in (b"", GOOD, GOOD[:20], b"\x16\x03\x01", POST + b"Content-Length: 9\r\n\r\nabc"):
        await (await bare.connect()).send(request)
    await until(lambda: limiter.open == len(bare.clients))
    for client in bare.clients:
        client.writer.close()
    await until(lambda: limiter.open == 0)
    assert not limiter._open_by_source


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8::2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%lo", "fe80::2", True),
        ("fe80::1%eth0", "fe80::1%eth1", True),
    ],
)
def test_an_ipv6_network_is_one_source(first: str, second: str, same: bool) -> None:  # noqa: FBT001 - a parameter of the test
    limiter = ConnectionLimiter(ServerSettings(max_connections_per_source=1))
    assert limiter.admit(address_of((first, 1))) is not None
    assert (limiter.admit(address_of((second, 1))) is None) is same


def test_a_unix_socket_is_no_source() -> None:
    limiter = ConnectionLimiter(ServerSettings(max_connections_per_source=1))
    assert [limiter.admit(address_of("")) for _ in range(3)] == ["", "", ""]


@pytest.mark.parametrize(
    ("peer", "shown"),
    [
        ("192.0.2.7", "192.0.2.0/24"),
        ("::ffff:192.0.2.7", "192.0.2.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/48"),
    ],
)
def test_a_refusal_is_logged_with_as_little_of_the_address_as_serves(peer: str, shown: str) -> None:
    with capture_logs() as logged:
        RawErrors(Ambient()).render(HTTPStatus.BAD_REQUEST, "BadHttpMessage", address_of((peer, 1)))
    assert [line["source"] for line in logged] == [shown]


# --- starting and stopping


async def test_stopping_lets_the_request_in_flight_finish_and_closes_idle_connections_at_once(bare: BareServer) -> None:
    busy, idle, silent = [await bare.connect() for _ in range(3)]
    await idle.send(GOOD)
    assert (await idle.answer()).status == 200
    await busy.send(b"GET /slow HTTP/1.1\r\n" + HEAD + b"\r\n")
    await bare.entered.wait()
    stopping = asyncio.create_task(bare.runner.cleanup())
    assert await idle.closed() == b""
    assert await silent.closed() == b""
    assert not stopping.done()
    bare.released.set()
    assert (await busy.answer()).body == b"at last"
    await stopping


async def test_stopping_waits_for_a_body_that_is_still_arriving(bare: BareServer) -> None:
    busy, idle = [await bare.connect() for _ in range(2)]
    await idle.send(GOOD)
    assert (await idle.answer()).status == 200
    await busy.send(POST + b"Content-Length: 6\r\n\r\nabc")
    await bare.entered.wait()
    stopping = asyncio.create_task(bare.runner.cleanup())
    assert await idle.closed() == b""
    await busy.send(b"def")
    assert (await busy.answer()).body == b"abcdef"
    await stopping


async def test_stopping_does_not_wait_for_ever() -> None:
    async with opened(BareServer(ServerSettings(port=0, shutdown_timeout=ms(50)))) as bare:
        client = await bare.connect()
        await client.send(b"GET /slow HTTP/1.1\r\n" + HEAD + b"\r\n")
        await bare.entered.wait()
        await bare.runner.cleanup()
        assert await client.closed() == b""


async def test_a_busy_port_is_a_configuration_error_that_names_the_setting(bare: BareServer) -> None:
    other = BareServer(ServerSettings(port=bare.port))
    await other.runner.setup()
    with pytest.raises(ConfigurationError, match=f"port {bare.port} is in use.*_SERVER__PORT") as refused:
        await listen(other.runner, other.settings)
    assert "\n" not in str(refused.value)
    await other.runner.cleanup()


async def test_an_address_of_another_machine_is_a_configuration_error() -> None:
    other = BareServer(ServerSettings(port=0, host="192.0.2.1"))
    await other.runner.setup()
    with pytest.raises(ConfigurationError, match="TOKENHOUSE_SERVER__HOST"):
        await listen(other.runner, other.settings)
    await other.runner.cleanup()

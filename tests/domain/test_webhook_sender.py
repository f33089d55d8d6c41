"""The sender of webhooks against endpoints that are no friends."""

import asyncio
import socket
import ssl
import threading
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from service.domain.webhooks.models import Endpoint
from service.domain.webhooks.ports import NoAnswerError
from service.webhooks.addresses import is_public
from service.webhooks.sender import LIMIT, HttpWebhookSender
from tests.support.certificates import make_certificate
from tests.support.ports import free_port
from tests.support.receivers import raw_server, receiver

BRIEF = 0.5  # seconds, for attempts that are to fail
HEADERS = {"Content-Type": "application/json", "webhook-id": "1"}


def to(url: str) -> Endpoint:
    return Endpoint(name="crm", url=url, keys=[b"k" * 32])


async def sent(url: str, *, private: bool = True, limit: float = LIMIT) -> int:
    return await HttpWebhookSender(may_be_private=private, limit=limit).post(to(url), HEADERS, b'{"a":1}')


async def failure(url: str, *, private: bool = True, limit: float = LIMIT) -> str:
    with pytest.raises(NoAnswerError) as raised:
        await sent(url, private=private, limit=limit)
    assert "hidden" not in str(raised.value)
    return str(raised.value)


Names = dict[str, list[str]]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """Hosts and their addresses; an address is taken off the list at each look-up while there are more."""
    known: Names = {}
    real = socket.getaddrinfo

    def look_up(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        if host not in known:
            return real(host, port, *rest, **more)
        found = known[host].pop(0) if len(known[host]) > 1 else known[host][0]
        kind = socket.AF_INET6 if ":" in found else socket.AF_INET
        return [(kind, socket.SOCK_STREAM, 6, "", (one, port)) for one in found.split(",")]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return known


async def test_the_body_arrives_as_it_was_signed() -> None:
    async with receiver() as server:
        assert await sent(server.url) == 204
    ((headers, body),) = server.got
    assert body == b'{"a":1}'
    assert headers["webhook-id"] == "1"
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"] == "Tokenhouse"


async def test_no_redirect_is_followed() -> None:
    async with receiver() as elsewhere, receiver(status=307, headers={"Location": elsewhere.url}) as server:
        assert await sent(server.url) == 307
    assert elsewhere.begun == 0


async def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiver() as proxy, receiver() as server:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert await sent(server.url) == 204
    assert proxy.begun == 0


async def test_an_endpoint_that_hangs_is_left_in_time() -> None:
    async with receiver(pause=60.0) as server:
        assert await failure(server.url, limit=BRIEF) == "no answer within 0.5 s"
        assert server.got == []


async def test_a_head_without_end_is_left_in_time() -> None:
    def dribble(writer: asyncio.StreamWriter) -> bool:
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return True

    async with raw_server(dribble) as port:
        left = await failure(f"http://127.0.0.1:{port}/", limit=BRIEF)
    assert left in ("no answer within 0.5 s", "it hung up")  # by the time, or by how much has come in it


@pytest.mark.parametrize(
    "flood",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000,
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 10_000,
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 300_000,
    ],
)
async def test_heads_without_end_are_not_read_further(flood: bytes) -> None:
    """Not until a time is over: while they were parsed, nothing else would be done."""

    def send(writer: asyncio.StreamWriter) -> bool:
        writer.write(flood)
        return True

    async with raw_server(send) as port:
        assert await failure(f"http://127.0.0.1:{port}/", limit=60.0) in ("it hung up", "what it answers is no HTTP")


async def test_the_body_of_an_answer_is_not_waited_for() -> None:
    count = 0

    def flood(writer: asyncio.StreamWriter) -> bool:
        nonlocal count
        writer.write(b"x" * 65_536 if count else b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
        count += 1
        return True

    async with raw_server(flood) as port:
        assert await sent(f"http://127.0.0.1:{port}/") == 200
        seen = count
        await asyncio.sleep(0)
    assert seen < 1_000  # 64 KB each


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"", "it hung up"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "what it answers is no HTTP"),
        (b"HTTP/1.1 200 " + b"x" * 70_000, "what it answers is no HTTP"),
    ],
    ids=["nothing", "no HTTP", "too long"],
)
async def test_what_is_no_answer_is_told_without_quoting_it(answer: bytes, why: str) -> None:
    def reply(writer: asyncio.StreamWriter) -> bool:
        writer.write(answer)
        writer.close()
        return False

    async with raw_server(reply) as port:
        told = await failure(f"http://127.0.0.1:{port}/hidden")
    assert told.startswith(why)
    assert "SSH" not in told


async def test_where_nobody_listens_there_is_no_connection() -> None:
    assert await failure(f"http://127.0.0.1:{free_port()}/hidden") == "no connection to it"


async def test_a_host_that_is_not_found_is_told(names: Names) -> None:
    assert await failure("https://nowhere.invalid/hidden", private=False) == "its host is not found"


# --- addresses


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104 - nothing is bound here
        "224.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "::1",
        "::",
        "fe80::1",
        "fc00::1",
        "fd12:3456::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2002:c0a8:101::1",
        "2001:db8::1",
        "::127.0.0.1",
        "0.1.2.3",
        "198.18.0.1",
        "240.0.0.1",
        "fec0::1",
        "feff::1",
        "3fff::1",
        "64:ff9b:1::a00:1",
        "64:ff9b::",
        "::ffff:0:7f00:1",
        "2001:0:0:0:0:0:80ff:fffe",
    ],
)
def test_an_address_that_leads_inside_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "64:ff9b::101:101"])
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::1]", "localhost", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "[::ffff:127.0.0.1]"]
)
async def test_without_the_setting_nothing_goes_inside_however_it_is_spelt(host: str) -> None:
    async with receiver() as server:
        why = await failure(f"https://{host}:{server.port}/hidden", private=False)
        assert server.begun == 0
    assert why in ("its address is private, and webhooks.private is false", "its host is not found")


@pytest.mark.parametrize("addresses", ["10.0.0.1", "1.1.1.1,127.0.0.1", "fd00::1", "::ffff:127.0.0.1"])
async def test_a_name_with_one_private_address_is_refused(names: Names, addresses: str) -> None:
    names["hooks.example.com"] = [addresses]
    assert "private" in await failure("https://hooks.example.com/hidden", private=False)


@pytest.mark.parametrize("looked_up_before", [0, 1, 2, 3])
async def test_the_address_that_was_checked_is_the_one_that_is_connected_to(
    names: Names, monkeypatch: pytest.MonkeyPatch, looked_up_before: int
) -> None:
    """A name that becomes private at any later look-up: what was looked up is checked, and nothing is looked up after."""
    monkeypatch.setattr("service.webhooks.sender.is_public", lambda address: str(address) == "127.0.0.2")
    async with receiver() as inside, receiver(host="127.0.0.2", port=inside.port) as outside:
        names["rebinds.example.com"] = [*["127.0.0.2"] * looked_up_before, "127.0.0.1"]
        sender = HttpWebhookSender(may_be_private=False)
        endpoint = to(f"http://rebinds.example.com:{inside.port}/")
        for _ in range(looked_up_before):
            assert await sender.post(endpoint, HEADERS, b"") == 204
        with pytest.raises(NoAnswerError, match="private"):
            await sender.post(endpoint, HEADERS, b"")
        assert (inside.begun, outside.begun) == (0, looked_up_before)


async def test_plain_http_goes_to_private_addresses_alone(names: Names) -> None:
    names["hooks.example.com"] = ["1.1.1.1"]
    assert await failure("http://hooks.example.com/hidden") == "its address is public, where http:// does not go"
    async with receiver() as server:
        names["app"] = ["127.0.0.1"]
        assert await sent(f"http://app:{server.port}/") == 204


async def test_the_doctor_looks_up_without_sending(names: Names) -> None:
    names["hooks.example.com"] = ["10.0.0.1"]
    sender = HttpWebhookSender(may_be_private=False)
    with pytest.raises(NoAnswerError, match="private"):
        await sender.check(to("https://hooks.example.com/"))
    with pytest.raises(NoAnswerError, match="not found"):
        await sender.check(to("https://nowhere.invalid/"))
    async with receiver() as server:
        await HttpWebhookSender(may_be_private=True).check(to(server.url))
        assert server.begun == 0


async def test_a_name_server_that_hangs_holds_one_thread_and_no_other_endpoint_up(
    names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    released, asked = threading.Event(), 0
    looked_up = socket.getaddrinfo

    def hang(host: Any, *rest: Any, **more: Any) -> Any:
        nonlocal asked
        if host == "hangs.example.com":
            asked += 1
            released.wait(60)
            raise socket.gaierror
        return looked_up(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    names["app"] = ["127.0.0.1"]
    sender = HttpWebhookSender(may_be_private=True, limit=BRIEF)
    hanging = Endpoint(name="hangs", url="https://hangs.example.com/", keys=[b"k"])
    try:
        for _ in range(3):
            attempts = [asyncio.create_task(sender.post(hanging, HEADERS, b"")) for _ in range(4)]
            async with receiver() as server:
                quick = HttpWebhookSender(may_be_private=True)
                assert await quick.post(to(f"http://app:{server.port}/"), HEADERS, b"") == 204
            results = await asyncio.gather(*attempts, return_exceptions=True)
            assert {str(one) for one in results} == {"no answer within 0.5 s"}
        assert asked == 1
    finally:
        released.set()


# --- TLS


def certificate(tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    chain, key = make_certificate(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(chain, key)
    return tls, chain


async def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    tls, _ = certificate(tmp_path)
    async with receiver(tls) as server:
        assert await failure(f"https://127.0.0.1:{server.port}/hidden") == "its certificate is not good"
        assert server.begun == 0


async def test_a_certificate_of_the_system_s_authorities_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls, chain = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(chain))
    async with receiver(tls) as server:
        assert await sent(f"https://127.0.0.1:{server.port}/") == 204
        assert len(server.got) == 1


async def test_a_certificate_of_another_host_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: Names
) -> None:
    tls, chain = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(chain))
    names["other.example.com"] = ["127.0.0.1"]
    async with receiver(tls) as server:
        assert await failure(f"https://other.example.com:{server.port}/") == "its certificate is not good"

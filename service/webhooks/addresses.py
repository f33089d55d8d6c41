"""Which addresses a webhook may go to, and look-ups whose results are checked before anybody connects to them."""

import asyncio
import socket
import threading
from collections.abc import Callable, Sequence
from functools import partial
from ipaddress import IPv4Address, IPv6Address, IPv6Network

from aiohttp.abc import AbstractResolver, ResolveResult

from service.networks import Address, parse

NAT64 = IPv6Network("64:ff9b::/96")  # a gateway makes an IPv4 address of the last 32 bits
# What Python's table says nothing of, or did not in an older release: site-local, documentation, local NAT64.
NOWHERE = [IPv6Network(one) for one in ("fec0::/10", "3fff::/20", "64:ff9b:1::/48")]
Allowed = Callable[[Address], bool]


def is_public(address: Address) -> bool:
    """Whether it is an address of the internet, and leads to no other one that is private."""
    if isinstance(address, IPv6Address):
        if inner := _inner(address):
            return is_public(inner)
        if any(address in network for network in NOWHERE):
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _inner(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that this one leads to."""
    if address in NAT64:
        return IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)


def any_address(_: Address) -> bool:
    return True


def is_private(address: Address) -> bool:
    return not is_public(address)


class ForbiddenAddressError(OSError):
    """A host whose addresses a webhook may not go to."""


class CheckedResolver(AbstractResolver):
    """Gives the addresses of one endpoint's host, if all of them are allowed: those that are connected to.

    A look-up runs in a thread of its own, at most one at a time: a name server that hangs must not use up the threads
    in which others look up theirs.
    """

    def __init__(self, is_allowed: Allowed) -> None:
        self._is_allowed = is_allowed
        self._running: dict[tuple[str, int], asyncio.Future[Sequence[str]]] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Raises OSError."""
        self.require_allowed_literal(host)
        found = [host] if parse(host) else await self._look_up(host, port)
        if not found or not all(self._may_go_to(one) for one in found):
            raise ForbiddenAddressError
        return [
            ResolveResult(
                hostname=host,
                host=one,
                port=port,
                family=socket.AF_INET6 if ":" in one else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for one in found
            if family in (socket.AF_UNSPEC, socket.AF_INET6 if ":" in one else socket.AF_INET)
        ]

    def require_allowed_literal(self, host: str) -> None:
        """aiohttp asks no resolver about what it takes for an address, 127.1 among it. Raises ForbiddenAddressError."""
        if (":" in host or host.replace(".", "").isdigit()) and not self._may_go_to(host):
            raise ForbiddenAddressError

    async def close(self) -> None:
        """A connector closes its resolver; this one serves the next connector too."""

    def _may_go_to(self, text: str) -> bool:
        address = parse(text.partition("%")[0])
        return address is not None and self._is_allowed(address)

    async def _look_up(self, host: str, port: int) -> Sequence[str]:
        key = (host, port)
        if key not in self._running:
            loop = asyncio.get_running_loop()
            future: asyncio.Future[Sequence[str]] = loop.create_future()
            self._running[key] = future
            future.add_done_callback(lambda _: self._running.pop(key))
            threading.Thread(target=_look_up_into, args=(loop, future, host, port), daemon=True).start()
        return await asyncio.shield(self._running[key])


def _look_up_into(
    loop: asyncio.AbstractEventLoop, future: "asyncio.Future[Sequence[str]]", host: str, port: int
) -> None:
    try:
        rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        settle = partial(_succeed, future, list(dict.fromkeys(str(row[4][0]) for row in rows)))
    except (OSError, UnicodeError) as error:
        settle = partial(_fail, future, error if isinstance(error, OSError) else OSError())
    try:
        loop.call_soon_threadsafe(settle)
    except RuntimeError:  # the loop was closed meanwhile
        return


def _succeed(future: "asyncio.Future[Sequence[str]]", found: Sequence[str]) -> None:
    if not future.done():
        future.set_result(found)


def _fail(future: "asyncio.Future[Sequence[str]]", error: OSError) -> None:
    if not future.done():
        future.set_exception(error)
        future.exception()  # nobody may wait for it any more

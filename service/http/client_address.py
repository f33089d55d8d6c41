"""The client address that rate limits count. Forwarding headers count only as far as trusted proxies wrote them."""

import re
from collections.abc import Iterator
from itertools import islice

import structlog
from multidict import MultiMapping

from service.networks import Address, parse, spelled
from service.settings import Networks

log = structlog.get_logger(__name__)

LOCAL = "local"  # the other end of a Unix socket has no address
MOST_HOPS = 32  # no chain of proxies is longer; entries further left are not read
X_FORWARDED_FOR = "X-Forwarded-For"
FORWARDED = "Forwarded"

_BRACKETED = re.compile(r"\[([^\]]*)\](?::\d{1,5})?", re.ASCII)
_WITH_PORT = re.compile(r"([^:]*):\d{1,5}", re.ASCII)
_PAIR = re.compile(  # RFC 7239 section 4: token "=" (token or quoted string), and its delimiter
    r"""[ \t]*([!#$%&'*+.^_`|~\w-]+)=("(?:[^"\\]|\\.)*"|[^";,\s]+)[ \t]*(;|,|$)""", re.ASCII
)


class ClientAddresses:
    """Reads `X-Forwarded-For` or, where that is missing, `Forwarded` (RFC 7239).

    A trusted proxy must drop the one of the two that it does not write itself.
    """

    def __init__(self, trusted: Networks) -> None:
        self._trusted = trusted
        self._warned = False

    def source_of(self, peer: str | None, headers: MultiMapping[str]) -> str:
        """An IPv4 address, the /64 of an IPv6 address, or `local`. Never raises, whatever the headers hold.

        Hops are read from the right, each because the one after it is trusted. An unreadable hop counts as the one that
        reported it.
        """
        client = parse(peer or "")
        if client is None:
            self._warn_of(headers)
            return LOCAL
        if not self._trusts(client):
            self._warn_of(headers)
            return spelled(client)
        for hop in islice(_hops(headers), MOST_HOPS):
            reported = parse(_without_port(hop))
            if reported is None:
                break
            client = reported
            if not self._trusts(client):
                break
        return spelled(client)

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)

    def _warn_of(self, headers: MultiMapping[str]) -> None:
        if not self._warned and (X_FORWARDED_FOR in headers or FORWARDED in headers):
            self._warned = True
            log.warning("forwarding header of an untrusted peer ignored; see server.trusted_proxies")


def _hops(headers: MultiMapping[str]) -> Iterator[str]:
    """The nearest first."""
    for line in reversed(headers.getall(X_FORWARDED_FOR, [])):
        yield from reversed(line.rsplit(",", MOST_HOPS))
    if X_FORWARDED_FOR not in headers:
        for line in reversed(headers.getall(FORWARDED, [])):
            yield from reversed(_nodes(line))


def _nodes(line: str) -> list[str]:
    """The `for` value of each element; empty where it is missing, and once for all that follows a syntax error."""
    nodes, node, at = [], "", 0
    while pair := _PAIR.match(line, at):
        name, value, end = pair.groups()
        if name.lower() == "for":
            node = value.strip('"')
        if end != ";":
            nodes.append(node)
            node = ""
        if not end:
            return nodes
        at = pair.end()
    return [*nodes, ""]


def _without_port(hop: str) -> str:
    text = hop.strip()
    match = _BRACKETED.fullmatch(text) or _WITH_PORT.fullmatch(text)
    return match[1] if match else text

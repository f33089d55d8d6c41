"""Client addresses, reduced to the part that limits and logs need."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

SHOWN_V4, SHOWN_V6 = 24, 48  # bits of an address that are shown: enough to recognise a place, and no more

Address = IPv4Address | IPv6Address


def parse(text: str) -> Address | None:
    """None for an invalid address; an IPv4-mapped address becomes the IPv4 address."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def spelled(address: Address) -> str:
    """As a source: an IPv4 address, or the /64 around an IPv6 address, because one subscriber has all of it."""
    if isinstance(address, IPv4Address):
        return str(address)
    return str(IPv6Network((int(address) >> 64 << 64, 64)))  # the integer drops a zone id


@lru_cache(maxsize=4096)
def prefix_of(source: str) -> str:
    """The /24 or /48 around a source, as `203.0.113.0/24`; other sources (a Unix socket) stay as they are."""
    try:
        network: IPv4Network | IPv6Network = ip_network(source)
    except ValueError:
        return source
    return str(network.supernet(new_prefix=SHOWN_V4 if isinstance(network, IPv4Network) else SHOWN_V6))

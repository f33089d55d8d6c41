"""Where a request came from, as little of it as serves."""

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network

SHOWN_V4, SHOWN_V6 = 24, 48  # bits of an address that a person recognises a place by, and no more than that


@lru_cache(maxsize=4096)
def prefix_of(source: str) -> str:
    """The /24 or /48 around a source, as `203.0.113.0/24`; what is no address (a Unix socket) stays as it is."""
    try:
        network: IPv4Network | IPv6Network = ip_network(source)
    except ValueError:
        return source
    return str(network.supernet(new_prefix=SHOWN_V4 if isinstance(network, IPv4Network) else SHOWN_V6))

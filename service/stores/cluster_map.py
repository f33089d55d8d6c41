"""Which primary serves which slots of a Redis Cluster, parsed from CLUSTER NODES."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

Address = tuple[str, int]


class Term(NamedTuple):
    """A slot's server, the configuration epoch of its claim, and since when (loop time) this instance knows of it."""

    address: Address
    epoch: int
    since: float


class Claim(NamedTuple):
    """A node's claim to a range of slots. Sorts by configuration epoch, oldest first."""

    epoch: int
    address: Address
    first: int
    last: int


def claims_of(nodes: Mapping[str, Any], asked: str) -> Iterator[Claim]:
    """Parse CLUSTER NODES. An empty host means the node asked; a node whose address is lost (port 0) is skipped."""
    for address, node in nodes.items():
        host, _, port = address.rpartition(":")
        for first, *last in node["slots"] if int(port) else ():
            yield Claim(int(node["epoch"]), (host or asked, int(port)), int(first), int(last[0] if last else first))

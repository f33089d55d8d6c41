"""Who serves which slots of a Redis Cluster, as its nodes tell it."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

Address = tuple[str, int]


class Term(NamedTuple):
    """Who serves a slot, by which of the cluster's decisions, and since when this instance knows."""

    address: Address
    epoch: int
    since: float


class Claim(NamedTuple):
    """Sorts by age."""

    epoch: int
    address: Address
    first: int
    last: int


def claims_of(nodes: Mapping[str, Any], asked: str) -> Iterator[Claim]:
    """Read CLUSTER NODES. A node may not know its own host, and others may have lost a node's address."""
    for address, node in nodes.items():
        host, _, port = address.rpartition(":")
        for first, *last in node["slots"] if int(port) else ():
            yield Claim(int(node["epoch"]), (host or asked, int(port)), int(first), int(last[0] if last else first))

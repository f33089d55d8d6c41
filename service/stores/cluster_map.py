"""Which primary serves which slots of a Redis Cluster."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from redis.crc import key_slot

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


def note_terms(terms: dict[int, Term], claims: Sequence[Claim], slots: Sequence[int], now: float) -> None:
    """Record who serves each of the slots, where a claim is later than the known one."""
    for claim in claims:
        for slot in slots:
            known = terms.get(slot)
            if claim.first <= slot <= claim.last and (known is None or claim.epoch > known.epoch):
                terms[slot] = Term(claim.address, claim.epoch, now)


def slot_of(command: Sequence[Any]) -> int:
    """The slot of the first key: the first argument, or a script's first key."""
    key = command[3] if command[0] in ("EVAL", "EVALSHA") else command[1]
    return key_slot(key if isinstance(key, bytes) else str(key).encode())

"""A slot of a cluster that changes hands twice at the time of one command: only its last owner's reply counts."""

from collections.abc import Sequence

import pytest
from redis.crc import REDIS_CLUSTER_HASH_SLOTS as SLOTS
from redis.crc import key_slot
from redis.exceptions import MovedError

from service.settings import RedisSettings
from service.stores import cluster
from service.stores.cluster import Cluster, Command, Node, NodeReply

SLOT = key_slot(b"key")
ASKED: Command = (("GET", "key"), {})


class TwiceMoved:
    """The first node says that the slot moved to the second; the map learns meanwhile that it is the third's."""

    def __init__(self, redis: Cluster, learns_before: int) -> None:
        """`learns_before`: which node's reply comes after the map has learned."""
        self._redis = redis
        self._learns_before = learns_before
        self.nodes = [redis._node(("127.0.0.1", number)) for number in range(3)]
        self._name(0)

    async def deliver(self, node: Node, _: Sequence[Command]) -> list[NodeReply]:
        number = self.nodes.index(node)
        if number == self._learns_before:
            self._name(2)
        if number == 0:
            return [NodeReply(MovedError(f"{SLOT} 127.0.0.1:1"), b"run 0")]
        return [NodeReply(b"value", b"run %d" % number)]

    def _name(self, number: int) -> None:
        self._redis._slots = [self.nodes[number]] * SLOTS
        self._redis._looked_at = self._redis._answered_at = self._redis._rest_until = float("inf")  # known for good


@pytest.mark.parametrize("learns_before", [0, 1])
async def test_a_reply_of_an_owner_in_between_does_not_count(
    monkeypatch: pytest.MonkeyPatch, learns_before: int
) -> None:
    redis = Cluster(RedisSettings(), [("127.0.0.1", 0)], {})
    moved = TwiceMoved(redis, learns_before)
    monkeypatch.setattr(cluster, "_deliver", moved.deliver)
    assert await redis.send([ASKED]) == [NodeReply(b"value")]
    assert redis._slots[SLOT] is moved.nodes[2]
    assert await redis.send([ASKED]) == [NodeReply(b"value", b"run 2")]
    await redis.aclose()


async def test_a_reply_of_an_owner_that_was_just_named_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    redis = Cluster(RedisSettings(), [("127.0.0.1", 0)], {})
    moved = TwiceMoved(redis, learns_before=9)
    monkeypatch.setattr(cluster, "_deliver", moved.deliver)
    assert await redis.send([ASKED]) == [NodeReply(b"value", b"run 1")]
    assert redis._slots[SLOT] is moved.nodes[1]
    await redis.aclose()

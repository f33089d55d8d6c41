"""The state between the two steps of a login, sealed: the client carries it, so any instance can go on."""

import base64
import hashlib
import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from service.ambient import Ambient
from service.domain.seals import Purpose, Seals
from service.domain.srp.group import BYTES
from service.domain.srp.ports import UsedBlocks
from service.operator_errors import DamagedDataError

HEAD = struct.Struct(f">16sQ32s32s{BYTES}sHH")  # and the lengths of the texts that follow
LONGEST = 4096  # characters that are looked at
ROUND = 512  # texts are filled up: the length of a block tells nothing of an account
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """What the first step has agreed on."""

    user_id: UUID
    account: str  # by which the login is counted
    client_id: str
    began_at: datetime
    secret: int = field(repr=False)  # b
    mixed: int  # u
    client_value: int  # A


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretBlocks:
    seals: Seals
    used: UsedBlocks
    ambient: Ambient
    lifetime: timedelta

    def seal(self, exchange: Exchange) -> bytes:
        client_id, account = exchange.client_id.encode(), exchange.account.encode()
        head = HEAD.pack(
            exchange.user_id.bytes,
            (exchange.began_at - EPOCH) // MILLISECOND,
            exchange.secret.to_bytes(32, "big"),
            exchange.mixed.to_bytes(32, "big"),
            exchange.client_value.to_bytes(BYTES, "big"),
            len(client_id),
            len(account),
        )
        texts = client_id + account
        return self.seals.seal(Purpose.SRP_BLOCK_SEAL, head + texts.ljust(-(-len(texts) // ROUND) * ROUND), "")

    def open(self, block: bytes) -> Exchange | None:
        """None for what was changed, or was not sealed here; not every block that opens is still good."""
        try:
            opened = self.seals.open(Purpose.SRP_BLOCK_SEAL, block, "")
        except DamagedDataError:
            return None
        user_id, began, secret, mixed, client_value, of_client, of_account = HEAD.unpack_from(opened)
        texts = opened[HEAD.size :]
        return Exchange(
            user_id=UUID(bytes=user_id),
            account=texts[of_client : of_client + of_account].decode(),
            client_id=texts[:of_client].decode(),
            began_at=EPOCH + began * MILLISECOND,
            secret=int.from_bytes(secret, "big"),
            mixed=int.from_bytes(mixed, "big"),
            client_value=int.from_bytes(client_value, "big"),
        )

    def is_fresh(self, exchange: Exchange) -> bool:
        return self.ambient.now() < exchange.began_at + self.lifetime

    async def use(self, block: bytes, exchange: Exchange) -> bool:
        """Of all uses of a block, on any instance, one gets True."""
        left = exchange.began_at + self.lifetime - self.ambient.now()
        return await self.used.add(hashlib.sha256(block).hexdigest(), left + timedelta(minutes=1))


def decoded(text: str) -> bytes:
    """Of base64; empty for what is none."""
    try:
        return base64.b64decode(text, validate=True) if len(text) <= LONGEST else b""
    except ValueError:
        return b""

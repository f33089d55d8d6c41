"""The denylist in Redis: one key per revoked token or session, gone when the last token it concerns has expired."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from service.ambient import Ambient
from service.domain.ports import ForgottenError
from service.stores import keys as room
from service.stores.batches import Batch
from service.stores.redis import Server, script

AT_ONCE = 1000  # entries written in one pipeline
Entries = Mapping[str, timedelta]
NONE: Entries = MappingProxyType({})


class RedisDenylist:
    """The epoch marker names the server run that is known to hold every entry.

    It is read together with the entries, so one round trip tells both whether a token is denied and whether that
    answer can be trusted: a marker that is missing (flushed, started empty) or names another run (restarted, rolled
    back to an older snapshot, failed over) means that entries may be missing.
    """

    def __init__(self, redis: Redis, server: Server, ambient: Ambient) -> None:
        self._redis = redis
        self._server = server
        self._ambient = ambient
        self._vouch = redis.register_script(script("vouch.lua"))
        self._questions = Batch(self._has_all)

    async def has(self, token_id: str, session_id: str, key_id: str = "") -> bool:
        denied = await self._questions.ask((token_id, session_id, key_id))
        if denied is None:
            raise ForgottenError
        return denied

    async def add(self, tokens: Entries, sessions: Entries, keys: Entries = NONE) -> None:
        async with self._redis.pipeline(transaction=False) as pipe:
            _deny(pipe, room.denied_token, tokens)
            _deny(pipe, room.denied_session, sessions)
            _deny(pipe, room.denied_key, keys)
            pipe.get(room.EPOCH)
            *_, epoch = await pipe.execute()
        if not self._is_current(epoch):
            raise ForgottenError

    async def is_whole(self) -> bool:
        return self._is_current(await self._redis.get(room.EPOCH))

    async def restore(self, sessions: Entries, keys: Entries = NONE) -> None:
        """The marker names no run meanwhile, so that a store flushed half-way is found out at the end."""
        pending = b"restoring " + self._ambient.new_id().encode()
        await self._redis.set(room.EPOCH, pending)
        run_id = self._server.run_id
        names = list(sessions)
        for start in range(0, len(names), AT_ONCE):
            async with self._redis.pipeline(transaction=False) as pipe:
                _deny(pipe, room.denied_session, {name: sessions[name] for name in names[start : start + AT_ONCE]})
                await pipe.execute()
        async with self._redis.pipeline(transaction=False) as pipe:
            _deny(pipe, room.denied_key, keys)
            await pipe.execute()
        if not await self._vouch(keys=[room.EPOCH], args=[pending, run_id]):
            raise ForgottenError

    async def _has_all(self, questions: Sequence[tuple[str, str, str]]) -> list[bool | None]:
        key_ids = {key_id for _, _, key_id in questions}  # few: most tokens are signed with the same key
        asked = [
            *(room.denied_token(token_id) for token_id, _, _ in questions),
            *(room.denied_session(session_id) for _, session_id, _ in questions),
            *(room.denied_key(key_id) for key_id in key_ids),
        ]
        *found, epoch = await self._redis.mget(*asked, room.EPOCH)
        if not self._is_current(epoch):
            return [None] * len(questions)
        count = len(questions)
        bad_keys = {key_id for key_id, entry in zip(key_ids, found[2 * count :], strict=True) if entry is not None}
        return [
            token is not None or session is not None or key_id in bad_keys
            for token, session, (_, _, key_id) in zip(found[:count], found[count : 2 * count], questions, strict=True)
        ]

    def _is_current(self, epoch: object) -> bool:
        return epoch is not None and epoch == self._server.run_id


def _deny(pipe: Pipeline, key: Callable[[str], str], entries: Entries) -> None:
    for name, left in entries.items():
        pipe.set(key(name), b"", px=left)

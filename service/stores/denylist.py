"""The denylist in Redis: one key per revoked token or session, gone when the last token it concerns has expired."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from redis.asyncio import Redis

from service.ambient import Ambient
from service.domain.ports import ForgottenError
from service.stores import keys
from service.stores.batches import Batch
from service.stores.redis import Server, script

AT_ONCE = 1000  # entries written in one pipeline


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

    async def has(self, token_id: str, session_id: str) -> bool:
        denied = await self._questions.ask((token_id, session_id))
        if denied is None:
            raise ForgottenError
        return denied

    async def add(self, tokens: Mapping[str, timedelta], sessions: Mapping[str, timedelta]) -> None:
        async with self._redis.pipeline(transaction=False) as pipe:
            for token_id, left in tokens.items():
                pipe.set(keys.denied_token(token_id), b"", px=left)
            for session_id, left in sessions.items():
                pipe.set(keys.denied_session(session_id), b"", px=left)
            pipe.get(keys.EPOCH)
            *_, epoch = await pipe.execute()
        if not self._is_current(epoch):
            raise ForgottenError

    async def is_whole(self) -> bool:
        return self._is_current(await self._redis.get(keys.EPOCH))

    async def restore(self, sessions: Mapping[str, timedelta]) -> None:
        """The marker names no run meanwhile, so that a store flushed half-way is found out at the end."""
        pending = b"restoring " + self._ambient.new_id().encode()
        await self._redis.set(keys.EPOCH, pending)
        run_id = self._server.run_id
        entries = list(sessions.items())
        for start in range(0, len(entries), AT_ONCE):
            async with self._redis.pipeline(transaction=False) as pipe:
                for session_id, left in entries[start : start + AT_ONCE]:
                    pipe.set(keys.denied_session(session_id), b"", px=left)
                await pipe.execute()
        if not await self._vouch(keys=[keys.EPOCH], args=[pending, run_id]):
            raise ForgottenError

    async def _has_all(self, questions: Sequence[tuple[str, str]]) -> list[bool | None]:
        asked = [
            key
            for token_id, session_id in questions
            for key in (keys.denied_token(token_id), keys.denied_session(session_id))
        ]
        *found, epoch = await self._redis.mget(*asked, keys.EPOCH)
        if not self._is_current(epoch):
            return [None] * len(questions)
        return [
            token is not None or session is not None for token, session in zip(found[::2], found[1::2], strict=True)
        ]

    def _is_current(self, epoch: object) -> bool:
        return epoch is not None and epoch == self._server.run_id

"""Redis: which sign-in sessions were used, and how many answers the others have had."""

from datetime import timedelta
from typing import cast

from service.stores import redis_keys
from service.stores.scripts import Scripts

MILLISECOND = timedelta(milliseconds=1)


class RedisSessionUses:
    def __init__(self, scripts: Scripts) -> None:
        self._try = scripts.script("sign_in_try")
        self._claim = scripts.script("sign_in_claim")

    async def count_try(self, session_id: str, life: timedelta) -> int | None:
        return cast("int | None", await self._try([redis_keys.sign_in(session_id)], [_milliseconds(life)]))

    async def claim(self, session_id: str, life: timedelta) -> bool:
        return bool(await self._claim([redis_keys.sign_in(session_id)], [_milliseconds(life)]))


def _milliseconds(life: timedelta) -> int:
    return max(1, life // MILLISECOND)

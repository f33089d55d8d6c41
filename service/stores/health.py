"""Whether the stores can be counted on, in a word for `/readyz`; and how full Redis is."""

import asyncio
from typing import NamedTuple

from redis.asyncio import Redis

from service.stores import rights
from service.stores.postgres import Postgres
from service.stores.redis import Server, Servers

STATE = f"""
    SELECT current_setting('transaction_read_only') = 'on' AS read_only, EXISTS ({rights.LACKING}) AS lacks_rights
"""


class Said(NamedTuple):
    word: str
    fullness: float | None = None  # used memory to maxmemory; None without a limit, which no memory is a share of


async def of_postgres(postgres: Postgres) -> str:
    row = await postgres.fetchrow(STATE, *rights.needed())
    if row is None or row["read_only"]:
        await postgres.start_afresh()  # another host may be the writable one by now
        return "read-only"
    return "lacks rights on a table" if row["lacks_rights"] else "ok"


class RedisHealth:
    def __init__(self, redis: Redis, servers: Servers) -> None:
        self._redis = redis
        self._servers = servers
        self.fullness: float | None = None  # of the fullest primary, as last seen; None where no limit is known

    async def word(self) -> str:
        """The worst word that one of the primaries says.

        One of several that is silent fails the requests that concern it, and is no reason to turn all others away.
        """
        self.fullness = None  # a figure from before an outage would be taken for today's
        asked = [_ask(one, server) for one, server in await self._servers.primaries(self._redis)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        said = [answer for answer in answers if isinstance(answer, Said)]
        if not said:
            return "no answer"
        self.fullness = max((one.fullness for one in said if one.fullness is not None), default=None)
        return next((one.word for one in said if one.word != "ok"), "ok")


async def _ask(redis: Redis, server: Server) -> Said:
    """A Redis that evicts would forget revocations without a word, so an instance on it is not ready."""
    said = await redis.info()
    server.hear(said)
    if said["role"] != "master":
        return Said("is a replica")
    word = "ok" if said["maxmemory_policy"] == "noeviction" else "maxmemory-policy is not noeviction"
    return Said(word, said["used_memory"] / said["maxmemory"] if said["maxmemory"] else None)

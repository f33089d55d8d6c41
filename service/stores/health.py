"""Whether the stores can be counted on, in a word for `/readyz`."""

import asyncio

from redis.asyncio import Redis

from service.stores.postgres import Postgres
from service.stores.redis import Server, Servers

READ_ONLY = "SELECT current_setting('transaction_read_only') = 'on' AS read_only"


async def of_postgres(postgres: Postgres) -> str:
    row = await postgres.fetchrow(READ_ONLY)
    if row is not None and not row["read_only"]:
        return "ok"
    await postgres.start_afresh()  # another host may be the writable one by now
    return "read-only"


async def of_redis(redis: Redis, servers: Servers) -> str:
    """The worst word that one of the primaries says.

    One of several that is silent fails the requests that concern it, and is no reason to turn all others away.
    """
    asked = [_word(one, server) for one, server in await servers.primaries(redis)]
    said = await asyncio.gather(*asked, return_exceptions=True)
    words = [word for word in said if isinstance(word, str)]
    if not words:
        return "no answer"
    return next((word for word in words if word != "ok"), "ok")


async def _word(redis: Redis, server: Server) -> str:
    """A Redis that evicts would forget revocations without a word, so an instance on it is not ready."""
    said = await redis.info()
    server.hear(said["run_id"], said["role"])
    if said["role"] != "master":
        return "is a replica"
    return "ok" if said["maxmemory_policy"] == "noeviction" else "maxmemory-policy is not noeviction"

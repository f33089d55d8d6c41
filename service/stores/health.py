"""Whether the stores can be counted on, in a word for `/readyz`."""

from redis.asyncio import Redis

from service.stores.postgres import Postgres
from service.stores.redis import Server

READ_ONLY = "SELECT current_setting('transaction_read_only') = 'on' AS read_only"


async def of_postgres(postgres: Postgres) -> str:
    row = await postgres.fetchrow(READ_ONLY)
    return "read-only" if row is None or row["read_only"] else "ok"


async def of_redis(redis: Redis, server: Server) -> str:
    """A Redis that evicts would forget revocations without a word, so an instance on it is not ready."""
    said = await redis.info()
    server.hear(said["run_id"], said["role"])
    if said["role"] != "master":
        return "is a replica"
    return "ok" if said["maxmemory_policy"] == "noeviction" else "maxmemory-policy is not noeviction"

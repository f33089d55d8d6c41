"""Whether the stores can be counted on, in a word for `/readyz`."""

from redis.asyncio import Redis

from service.stores.postgres import Postgres

READ_ONLY = "SELECT current_setting('transaction_read_only') = 'on' AS read_only"


async def of_postgres(postgres: Postgres) -> str:
    row = await postgres.fetchrow(READ_ONLY)
    return "read-only" if row is None or row["read_only"] else "ok"


async def of_redis(redis: Redis) -> str:
    """A Redis that evicts would forget revocations without a word, so an instance on it is not ready."""
    policy = (await redis.info("memory"))["maxmemory_policy"]
    return "ok" if policy == "noeviction" else "maxmemory-policy is not noeviction"

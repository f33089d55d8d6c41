"""The raw limits that no bar refers to, for orientation."""

from tests.load.figures import Row
from tests.load.instances import Stage
from tests.load.limits import Hashes, RoundTrips, Signatures, postgres_round_trips, redis_round_trips
from tests.load.plan import Plan


async def limits(place: Stage, plan: Plan) -> list[Row]:
    redis = await redis_round_trips(place.redis, plan.seconds(1))
    postgres = await postgres_round_trips(place.postgres, plan.seconds(1))
    return [
        Row(name="bcrypt checks/s, one thread", values=[Hashes().rate(plan.seconds(3), 1)], note="cost 12"),
        Row(
            name="RS256 verifications/s, one core", values=[Signatures().verifications(plan.seconds(1))], note="joserfc"
        ),
        *_rows("Redis GET/s", redis, "redis-py, Unix socket"),
        *_rows("Postgres SELECT/s", postgres, "asyncpg's pool as it comes, 10 connections, Unix socket"),
    ]


def _rows(name: str, timings: RoundTrips, note: str) -> list[Row]:
    return [
        Row(name=f"{name}, one at a time", values=[timings.alone], note=note),
        Row(name=f"{name}, 32 at a time", values=[timings.together], note=note),
    ]

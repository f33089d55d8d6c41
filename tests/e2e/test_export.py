"""An export of a hundred thousand ended sessions, on the real stores."""

import asyncio

import asyncpg

from tests.conftest import Instances, bearer

MANY = 100_000
ENDED = """
    INSERT INTO revocations (session_id, user_id, denied_until, forget_at)
    SELECT md5(i::text), $1, now(), now() + interval '30 days' FROM generate_series(1, $2::int) AS i
"""


async def test_a_hundred_thousand_ended_sessions_are_exported_while_others_are_served(
    instances: Instances, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    (client,) = await instances(1)
    ada, grace = await client.sign_up(), await client.sign_up()
    mine, hers = await client.log_in(ada), await client.log_in(grace)
    await database.execute(ENDED, ada["userId"], MANY)

    async def export() -> set[str]:
        answer = await client.get("/auth/export", **bearer(mine))
        assert answer.status == 200
        return {one["sessionId"] for one in (await answer.json())["endedSessions"]}

    exporting = asyncio.create_task(export())
    served = 0
    while not exporting.done():
        assert (await client.get("/auth/sessions", **bearer(hers))).status == 200
        served += 1
    assert len(await exporting) == MANY
    assert served > 1

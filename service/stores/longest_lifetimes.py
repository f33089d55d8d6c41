"""The `longest_lives` table: token and session lifetimes in use, including those of earlier settings."""

from datetime import timedelta

from service.stores.postgres import Postgres

# An instance renews its row long before the hour is over, so the tokens that it signs meanwhile are covered. A row is
# deleted when the last token and the last session issued under it have expired.
USE = """
    WITH dropped AS (
        DELETE FROM longest_lives
        WHERE used_until + make_interval(secs => greatest(token_seconds, session_seconds)) < now()
            AND (token_seconds, session_seconds) <> (ceil($1::float8), ceil($2::float8))
    ), used AS (
        INSERT INTO longest_lives (token_seconds, session_seconds, used_until)
        VALUES (ceil($1::float8), ceil($2::float8), now() + interval '1 hour')
        ON CONFLICT (token_seconds, session_seconds) DO UPDATE SET used_until = excluded.used_until
    )
    SELECT greatest(
        make_interval(secs => $1),
        max(make_interval(secs => token_seconds))
            FILTER (WHERE used_until + make_interval(secs => token_seconds) > now())
    ) AS longest
    FROM longest_lives
"""


class PostgresLifetimes:
    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def use(self, token_life: timedelta, session_life: timedelta) -> timedelta:
        row = await self._postgres.fetchrow(USE, token_life.total_seconds(), session_life.total_seconds())
        longest: timedelta = row["longest"] if row else token_life
        return longest

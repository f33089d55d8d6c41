"""What clients of Cognito's protocol know of a user: the row, its attributes, and whether TOTP is on."""

import json
from collections.abc import Sequence
from uuid import UUID

from service.coalescing import Batch
from service.domain.accounts.models import ProfileChange
from service.domain.models import UserProfile
from service.stores import account_lock, email_changes
from service.stores.postgres import Postgres
from service.stores.users import USER_FIELDS, user_of

BY_IDS = f"""
    SELECT {", ".join(USER_FIELDS)}, attributes,
        EXISTS (SELECT FROM totp WHERE user_id = users.id AND is_on) AS has_totp
    FROM users
    WHERE id = ANY($1::uuid[])
"""  # noqa: S608 - our own
CHANGE = """
    UPDATE users
    SET first_name = coalesce($2, first_name),
        last_name = coalesce($3, last_name),
        attributes = (attributes || $4::jsonb) - $5::text[]
    WHERE id = $1 AND disabled_at IS NULL
    RETURNING id
"""


class PostgresProfiles:
    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self._by_id = Batch(self._by_ids)

    async def by_id(self, user_id: UUID) -> UserProfile | None:
        return await self._by_id.ask(user_id)

    async def change(self, user_id: UUID, change: ProfileChange, *, session_id: str) -> bool:
        values = (change.first_name, change.last_name, json.dumps(dict(change.attributes)), list(change.removed))
        async with self._postgres.connection() as connection, connection.transaction():
            await account_lock.take(connection, user_id, session_id)
            if await connection.fetchrow(CHANGE, user_id, *values) is None:
                return False
            if change.email_change:
                await email_changes.request(connection, change.email_change)
        return True

    async def _by_ids(self, user_ids: Sequence[UUID]) -> list[UserProfile | None]:
        rows = await self._postgres.fetch(BY_IDS, list(set(user_ids)))
        found = {
            row["id"]: UserProfile(
                user=user_of(row), attributes=json.loads(row["attributes"]), has_totp=row["has_totp"]
            )
            for row in rows
        }
        return [found.get(user_id) for user_id in user_ids]

"""The `users` table, as operators search and change it."""

from collections.abc import Sequence
from uuid import UUID

from service.domain.administration.models import Most, UserChange
from service.domain.models import User
from service.stores.changed_groups import CHANGED_GROUPS, groups_fit
from service.stores.postgres import Postgres
from service.stores.users import USER_FIELDS, user_of

_COLUMNS = ", ".join(USER_FIELDS)
AFTER_ALL = "\x7f"  # comes behind every character of a canonical address
# The operators of text_pattern_ops compare bytes, so a page is the same part of the index in any collation.
PAGE = f"""
    SELECT {_COLUMNS}
    FROM users
    WHERE canonical_email ~>=~ $1 AND canonical_email ~<~ $2 AND canonical_email ~>~ $3
    ORDER BY canonical_email USING ~<~
    LIMIT $4
"""  # noqa: S608 - our own columns
_CHANGED_CLAIMS = "(claims || $7::jsonb) - $8::text[]"
CHANGE = f"""
    UPDATE users
    SET first_name = coalesce($4, first_name), last_name = coalesce($5, last_name), groups = {CHANGED_GROUPS},
        claims = {_CHANGED_CLAIMS}
    WHERE id = $1 AND {groups_fit("$6", "$10")} AND octet_length(({_CHANGED_CLAIMS})::text) <= $9
    RETURNING {_COLUMNS}
"""  # noqa: S608 - as above


class PostgresUserDirectory:
    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def page(self, prefix: str, after: str, limit: int) -> Sequence[User]:
        if "\0" in prefix:  # Postgres rejects a text with NUL
            return []
        bounds = prefix, prefix + AFTER_ALL, after.replace("\0", "")
        return [user_of(row) for row in await self._postgres.fetch(PAGE, *bounds, limit)]

    async def change(self, user_id: UUID, change: UserChange, most: Most) -> User | None:
        groups = list(change.added_groups), list(change.removed_groups)
        claims = change.set_claims, list(change.removed_claims)
        names = change.first_name, change.last_name
        limits = most.bytes_of_claims, most.bytes_of_groups
        row = await self._postgres.fetchrow(CHANGE, user_id, *groups, *names, most.groups, *claims, *limits)
        return user_of(row) if row else None

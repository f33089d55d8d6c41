"""The lock under which an account gets another credential or address.

Whoever proves to own the account ends its sessions and removes what they have added. A call of such a session that was
on its way may come just after that: it must add nothing any more.
"""

from typing import TypeAlias
from uuid import UUID

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from service.errors import InvalidTokenError
from service.faults import Fault

Connection: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"
LOCK = "SELECT second_factor_since FROM users WHERE id = $1 FOR UPDATE"
# In a statement of its own: it sees what was committed while the lock was waited for.
IS_OVER = """
    SELECT EXISTS (SELECT FROM pending_endings WHERE user_id = $1 AND kept_session <> $2)
        OR EXISTS (SELECT FROM revocations WHERE session_id = $2)
"""


async def take(connection: Connection, user_id: UUID, session_id: str = "") -> asyncpg.Record | None:
    """Until the transaction ends. The mark of the account's second factors; None when the account is gone.

    Raises InvalidTokenError when the session is over, or being ended.
    """
    account = await connection.fetchrow(LOCK, user_id)
    if session_id and await connection.fetchval(IS_OVER, user_id, session_id):
        raise InvalidTokenError(Fault.REVOKED, user_id=user_id, session_id=session_id)
    return account

"""The real Postgres, as the stores stand on it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.embedded import Stores
from service.settings import DatabaseSettings
from service.stores.migrations import migrate
from service.stores.postgres import Postgres
from tests.support.waiting import unhurried


@asynccontextmanager
async def open_postgres(embedded: Stores) -> AsyncIterator[Postgres]:
    """Migrated and empty."""
    url = embedded.postgres.url
    await migrate(url)
    postgres = Postgres(DatabaseSettings.model_validate({"url": url} | unhurried({})["database"]))
    await postgres.open()
    await postgres.execute(
        "TRUNCATE users, signing_keys, revocations, audit_events, longest_lives, pending_endings, mails, invitations,"
        " admin_tokens CASCADE"
    )
    yield postgres
    await postgres.close()

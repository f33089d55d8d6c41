"""More ground for stories than the common fixtures give: empty databases, and an operator's command line."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg

from service.ambient import Ambient
from service.assembly.application import Application, build
from service.embedded import Stores
from service.settings import Settings

Command = Callable[..., Awaitable[tuple[int, str, str]]]  # exit status, and what was said on both streams


@asynccontextmanager
async def empty_database(embedded: Stores) -> AsyncIterator[str]:
    """The URL of a database of its own, without any tables, that is dropped again."""
    name = f"empty_{Ambient().new_uuid().hex}"
    admin = await asyncpg.connect(embedded.postgres.url)
    try:
        await admin.execute(f"CREATE DATABASE {name}")
        try:
            yield embedded.postgres.url.replace("/tokenhouse?", f"/{name}?")
        finally:
            await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await admin.close()


@asynccontextmanager
async def role(database: "asyncpg.Connection[asyncpg.Record]", rules: str, base: str) -> AsyncIterator[str]:
    """The URL of a role of its own that has these rights."""
    await database.execute(f"DROP ROLE IF EXISTS limited; CREATE ROLE limited LOGIN PASSWORD 'x'; {rules}")
    try:
        yield base.replace("tokenhouse@", "limited@")
    finally:
        await database.execute("DROP OWNED BY limited; DROP ROLE limited")


@asynccontextmanager
async def operator(settings: Settings) -> AsyncIterator[Application]:
    """An application that serves nobody, as the commands open one."""
    application = build(settings, Ambient())
    try:
        await application.open()
        yield application
    finally:
        await application.close()

"""Startup before the stores are up: retries outages, and logs the store that it waits for."""

import asyncio

import structlog

from service.assembly.application import Application
from service.domain.sessions.ports import ForgottenError
from service.errors import UnavailableError
from service.stores import failures, inspection

SOON = 0.2  # seconds before the first retry
LATEST = 1.0  # seconds between two retries, at most
log = structlog.get_logger(__name__)


async def _look_at_redis(application: Application) -> None:
    if await inspection.lacks_a_log(application.backends.redis, application.backends.servers):
        log.warning("redis keeps no append-only file", advice="set appendonly yes, or a restart logs everybody out")


def _store_of(error: Exception) -> str:
    forgot = isinstance(error, ForgottenError | UnavailableError)  # Redis responded, but its data is incomplete
    return "redis" if forgot else failures.store_of(error)


async def open_when_ready(application: Application) -> None:
    not_yet: tuple[type[Exception], ...] = (*application.outages, ForgottenError, UnavailableError)
    pause, logged = SOON, ("", "")
    while True:
        try:
            await application.open()
            await _look_at_redis(application)
            break
        except not_yet as error:
            if (news := (_store_of(error), type(error).__name__)) != logged:
                log.warning("waiting for Postgres and Redis", store=news[0], error=news[1])
                logged = news
        await asyncio.sleep(pause)
        pause = min(pause * 2, LATEST)
    await _become_ready(application)


async def _become_ready(application: Application) -> None:
    """Return once `/readyz` responds 200. A reachable store may still be unfit: it evicts, or refuses writes."""
    logged = None
    while not (state := await application.readiness.state()).is_ready:
        if state != logged:
            log.warning("not ready", postgres=state.postgres, redis=state.redis)
            logged = state
        await asyncio.sleep(SOON)

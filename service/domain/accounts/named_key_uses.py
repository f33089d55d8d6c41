"""When named API keys were last used: remembered here, and written once a minute in one statement."""

import asyncio
from datetime import datetime
from uuid import UUID

import structlog

from service.domain.accounts.ports import NamedApiKeyStore
from service.domain.models import NamedApiKey

EVERY = 60.0  # seconds between two writes
MOST = 10_000  # keys remembered; some 2 MB. Uses of further ones are not recorded until the next write.
BATCH = 500
PATIENCE = 2.0  # seconds for the last write at shutdown
log = structlog.get_logger(__name__)


class NamedKeyUses:
    """A use of a minute that is stored or remembered already costs nothing. A crash loses at most the last minute."""

    def __init__(self, store: NamedApiKeyStore, outages: tuple[type[Exception], ...]) -> None:
        self._store = store
        self._outages = outages
        self._uses: dict[UUID, datetime] = {}
        self._is_failing = False

    def note(self, key: NamedApiKey, now: datetime) -> None:
        minute = now.replace(second=0, microsecond=0)
        if key.last_used_at and key.last_used_at >= minute:
            return
        if key.id in self._uses or len(self._uses) < MOST:
            self._uses[key.id] = minute

    async def run_forever(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            await self.write()

    async def write(self) -> None:
        """On failure they stay remembered; the first failure is logged."""
        while batch := dict(list(self._uses.items())[:BATCH]):
            try:
                await self._store.note_uses(batch)
            except self._outages as error:
                if not self._is_failing:
                    self._is_failing = True
                    log.warning("uses of API keys not written", error=type(error).__name__)
                return
            self._is_failing = False
            for key_id, minute in batch.items():
                if self._uses[key_id] == minute:  # otherwise used again meanwhile
                    del self._uses[key_id]

    async def close(self) -> None:
        """A last write, with a timeout; what it cannot write is lost."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self.write()
        except TimeoutError:
            log.warning("uses of API keys lost", keys=len(self._uses))

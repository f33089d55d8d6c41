"""The longest lifetimes still in use, under the current or earlier settings of any instance."""

from service.ambient import Ambient
from service.domain.signing.ports import Lifetimes
from service.settings import TokenSettings
from service.shared_reload import SharedReload

LOOK_EVERY = 0.5  # seconds between two reloads for tokens with an unknown lifetime


class LongestLifetimes:
    """A token signed under a longer setting stays valid until its own expiry, and is denied until then if revoked."""

    def __init__(self, stored: Lifetimes, settings: TokenSettings, ambient: Ambient) -> None:
        self._stored = stored
        self._settings = settings
        self._look = SharedReload(self.refresh, ambient, LOOK_EVERY, LOOK_EVERY)
        self.token = settings.longest  # the longest lifetime of any unexpired token, plus the leeway

    async def refresh(self) -> None:
        """Record this instance's lifetimes and load the longest of all instances. Raises the store's outage."""
        self.token = await self._stored.use(self._settings.longest, self._settings.refresh_lifetime)

    async def look_again(self) -> None:
        """As `refresh`, shared by concurrent callers, at most every 0.5 s. Raises the store's outage."""
        await self._look.ask()

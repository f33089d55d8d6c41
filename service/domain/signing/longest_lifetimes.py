"""The longest lives that tokens and sessions were given: by the settings of today, and by those before them."""

from service.ambient import Ambient
from service.domain.signing.ports import Lifetimes
from service.settings import TokenSettings
from service.shared_reload import SharedReload

LOOK_EVERY = 0.5  # seconds between two looks for a life that a token has and nobody knows


class LongestLifetimes:
    """A token that was signed under a longer setting verifies until its own end, and is denied until then."""

    def __init__(self, stored: Lifetimes, settings: TokenSettings, ambient: Ambient) -> None:
        self._stored = stored
        self._settings = settings
        self._look = SharedReload(self.refresh, ambient, LOOK_EVERY, LOOK_EVERY)
        self.token = settings.longest  # how long a token that is alive may live after it was signed, with the leeway

    async def refresh(self) -> None:
        """Say what this instance issues, and hear what others do or did. Raises the store's outage."""
        self.token = await self._stored.use(self._settings.longest, self._settings.refresh_lifetime)

    async def look_again(self) -> None:
        """As `refresh`, all callers together, unless that was done a moment ago. Raises the store's outage."""
        await self._look.ask()

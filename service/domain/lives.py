"""The longest lives that tokens and sessions were given: by the settings of today, and by those before them."""

from service.domain.ports import Lives
from service.settings import Tokens as TokenSettings


class LongestLives:
    """A token that was signed under a longer setting verifies until its own end, and is denied until then."""

    def __init__(self, stored: Lives, settings: TokenSettings) -> None:
        self._stored = stored
        self._settings = settings
        self.token = settings.longest  # how long a token that is alive may live after it was signed, with the leeway

    async def refresh(self) -> None:
        """Say what this instance issues, and hear what others do or did. Raises the store's outage."""
        self.token = await self._stored.use(self._settings.longest, self._settings.refresh_lifetime)

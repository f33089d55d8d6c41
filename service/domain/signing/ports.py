"""What this room needs from the stores. Implemented in `service/stores`; tests have fakes."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Protocol

from service.domain.signing.models import StoredKey


class SigningKeys(Protocol):
    async def all(self) -> Sequence[StoredKey]:
        """Every key, gone ones too until they are removed, the newest first."""

    async def add_first(self, *keys: StoredKey) -> None:
        """Keep the keys unless there is one already; safe when many instances start at once."""

    async def change(self, decide: Callable[[Sequence[StoredKey]], Sequence[StoredKey]]) -> None:
        """Show all keys to `decide` and keep what it returns: new keys, and changed times and seals of known ones.

        One change at a time, over all instances.
        """

    async def remove(self, kids: Sequence[str]) -> None: ...


class Lifetimes(Protocol):
    """The longest lives that tokens and sessions were given, for as long as one of them may be left."""

    async def use(self, token_life: timedelta, session_life: timedelta) -> timedelta:
        """Note that an instance issues these, for the hour to come; the longest life that a living token may have."""

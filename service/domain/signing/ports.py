"""The stores that signing needs. Implemented in `service/stores`; tests have fakes."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Protocol

from service.domain.signing.models import StoredKey


class SigningKeys(Protocol):
    async def all(self) -> Sequence[StoredKey]:
        """Every key, the newest first, including gone ones that are not deleted yet."""

    async def add_first(self, *keys: StoredKey) -> None:
        """Store the keys unless there is one already; safe when many instances start at once."""

    async def change(self, decide: Callable[[Sequence[StoredKey]], Sequence[StoredKey]]) -> None:
        """Pass all keys to `decide` and store the rows it returns: new keys, or new times and seals of existing ones.

        One change at a time across all instances.
        """

    async def remove(self, kids: Sequence[str]) -> None: ...


class Lifetimes(Protocol):
    """The token and session lifetimes in use, kept while a token or session issued with them may be left."""

    async def use(self, token_life: timedelta, session_life: timedelta) -> timedelta:
        """Record these lifetimes as in use for the next hour; returns the longest of any unexpired token."""

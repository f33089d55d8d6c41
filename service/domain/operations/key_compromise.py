"""Revoking a signing key that has leaked, with every token that it signed."""

from dataclasses import dataclass

from service.domain.sessions.revocation import SessionRevocation
from service.domain.signing.key_rotation import KeyRotation


class NotDeniedYetError(Exception):
    """The key is revoked in Postgres, but Redis could not be told: instances refuse it when they next read the keys."""


@dataclass(frozen=True, slots=True)
class KeyCompromise:
    rotation: KeyRotation
    revocation: SessionRevocation

    async def revoke(self, kid: str) -> None:
        """Every token of the key is refused from now on, by every instance.

        Postgres comes first, so that a Redis that loses its data is told again. Raises NoSuchKeyError, or
        NotDeniedYetError; then asking again denies the key.
        """
        await self.rotation.replace_revoked(kid)
        failed: Exception | None = None
        try:
            await self.revocation.deny_killed_keys()
        except Exception as error:  # noqa: BLE001 - whatever Redis says, the key is revoked in Postgres: finish first
            failed = error
        await self.rotation.ensure_keys()
        if failed:
            raise NotDeniedYetError from failed

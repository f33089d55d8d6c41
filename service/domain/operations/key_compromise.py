"""Revoking a signing key that has leaked, with every token that it signed."""

from dataclasses import dataclass

from service.domain.sessions.revocation import SessionRevocation
from service.domain.signing.key_rotation import KeyRotation


class NotDeniedYetError(Exception):
    """The key is revoked in Postgres but not denied in Redis: instances refuse it when they next read the keys."""


@dataclass(frozen=True, slots=True)
class KeyCompromise:
    rotation: KeyRotation
    revocation: SessionRevocation

    async def revoke(self, kid: str) -> None:
        """Make every instance refuse every token of the key from now on.

        Postgres comes first, so that the denial is restored if Redis loses its data. Raises NoSuchKeyError, or
        NotDeniedYetError; then a retry denies the key.
        """
        await self.rotation.replace_revoked(kid)
        failed: Exception | None = None
        try:
            await self.revocation.deny_killed_keys()
        except Exception as error:  # noqa: BLE001 - whatever the error, the key is revoked in Postgres: finish first
            failed = error
        await self.rotation.ensure_keys()
        if failed:
            raise NotDeniedYetError from failed

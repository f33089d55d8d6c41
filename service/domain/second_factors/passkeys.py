"""Passkeys: challenges that are good once, and what a passkey proves."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from service.ambient import Ambient
from service.domain.models import User
from service.domain.second_factors.base64url import decoded
from service.domain.second_factors.models import Mismatch, Passkey
from service.domain.second_factors.ports import PasskeyChallenges, PasskeyStore
from service.domain.second_factors.relying_party import RelyingParty
from service.errors import InvalidCodeError

LIFETIME = timedelta(minutes=5)
CHALLENGE_BYTES = 32
ASSERTION = "assertion:"  # meant for whoever has a passkey
HARDWARE, SOFTWARE, VERIFIED = "hwk", "swk", "user"  # RFC 8176


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPasskey:
    """An assertion that names a passkey and its owner. Nothing is proved yet; its challenge is used up."""

    credential: Mapping[str, Any]
    challenge: bytes
    passkey: Passkey
    user: User


@dataclass(frozen=True, slots=True, kw_only=True)
class Passkeys:
    store: PasskeyStore
    challenges: PasskeyChallenges
    party: RelyingParty
    ambient: Ambient

    async def assertion_options(self) -> dict[str, Any]:
        return self.party.assertion_options(await self._challenge(ASSERTION))

    async def registration_options(self, user: User, *, by_session: bool = False) -> dict[str, Any]:
        """Of this user alone: another's browser cannot answer them. `by_session`: nothing else was asked for."""
        held = [one for one in await self.store.of_user(user.id) if one.rp_id == self.party.id]
        return self.party.registration_options(
            await self._challenge(_registration(user, by_session=by_session)), user, held
        )

    async def register(
        self, user: User, credential: Mapping[str, Any], name: str, *, by_session: bool = False
    ) -> Passkey:
        """The verified passkey, which is not stored yet. Raises InvalidCodeError."""
        challenge = await self._take(credential, _registration(user, by_session=by_session))
        made = await self.party.judge_registration(credential, challenge)
        return Passkey(
            id=made.id,
            user_id=user.id,
            name=name,
            public_key=made.public_key,
            sign_count=made.sign_count,
            backed_up=made.backed_up,
            transports=made.transports,
            aaguid=made.aaguid,
            rp_id=self.party.id,
            created_at=self.ambient.now(),
        )

    async def identify(self, credential: Mapping[str, Any]) -> ShownPasskey:
        """Raises InvalidCodeError."""
        challenge = await self._take(credential, ASSERTION)
        try:
            passkey_id, handle = decoded(credential["id"]), decoded(credential["response"]["userHandle"])
        except (KeyError, TypeError, ValueError):
            raise InvalidCodeError(Mismatch.MALFORMED) from None
        found = await self.store.find(passkey_id)
        if found is None:
            raise InvalidCodeError("unknown passkey")
        passkey, user = found
        if handle != user.id.bytes or passkey.rp_id != self.party.id:
            raise InvalidCodeError("of another user or relying party", user_id=user.id)
        return ShownPasskey(credential=credential, challenge=challenge, passkey=passkey, user=user)

    async def prove(self, shown: ShownPasskey) -> tuple[str, ...]:
        """How its owner authenticated (RFC 8176). Raises InvalidCodeError.

        The statement that stores the counter decides between uses in parallel.
        """
        judged = await self.party.judge_assertion(shown.credential, shown.challenge, shown.passkey)
        at = self.ambient.now()
        if not await self.store.use(shown.passkey.id, judged.sign_count, at, backed_up=judged.backed_up):
            raise InvalidCodeError("counter", user_id=shown.user.id)
        return (SOFTWARE if judged.is_synced else HARDWARE, VERIFIED)

    async def use(self, user: User, credential: Mapping[str, Any]) -> tuple[str, ...]:
        """As a second factor of this user. Raises InvalidCodeError."""
        shown = await self.identify(credential)
        if shown.user.id != user.id:
            raise InvalidCodeError("of another user", user_id=user.id)
        return await self.prove(shown)

    async def are_usable(self, user: User) -> bool:
        return any(one.rp_id == self.party.id for one in await self.store.of_user(user.id))

    async def _challenge(self, meant_for: str) -> bytes:
        challenge = self.ambient.random_bytes(CHALLENGE_BYTES)
        await self.challenges.add(_digest(challenge), meant_for, LIFETIME)
        return challenge

    async def _take(self, credential: Mapping[str, Any], meant_for: str) -> bytes:
        """The challenge that the browser answered, used up by this. Raises InvalidCodeError."""
        try:
            client_data = json.loads(decoded(credential["response"]["clientDataJSON"]))
            challenge = decoded(client_data["challenge"])
        except (KeyError, TypeError, ValueError, RecursionError):
            raise InvalidCodeError(Mismatch.MALFORMED) from None
        if len(challenge) != CHALLENGE_BYTES or await self.challenges.take(_digest(challenge)) != meant_for:
            raise InvalidCodeError(Mismatch.CHALLENGE)
        return challenge


def _registration(user: User, *, by_session: bool) -> str:
    """Of an account that has not changed hands, or its password, since."""
    return f"{'session-' if by_session else ''}registration:{user.id}:{user.password_changed_at.isoformat()}"


def _digest(challenge: bytes) -> str:
    """SHA-256: enough for a secret of 256 bits."""
    return hashlib.sha256(challenge).hexdigest()

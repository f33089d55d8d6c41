"""Reseals values of earlier secrets with the current one, after `TOKENHOUSE_SECRET_KEY` has changed."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from service.domain.credentials.api_keys import ApiKey, ApiKeys
from service.domain.events.security_events import Event, Events, Name
from service.domain.operations.models import Resealing, Sealed
from service.domain.operations.ports import ApiKeySeals, TotpSeals, VerifierSeals
from service.domain.seals import Purpose, Seals
from service.domain.signing.models import StoredKey
from service.domain.signing.ports import SigningKeys
from service.domain.srp.verifiers import owner_of
from service.operator_errors import DamagedDataError

BATCH = 200  # users in one query: takes a fraction of the database timeout
BEFORE_ALL = UUID(int=0)
Read = Callable[[UUID, int], Awaitable[Sequence[Sealed]]]
Write = Callable[[Sequence[Resealing]], Awaitable[int]]
OnPlace = Callable[[str, UUID], None]
Anew = Callable[[Sealed], Resealing | None]  # None for what the current secret has sealed


@dataclass(slots=True)
class Resealed:
    signing_keys: int = 0
    api_keys: int = 0
    totp_secrets: int = 0
    verifiers: int = 0
    damaged: set[str] = field(default_factory=set)  # by `kid` or user id: no secret opens them


class Resealer:
    """Safe while instances run that have both secrets. Resealed values are skipped, so it may be stopped."""

    def __init__(
        self,
        keys: SigningKeys,
        users: ApiKeySeals,
        factors: TotpSeals,
        seals: Seals,
        *,
        verifiers: VerifierSeals,
        api_keys: ApiKeys,
        events: Events,
    ) -> None:
        self._keys = keys
        self._users = users
        self._factors = factors
        self._verifiers = verifiers
        self._seals = seals
        self._api_keys = api_keys
        self._events = events

    async def run(self, on_place: OnPlace = lambda _, __: None) -> Resealed:
        """Repeats each pass until one finds nothing to do: accounts may be added meanwhile.

        `on_place` gets what the pass is about, and the last id of each batch.
        """
        done = Resealed()
        await self._keys.change(lambda keys: self._signing_keys(keys, done))
        users, factors, verifiers = self._users, self._factors, self._verifiers

        def watched(what: str, read: Read) -> Read:
            async def reading(after: UUID, limit: int) -> Sequence[Sealed]:
                on_place(what, after)
                return await read(after, limit)

            return reading

        api_keys = watched("API keys", users.sealed_api_keys)
        done.api_keys = await self._all(api_keys, users.reseal_api_keys, self._api_key, done)
        totp = watched("TOTP secrets", factors.sealed_totp)
        done.totp_secrets = await self._all(totp, factors.reseal_totp, self._totp, done)
        sealed = watched("verifiers", verifiers.sealed_verifiers)
        done.verifiers = await self._all(sealed, verifiers.reseal_verifiers, self._verifier, done)
        self._events.emit(Event(Name.SECRET_ROTATED))
        return done

    def _signing_keys(self, keys: Sequence[StoredKey], done: Resealed) -> list[StoredKey]:
        changed = []
        for key in keys:
            if self._seals.is_current(Purpose.SIGNING_KEY_SEAL, key.sealed_private_jwk):
                continue
            try:
                private = self._seals.open(Purpose.SIGNING_KEY_SEAL, key.sealed_private_jwk, key.kid)
            except DamagedDataError:
                done.damaged.add(key.kid)
                continue
            sealed = self._seals.seal(Purpose.SIGNING_KEY_SEAL, private, key.kid)
            changed.append(replace(key, sealed_private_jwk=sealed))
        done.signing_keys = len(changed)
        return changed

    async def _all(self, read: Read, write: Write, anew: Anew, done: Resealed) -> int:
        count = 0
        while resealed := await self._pass(read, write, anew, done):
            count += resealed
        return count

    async def _pass(self, read: Read, write: Write, anew: Anew, done: Resealed) -> int:
        count, place = 0, BEFORE_ALL
        while held := await read(place, BATCH):
            place = held[-1].user_id
            if changed := [change for one in held if (change := self._tried(anew, one, done))]:
                count += await write(changed)
        return count

    def _tried(self, anew: Anew, held: Sealed, done: Resealed) -> Resealing | None:
        try:
            return anew(held)
        except DamagedDataError:
            done.damaged.add(str(held.user_id))
            return None

    def _api_key(self, held: Sealed) -> Resealing | None:
        if self._seals.is_current(Purpose.API_KEY_SEAL, held.sealed):
            return None
        key = ApiKey(self._api_keys.open(held.user_id, held.sealed))
        sealed = self._seals.seal(Purpose.API_KEY_SEAL, key.text.encode(), str(held.user_id))
        return Resealing(held.user_id, held.sealed, sealed, self._api_keys.digests(key)[0])

    def _totp(self, held: Sealed) -> Resealing | None:
        if self._seals.is_current(Purpose.TOTP_SEAL, held.sealed):
            return None
        secret = self._seals.open(Purpose.TOTP_SEAL, held.sealed, str(held.user_id))
        return Resealing(held.user_id, held.sealed, self._seals.seal(Purpose.TOTP_SEAL, secret, str(held.user_id)))

    def _verifier(self, held: Sealed) -> Resealing | None:
        if self._seals.is_current(Purpose.SRP_VERIFIER_SEAL, held.sealed):
            return None
        owner = owner_of(held.user_id, held.pool_id)
        verifier = self._seals.open(Purpose.SRP_VERIFIER_SEAL, held.sealed, owner)
        return Resealing(held.user_id, held.sealed, self._seals.seal(Purpose.SRP_VERIFIER_SEAL, verifier, owner))

"""Reseals values of earlier secrets with the current one, after `TOKENHOUSE_SECRET_KEY` has changed."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from service.domain.credentials.api_keys import ApiKey, ApiKeys
from service.domain.events.security_events import Event, Events, Name
from service.domain.operations.models import Resealing, SealedApiKey
from service.domain.operations.ports import ApiKeySeals
from service.domain.seals import Purpose, Seals
from service.domain.signing.models import StoredKey
from service.domain.signing.ports import SigningKeys
from service.errors import DamagedDataError

BATCH = 200  # users in one query: takes a fraction of the database timeout
BEFORE_ALL = UUID(int=0)


@dataclass(slots=True)
class Resealed:
    signing_keys: int = 0
    api_keys: int = 0
    damaged: set[str] = field(default_factory=set)  # by `kid` or user id: no secret opens them


class Resealer:
    """Safe while instances run that have both secrets. Resealed values are skipped, so it may be stopped."""

    def __init__(self, keys: SigningKeys, users: ApiKeySeals, seals: Seals, api_keys: ApiKeys, events: Events) -> None:
        self._keys = keys
        self._users = users
        self._seals = seals
        self._api_keys = api_keys
        self._events = events

    async def run(self) -> Resealed:
        """Repeats the pass over the users until one finds nothing to do: accounts may be added meanwhile."""
        done = Resealed()
        await self._keys.change(lambda keys: self._signing_keys(keys, done))
        while resealed := await self._pass(done):
            done.api_keys += resealed
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

    async def _pass(self, done: Resealed) -> int:
        count, place = 0, BEFORE_ALL
        while held := await self._users.sealed_api_keys(place, BATCH):
            place = held[-1].user_id
            if anew := [one for one in (self._anew(key, done) for key in held) if one]:
                count += await self._users.reseal_api_keys(anew)
        return count

    def _anew(self, held: SealedApiKey, done: Resealed) -> Resealing | None:
        if self._seals.is_current(Purpose.API_KEY_SEAL, held.sealed):
            return None
        try:
            key = ApiKey(self._api_keys.open(held.user_id, held.sealed))
        except DamagedDataError:
            done.damaged.add(str(held.user_id))
            return None
        sealed = self._seals.seal(Purpose.API_KEY_SEAL, key.text.encode(), str(held.user_id))
        return Resealing(held.user_id, held.sealed, sealed, self._api_keys.digests(key)[0])

"""Bodies of the calls on named API keys."""

from datetime import timedelta

from pydantic import Field

from service.api.factor_schemas import Proving
from service.domain.accounts.named_api_keys import WantedKey
from service.http.account_schemas import ShownKey
from service.http.fields import KeyRate, Name, Scopes, Time
from service.http.schema import Schema, StrictBody

MOST_SECONDS = 315_360_000  # ten years


class MakeNamedKey(Proving, StrictBody):
    name: Name
    expires_in: int | None = Field(None, ge=60, le=MOST_SECONDS, description="Seconds; or `expiresAt`. Neither: never.")
    expires_at: Time | None = None
    scopes: Scopes = Field([], description="What the key is for; the services behind decide.")
    rate: KeyRate | None = Field(None, description="How often `/auth/verify` takes it, as in 60/1m.")

    def wanted(self) -> WantedKey:
        return WantedKey(
            name=self.name,
            scopes=tuple(dict.fromkeys(self.scopes)),
            rate=self.rate,
            expires_in=timedelta(seconds=self.expires_in) if self.expires_in is not None else None,
            expires_at=self.expires_at,
        )


class NamedKeyMade(ShownKey):
    api_key: str = Field("", description="The key, shown this once.")


class NamedKeys(Schema):
    api_keys: list[ShownKey]

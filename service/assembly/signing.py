"""Signing keys, their rotation, and tokens."""

from dataclasses import dataclass

from service.ambient import Ambient
from service.assembly.backends import Backends
from service.assembly.credentials import Credentials
from service.domain.signing.key_rotation import KeyLife
from service.domain.signing.keyring import KeyRing
from service.domain.signing.longest_lifetimes import LongestLives
from service.domain.signing.tokens import Tokens
from service.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    keys: KeyRing
    key_life: KeyLife
    tokens: Tokens


def build(settings: Settings, ambient: Ambient, backends: Backends, credentials: Credentials) -> Signing:
    lives = LongestLives(backends.lives, settings.tokens, ambient)
    keys = KeyRing(backends.signing_keys, credentials.seals, ambient, settings.tokens, lives)
    key_life = KeyLife(
        keys, backends.signing_keys, settings=settings.keys, lives=lives, ambient=ambient, events=credentials.events
    )
    return Signing(keys=keys, key_life=key_life, tokens=Tokens(keys, settings.tokens, ambient, lives))

"""Signing keys, their rotation, and tokens."""

from dataclasses import dataclass

from service.ambient import Ambient
from service.assembly.backends import Backends
from service.assembly.credentials import Credentials
from service.domain.signing.key_rotation import KeyRotation
from service.domain.signing.keyring import KeyRing
from service.domain.signing.longest_lifetimes import LongestLifetimes
from service.domain.signing.tokens import Tokens
from service.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    keys: KeyRing
    key_rotation: KeyRotation
    tokens: Tokens


def build(settings: Settings, ambient: Ambient, backends: Backends, credentials: Credentials) -> Signing:
    lifetimes = LongestLifetimes(backends.lifetimes, settings.tokens, ambient)
    keys = KeyRing(backends.signing_keys, credentials.seals, ambient, settings.tokens, lifetimes)
    key_rotation = KeyRotation(
        keys,
        backends.signing_keys,
        settings=settings.keys,
        lifetimes=lifetimes,
        ambient=ambient,
        events=credentials.events,
        clock=credentials.clock,
    )
    return Signing(keys=keys, key_rotation=key_rotation, tokens=Tokens(keys, settings.tokens, ambient, lifetimes))

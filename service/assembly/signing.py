"""Signing keys, their rotation, and tokens."""

from dataclasses import dataclass

from service.assembly.backends import Basis
from service.assembly.credentials import Credentials
from service.domain.signing.key_rotation import KeyRotation
from service.domain.signing.keyring import KeyRing
from service.domain.signing.longest_lifetimes import LongestLifetimes
from service.domain.signing.tokens import Tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    keys: KeyRing
    key_rotation: KeyRotation
    tokens: Tokens


def build(basis: Basis, credentials: Credentials) -> Signing:
    settings, ambient, backends = basis
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
    clients = settings.cognito.clients if settings.cognito.enabled else ()
    tokens = Tokens(keys, settings.tokens, ambient, lifetimes, clients)
    return Signing(keys=keys, key_rotation=key_rotation, tokens=tokens)

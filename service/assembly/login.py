"""The login policy and its parts."""

from service.assembly.backends import Basis
from service.assembly.credentials import Credentials
from service.assembly.second_factors import FactorParts
from service.assembly.sessions import SessionParts
from service.assembly.signing import Signing
from service.domain.sessions.login import Login


def build(
    basis: Basis, credentials: Credentials, signing: Signing, factors: FactorParts, sessions: SessionParts
) -> Login:
    return Login(
        users=basis.backends.users,
        refresh_sessions=sessions.refresh_sessions,
        revocation=sessions.revocation,
        passwords=credentials.passwords,
        second_factors=factors.second_factors,
        challenges=factors.challenges,
        passkeys=factors.passkeys,
        throttle=sessions.throttle,
        tokens=signing.tokens,
        api_keys=credentials.api_keys,
        address_proof=sessions.address_proof,
        verifiers=credentials.verifiers,
        settings=basis.settings.tokens,
        ambient=basis.ambient,
        events=credentials.events,
    )

"""The login policy and its parts."""

from service.assembly.backends import Basis
from service.assembly.credentials import Credentials
from service.assembly.sessions import SessionParts
from service.assembly.signing import Signing
from service.domain.sessions.address_proof import AddressProof
from service.domain.sessions.login import Login


def build(
    basis: Basis, credentials: Credentials, signing: Signing, sessions: SessionParts, address_proof: AddressProof
) -> Login:
    return Login(
        users=basis.backends.users,
        refresh_sessions=sessions.refresh_sessions,
        revocation=sessions.revocation,
        passwords=credentials.passwords,
        throttle=sessions.throttle,
        tokens=signing.tokens,
        api_keys=credentials.api_keys,
        address_proof=address_proof,
        settings=basis.settings.tokens,
        ambient=basis.ambient,
        events=credentials.events,
    )

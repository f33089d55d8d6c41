"""Secure Remote Password: verifiers, and the login that they serve."""

from service.assembly.backends import Basis
from service.assembly.credentials import Credentials
from service.domain.sessions.login import Login
from service.domain.sessions.srp_login import SrpLogin
from service.domain.srp.blocks import SecretBlocks
from service.stores.srp_blocks import RedisUsedBlocks


def build(basis: Basis, credentials: Credentials, login: Login) -> SrpLogin:
    return SrpLogin(
        login=login,
        verifiers=credentials.verifiers,
        blocks=SecretBlocks(
            seals=credentials.seals,
            used=RedisUsedBlocks(basis.backends.redis),
            ambient=basis.ambient,
            lifetime=basis.settings.cognito.session_lifetime,
        ),
        ambient=basis.ambient,
        events=credentials.events,
    )

"""The login of accounts that have to set up a second factor first."""

from service.assembly.backends import Basis
from service.assembly.parts import Parts
from service.domain.accounts.factor_setup import FactorSetup
from service.domain.sessions.login import Login


def build(basis: Basis, parts: Parts, login: Login) -> FactorSetup:
    return FactorSetup(
        login=login,
        challenges=parts.second.challenges,
        changes=basis.backends.factors,
        second_factors=parts.second.second_factors,
        revocation=parts.opened.revocation,
        user_revocation=parts.opened.user_revocation,
        throttle=parts.opened.throttle,
        tokens=parts.signed.tokens,
        ambient=basis.ambient,
        events=parts.known.events,
    )

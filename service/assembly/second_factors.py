"""Second factors: what checks them, and the challenges that ask for them."""

from dataclasses import dataclass

from service.assembly import passkeys
from service.assembly.backends import Basis
from service.assembly.credentials import Credentials
from service.domain.mail.notices import Notices
from service.domain.second_factors.challenges import Challenges
from service.domain.second_factors.passkeys import Passkeys
from service.domain.second_factors.recovery_codes import RecoveryCodes
from service.domain.second_factors.second_factors import SecondFactors
from service.domain.second_factors.totp import Totp
from service.stores.challenges import RedisChallenges
from service.stores.scripts import Scripts


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorParts:
    second_factors: SecondFactors
    passkeys: Passkeys | None
    challenges: Challenges


def build(basis: Basis, credentials: Credentials, notices: Notices) -> FactorParts:
    settings, ambient, backends = basis
    scripts = Scripts(backends.redis, backends.servers.home_of)
    usable = passkeys.build(basis)
    second_factors = SecondFactors(
        store=backends.factors,
        totp=Totp(credentials.seals, ambient, settings.tokens.issuer),
        recovery_codes=RecoveryCodes(credentials.seals, ambient),
        notices=notices,
        events=credentials.events,
        assertions=usable,
    )
    return FactorParts(
        second_factors=second_factors,
        passkeys=usable,
        challenges=Challenges(RedisChallenges(backends.redis, scripts), ambient),
    )

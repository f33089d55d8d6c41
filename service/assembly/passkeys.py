"""Passkeys, where they are set up."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from service.assembly.backends import Basis
from service.domain.second_factors.passkeys import Passkeys
from service.domain.second_factors.relying_party import RelyingParty, is_installed
from service.settings import Settings, origin_of
from service.stores.passkeys import RedisPasskeyChallenges
from service.stores.scripts import Scripts


def build(basis: Basis) -> Passkeys | None:
    party = relying_party(basis.settings)
    if party is None or not is_installed():
        return None
    backends = basis.backends
    challenges = RedisPasskeyChallenges(backends.redis, Scripts(backends.redis, backends.servers.home_of))
    return Passkeys(store=backends.passkeys, challenges=challenges, party=party, ambient=basis.ambient)


def relying_party(settings: Settings) -> RelyingParty | None:
    """None where the settings name no domain: browsers make no passkeys for an IP address."""
    origin = origin_of(settings.tokens.issuer)
    rp_id = settings.passkeys.rp_id or urlsplit(origin).hostname or ""
    if not rp_id or _is_address(rp_id):
        return None
    return RelyingParty(rp_id, settings.passkeys.origins or (origin,))


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True

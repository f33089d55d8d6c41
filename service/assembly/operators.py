"""What operators do at the command alone."""

from typing import NamedTuple

from service.assembly.backends import Basis
from service.assembly.parts import Parts
from service.domain.administration.set_passwords import SetPasswords
from service.domain.limits.standings import Limits
from service.stores.limit_rows import RedisLimitRows


class OperatorParts(NamedTuple):
    limits: Limits
    set_passwords: SetPasswords


def build(basis: Basis, parts: Parts) -> OperatorParts:
    known, opened = parts.known, parts.opened
    limits = Limits(
        store=RedisLimitRows(basis.backends.redis),
        settings=basis.settings.throttle,
        digest=known.seals.pseudonym,
        events=known.events,
    )
    set_passwords = SetPasswords(
        users=basis.backends.users,
        passwords=known.passwords,
        verifiers=known.verifiers,
        revocation=opened.revocation,
        user_revocation=opened.user_revocation,
        notices=opened.notices,
        ambient=basis.ambient,
        events=known.events,
    )
    return OperatorParts(limits, set_passwords)

"""Lazy migration: logins that the system before this one is asked about."""

from service.assembly.backends import Basis
from service.assembly.parts import Parts
from service.assembly.webhooks import key_of
from service.domain.transfer.lazy_migration import LazyMigration
from service.domain.transfer.old_answers import OldAnswers
from service.old_system.client import HttpOldSystem


def build(basis: Basis, parts: Parts) -> LazyMigration:
    settings, ambient, backends = basis
    chosen = settings.lazy_migration
    url = chosen.url.get_secret_value() if chosen.url else ""
    old_system = HttpOldSystem(url, chosen.timeout.total_seconds())
    keys = [key_of(one.get_secret_value()) for one in settings.lazy_migration_secret]
    return LazyMigration(
        answers=OldAnswers(old_system, keys, ambient, most=chosen.concurrency),
        old_system=old_system,
        users=backends.users,
        moves=backends.moves,
        audit=parts.known.audit,
        passwords=parts.known.passwords,
        verifiers=parts.known.verifiers,
        api_keys=parts.known.api_keys,
        timeout=chosen.timeout,
        ambient=ambient,
        events=parts.known.events,
    )

"""What operators' programs may do."""

from typing import NamedTuple

from service.assembly.backends import Basis
from service.assembly.parts import Parts
from service.assembly.store_checks import StoreChecks
from service.domain.administration.admin_tokens import AdminTokens
from service.domain.administration.administration import Administration
from service.domain.administration.admins import Admins
from service.domain.administration.new_users import NewUsers
from service.domain.administration.oversight import Oversight
from service.domain.administration.overview import Overview


class AdministrationParts(NamedTuple):
    administration: Administration
    admin_tokens: AdminTokens
    oversight: Oversight
    admins: Admins
    overview: Overview


def build(basis: Basis, parts: Parts) -> AdministrationParts:
    settings, ambient, backends = basis
    events = parts.known.events
    administration = Administration(
        directory=backends.directory,
        lookup=backends.users,
        new_users=_new_users(basis, parts),
        accounts=parts.asked.accounts,
        factors=parts.asked.factors,
        live_sessions=parts.opened.sessions,
        named_keys=backends.named_api_keys,
        mails=parts.posted.mails,
        notices=parts.posted.notices,
        events=events,
    )
    tokens = AdminTokens(
        store=backends.admin_tokens,
        sources=settings.admin.sources,
        rate=settings.throttle.admin_token,
        throttle=parts.opened.throttle,
        ambient=ambient,
        events=events,
    )
    oversight = Oversight(
        trail=backends.audit,
        is_audited=settings.audit.enabled,
        users=backends.users,
        key_rotation=parts.signed.key_rotation,
        mass_revocation=parts.operated.mass_revocation,
        events=events,
    )
    admins = Admins(store=backends.admins, notices=parts.posted.notices, ambient=ambient, events=events)
    return AdministrationParts(administration, tokens, oversight, admins, _overview(basis, parts))


def _overview(basis: Basis, parts: Parts) -> Overview:
    settings, ambient, backends = basis
    return Overview(
        trail=backends.audit,
        is_audited=settings.audit.enabled,
        queue=parts.known.passwords.queue,
        throttle=parts.opened.throttle,
        key_rotation=parts.signed.key_rotation,
        outbox=backends.outbox,
        has_mail=parts.posted.mails.is_configured,
        webhooks=parts.hooked.webhooks,
        stores=StoreChecks(settings, backends, ambient),
        ambient=ambient,
        started_at=ambient.now(),
    )


def _new_users(basis: Basis, parts: Parts) -> NewUsers:
    return NewUsers(
        accounts=parts.asked.accounts,
        passwords=parts.known.passwords,
        verifiers=parts.known.verifiers,
        api_keys=parts.known.api_keys,
        mails=parts.posted.mails,
        notices=parts.posted.notices,
        address_proof=parts.opened.address_proof,
        ambient=basis.ambient,
    )

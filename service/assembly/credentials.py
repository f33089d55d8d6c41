"""Secrets, API keys, passwords and their verifiers, and the events that name their owners."""

from dataclasses import dataclass

from service.assembly.backends import OUTAGES, Basis
from service.domain.accounts.registration import InvitationLinks, Registration
from service.domain.clock_watch import ClockWatch
from service.domain.credentials.api_keys import ApiKeys
from service.domain.events.audit_trail import Audit
from service.domain.events.security_events import Events, Sink
from service.domain.passwords.passwords import Passwords
from service.domain.seals import Purpose, Seals
from service.domain.srp.verifiers import Verifiers


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    seals: Seals
    api_keys: ApiKeys
    passwords: Passwords
    verifiers: Verifiers
    events: Events
    audit: Audit
    clock: ClockWatch
    registration: Registration


def build(basis: Basis, log_event: Sink) -> Credentials:
    settings, ambient, backends = basis
    seals = Seals(settings.secrets, ambient)
    events = Events(lambda email: seals.pseudonym(email, Purpose.EVENTS), log_event)
    audit = Audit(backends.audit, settings.audit, ambient)
    if settings.audit.enabled:
        events.add(audit.on_event)
    return Credentials(
        seals=seals,
        api_keys=ApiKeys(seals, ambient),
        passwords=Passwords(settings.passwords, ambient),
        verifiers=_verifiers(basis, seals, events),
        events=events,
        audit=audit,
        clock=ClockWatch(),
        registration=Registration(
            mode=settings.signup.mode,
            invitations=backends.invitations,
            links=InvitationLinks(seals, settings.base_url),
            ambient=ambient,
            events=events,
        ),
    )


def _verifiers(basis: Basis, seals: Seals, events: Events) -> Verifiers:
    settings = basis.settings.cognito
    is_on = settings.enabled and settings.srp
    return Verifiers(
        basis.backends.verifiers,
        seals,
        basis.ambient,
        pool_id=settings.pool_id,
        is_on=is_on,
        outages=OUTAGES,
        events=events,
    )

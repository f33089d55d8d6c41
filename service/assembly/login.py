"""The login policy and its parts: with a password, by a mailed code, in one call or several."""

from dataclasses import dataclass, replace

from service.assembly.backends import Basis
from service.assembly.parts import Parts
from service.domain.recovery.mail_secrets import MailSecrets
from service.domain.sessions.email_login import EmailLogin
from service.domain.sessions.login import Login
from service.domain.sessions.page_sessions import PageSessions
from service.domain.sessions.ports import PasswordMigration
from service.domain.sessions.session_kinds import of_pages, of_programs
from service.domain.sessions.sign_in_sessions import SignInSessions
from service.stores.scripts import Scripts
from service.stores.sign_in_sessions import RedisSessionUses


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginParts:
    login: Login
    sign_ins: SignInSessions
    email_login: EmailLogin
    page_sessions: PageSessions


def build(basis: Basis, parts: Parts) -> LoginParts:
    login = _login(basis, parts)
    backends, seals = basis.backends, parts.known.seals
    sign_ins = SignInSessions(
        seals=seals,
        uses=RedisSessionUses(Scripts(backends.redis, backends.servers.home_of)),
        lifetime=basis.settings.cognito.session_lifetime,
        ambient=basis.ambient,
    )
    email_login = EmailLogin(
        login=login,
        sessions=sign_ins,
        codes=MailSecrets(seals),
        mails=parts.posted.mails,
        limits=parts.opened.mail_limits,
        events=parts.known.events,
    )
    return LoginParts(
        login=login, sign_ins=sign_ins, email_login=email_login, page_sessions=_page_sessions(basis, parts, login)
    )


def _page_sessions(basis: Basis, parts: Parts, login: Login) -> PageSessions:
    pages = basis.settings.pages
    return PageSessions(
        login=replace(login, opens=of_pages(pages.session_lifetime)),
        users=basis.backends.users,
        refresh_sessions=parts.opened.refresh_sessions,
        revocation=parts.opened.revocation,
        ambient=basis.ambient,
    )


def _login(basis: Basis, parts: Parts) -> Login:
    credentials, sessions, factors = parts.known, parts.opened, parts.second
    return Login(
        migration=_migration(basis, parts),
        users=basis.backends.users,
        refresh_sessions=sessions.refresh_sessions,
        revocation=sessions.revocation,
        passwords=credentials.passwords,
        second_factors=factors.second_factors,
        challenges=factors.challenges,
        passkeys=factors.passkeys,
        throttle=sessions.throttle,
        tokens=parts.signed.tokens,
        api_keys=credentials.api_keys,
        address_proof=sessions.address_proof,
        verifiers=credentials.verifiers,
        opens=of_programs(basis.settings.tokens.refresh_lifetime),
        ambient=basis.ambient,
        events=credentials.events,
        requires_factor=basis.settings.accounts.second_factor == "required",
    )


def _migration(basis: Basis, parts: Parts) -> PasswordMigration | None:
    if basis.settings.lazy_migration.url is None:
        return None
    from service.assembly import lazy_migration  # noqa: PLC0415 - where it is off, nothing of it is loaded

    return lazy_migration.build(basis, parts)

"""The application: every object that the API, commands and metrics use, and how they are opened and closed."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from service.ambient import Ambient
from service.assembly import administration, factor_setup, login, mail, operators, srp, transfer
from service.assembly.backends import OUTAGES, Backends, Basis, of_settings
from service.assembly.mail import MailParts
from service.assembly.parts import Parts, build_parts
from service.doctor.finding import require
from service.doctor.postgres import judge_preconditions as judge_postgres
from service.doctor.redis import judge_preconditions as judge_redis
from service.domain.accounts.account_claims import AccountClaims
from service.domain.accounts.groups import Groups
from service.domain.accounts.invitations import Invitations
from service.domain.accounts.profiles import Profiles
from service.domain.administration.seeding import Seeding
from service.domain.administration.set_passwords import SetPasswords
from service.domain.app_clients import AppClients
from service.domain.events.audit_trail import Audit
from service.domain.events.security_events import Events, Sink, write
from service.domain.limits.standings import Limits
from service.domain.limits.throttle import Throttle
from service.domain.mail.models import Kind
from service.domain.mail.ports import Writer
from service.domain.mail.worker import MailWorker
from service.domain.operations.background import Background
from service.domain.operations.key_compromise import KeyCompromise
from service.domain.operations.mass_revocation import MassRevocation
from service.domain.operations.resealing import Resealer
from service.domain.operations.store_watch import StoreWatch
from service.domain.services import Services
from service.domain.sessions.ports import RefreshSessions
from service.domain.sessions.refresh_rotation import RefreshRotation
from service.domain.sessions.revocation import SessionRevocation
from service.domain.sessions.user_revocation import UserRevocation
from service.domain.sessions.usernames import Usernames
from service.domain.signing.key_rotation import KeyRotation
from service.domain.signing.tokens import Tokens
from service.domain.transfer.exports import Exports
from service.domain.transfer.imports import Imports
from service.domain.webhooks.worker import WebhookWorker
from service.operator_errors import ConfigurationError
from service.settings import Settings
from service.stores import failures, inspection, migrations, timed_redis
from service.stores.denylist import RedisDenylist
from service.stores.health import PostgresHealth, RedisHealth
from service.webhooks.sender import HttpWebhookSender


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)  # it would write out the settings
class Application(Services):
    """`outages` are the store exceptions that count as outages."""

    settings: Settings
    ambient: Ambient
    backends: Backends
    events: Events
    audit: Audit
    refresh_sessions: RefreshSessions
    throttle: Throttle
    revocation: SessionRevocation
    rotation: RefreshRotation
    user_revocation: UserRevocation
    denylist: RedisDenylist
    redis_health: RedisHealth
    postgres_health: PostgresHealth | None
    store_watch: StoreWatch
    tokens: Tokens
    key_rotation: KeyRotation
    key_compromise: KeyCompromise
    mass_revocation: MassRevocation
    resealer: Resealer
    background: Background
    mail: MailParts
    mail_worker: MailWorker | None
    webhook_worker: WebhookWorker | None
    webhook_sender: HttpWebhookSender
    groups: Groups
    account_claims: AccountClaims
    limits: Limits
    set_passwords: SetPasswords
    seeding: Seeding
    invitations: Invitations
    imports: Imports
    exports: Exports
    outages: tuple[type[Exception], ...] = OUTAGES

    async def open(self) -> None:
        """Prepare the stores. Raises the stores' outages, or ConfigurationError when waiting will not help."""
        await self.open_postgres()
        try:
            await self._require_good_redis()
            if self.clock.is_right:  # otherwise other instances do it, and this one serves nobody
                await self.revocation.restore()
            await self.user_revocation.finish_overdue()
        except timed_redis.OUTAGES as error:
            if refusal := failures.as_refusal(failures.of_redis(error)):
                raise refusal from error
            raise
        self.readiness.is_open = True

    async def open_postgres(self) -> None:
        """Prepare Postgres alone: commands about keys must work during a Redis outage. Raises as `open` does."""
        if self.backends.postgres:
            database = self.settings.database
            require(judge_postgres(await inspection.of_postgres(database, self.ambient)))
            if await self._migrate():  # before it, rights on the new tables cannot be checked
                require(judge_postgres(await inspection.of_postgres(database, self.ambient)))
            await self.backends.postgres.open()
        if self.postgres_health:
            await self.postgres_health.check()  # compares the clocks; without keys nothing is served yet
        await self.keys.load()

    async def close(self) -> None:
        await self.store_watch.close()
        await self.passwords.close()
        self.tokens.close()
        await self.audit.close()
        await self.named_api_keys.uses.close()
        await self.backends.redis.aclose()
        if self.backends.postgres:
            await self.backends.postgres.close()

    async def _require_good_redis(self) -> None:
        if self.backends.postgres:  # other backends have no server to inspect
            url = self.settings.redis.url.get_secret_value()
            servers = await inspection.of_redis(self.backends.redis, self.backends.servers, url, self.ambient)
            for address, facts in servers:
                require(judge_redis(facts, address))

    async def _migrate(self) -> list[str]:
        database = self.settings.database
        pending = await migrations.migrate(database.url.get_secret_value(), dry=not database.migrate_on_start)
        if pending and not database.migrate_on_start:
            raise ConfigurationError(f"the database schema is behind ({pending[-1]}): run `tokenhouse migrate` first")
        return pending


def build(settings: Settings, ambient: Ambient, *, log_event: Sink = write) -> Application:
    """The service on Postgres and Redis. It can be built before they are up."""
    return build_on(of_settings(settings), settings, ambient, log_event=log_event)


def build_on(backends: Backends, settings: Settings, ambient: Ambient, *, log_event: Sink = write) -> Application:
    basis = Basis(settings, ambient, backends)
    parts = build_parts(basis, log_event)
    services = _services(basis, parts)
    moved = transfer.build(basis, parts.known)
    return Application(
        **{field.name: getattr(services, field.name) for field in fields(services)},
        settings=settings,
        ambient=ambient,
        backends=backends,
        events=parts.known.events,
        audit=parts.known.audit,
        tokens=parts.signed.tokens,
        key_rotation=parts.signed.key_rotation,
        refresh_sessions=parts.opened.refresh_sessions,
        denylist=parts.opened.denylist,
        throttle=parts.opened.throttle,
        revocation=parts.opened.revocation,
        rotation=parts.opened.rotation,
        user_revocation=parts.opened.user_revocation,
        store_watch=parts.operated.store_watch,
        redis_health=parts.operated.redis_health,
        postgres_health=parts.operated.postgres_health,
        key_compromise=parts.operated.key_compromise,
        mass_revocation=parts.operated.mass_revocation,
        resealer=parts.operated.resealer,
        background=parts.operated.background,
        groups=parts.asked.groups,
        account_claims=AccountClaims(users=backends.users, events=parts.known.events),
        invitations=parts.invited,
        **operators.build(basis, parts)._asdict(),
        seeding=Seeding(administration=services.administration, users=backends.users),
        imports=moved.imports,
        exports=moved.exports,
        mail=parts.posted,
        mail_worker=mail.build_worker(basis, parts.posted, parts.opened.throttle, _writers(parts)),
        webhook_worker=parts.hooked.worker,
        webhook_sender=parts.hooked.sender,
    )


def _writers(parts: Parts) -> Mapping[Kind, Writer]:
    return {**parts.recovered.letters.writers, Kind.INVITATION: parts.invited.write}


def _services(basis: Basis, parts: Parts) -> Services:
    asked = parts.asked
    steps = login.build(basis, parts)
    return Services(
        issuer=basis.settings.tokens.issuer,
        chosen_claims=basis.settings.tokens.claims,
        base_url=basis.settings.base_url,
        app_clients=AppClients(basis.settings.tokens.client_id, basis.settings.cognito.client_secrets),
        usernames=Usernames(users=basis.backends.users),
        login=steps.login,
        email_login=steps.email_login,
        sign_ins=steps.sign_ins,
        page_sessions=steps.page_sessions,
        page_factor_setup=factor_setup.build(basis, parts, steps.page_sessions.login),
        srp=srp.build(basis, parts.known, steps.login),
        sessions=parts.opened.sessions,
        accounts=asked.accounts,
        new_accounts=asked.new_accounts,
        profiles=Profiles(store=basis.backends.profiles),
        named_api_keys=asked.named_api_keys,
        factors=asked.factors,
        factor_setup=factor_setup.build(basis, parts, steps.login),
        recovery=parts.recovered,
        passwords=parts.known.passwords,
        passkeys=asked.passkeys,
        introspection=asked.introspection,
        resource_servers=asked.resource_servers,
        feed=asked.feed,
        **administration.build(basis, parts)._asdict(),
        webhooks=parts.hooked.webhooks,
        keys=parts.signed.keys,
        readiness=parts.operated.readiness,
        clock=parts.known.clock,
    )

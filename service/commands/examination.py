"""What `tokenhouse doctor` looks at: each error of a store becomes a finding."""

import resource
from uuid import UUID

from service.ambient import Ambient
from service.assembly import store_checks
from service.assembly.application import Application, build
from service.assembly.backends import Backends
from service.assembly.passkeys import relying_party
from service.assembly.store_checks import DATABASE_URL, REDIS_URL, looked_at
from service.commands import admin_tokens, event_loop
from service.commands.seed import file_in_environment
from service.doctor import keys, lazy_migration, mail, passkeys, postgres, seed, signup, srp, webhooks
from service.doctor import settings as settings_check
from service.doctor.finding import Finding, ok, problem, warning
from service.domain.mail.ports import UnreachableError
from service.domain.seals import Seals
from service.domain.second_factors.relying_party import is_installed
from service.domain.srp import group
from service.domain.webhooks.models import Endpoint
from service.domain.webhooks.ports import NoAnswerError
from service.http.tls import Certificate
from service.operator_errors import ConfigurationError
from service.settings import ServerSettings, Settings, keeps_mails, mail_server, read_seed
from service.stores import migrations
from service.stores.passkeys import PostgresPasskeys
from service.stores.postgres import OUTAGES

SAMPLE = 200  # API keys to unseal
BEFORE_ALL = UUID(int=0)
Outages = tuple[type[Exception], ...]
UNREAD: Outages = (*OUTAGES, ConfigurationError)


async def examine(settings: Settings, ambient: Ambient) -> list[Finding]:
    """Every error of a store becomes a finding."""
    application = build(settings, ambient)
    backends = application.backends

    try:
        return [
            *settings_check.judge(
                settings,
                _open_files(),
                engine=application.passwords.queue.engine.name,
                event_loop=event_loop.name(),
            ),
            *_certificate(settings.server),
            *_seed(settings),
            *await looked_at("postgres", DATABASE_URL, store_checks.of_postgres(settings, ambient)),
            *await looked_at("postgres.schema", DATABASE_URL, _schema(settings)),
            *await looked_at("keys", DATABASE_URL, _keys(settings, backends, ambient)),
            *await looked_at("signup", DATABASE_URL, _signup(settings, application)),
            *await looked_at("mail", "TOKENHOUSE_MAIL__URL", _mail(settings, application)),
            *await looked_at("passkeys", DATABASE_URL, _passkeys(settings, backends)),
            *await looked_at("srp", DATABASE_URL, _srp(application)),
            *await looked_at("webhooks", DATABASE_URL, _webhooks(application)),
            *await looked_at("old system", "lazy_migration.url", _lazy_migration(application)),
            *await looked_at("admin.tokens", DATABASE_URL, admin_tokens.examine(application)),
            *await looked_at("redis", REDIS_URL, store_checks.of_redis(settings, backends, ambient)),
            *await looked_at("redis.denylist", REDIS_URL, store_checks.of_denylist(backends, ambient)),
        ]
    finally:
        await application.close()


async def _schema(settings: Settings) -> list[Finding]:
    pending = await migrations.migrate(settings.database.url.get_secret_value(), dry=True)
    return [postgres.judge_schema(pending, may_migrate=settings.database.migrate_on_start)]


async def _keys(settings: Settings, backends: Backends, ambient: Ambient) -> list[Finding]:
    """Reads the stores directly and not through a key ring, which would create missing keys."""
    assert backends.postgres is not None  # noqa: S101 - no other backends are built
    await backends.postgres.open()
    try:
        rows = await backends.signing_keys.all()
        api_keys = await backends.users.sealed_api_keys(BEFORE_ALL, SAMPLE)
    except UNREAD as error:
        return [warning("keys", f"not looked at ({type(error).__name__})", "see the lines about postgres")]
    seals = Seals(settings.secrets, ambient)
    return [
        *keys.judge(rows, settings.keys, settings.tokens.longest, ambient.now()),
        *keys.judge_seals(rows, api_keys, seals, len(settings.secret_keys_previous)),
    ]


async def _signup(settings: Settings, application: Application) -> list[Finding]:
    try:
        has_accounts = bool(await application.backends.users.sealed_api_keys(BEFORE_ALL, 1))
    except UNREAD as error:
        return [warning("signup", f"not looked at ({type(error).__name__})", "see the lines about postgres")]
    has_mail = application.mail.courier is not None or keeps_mails(settings.mail)
    return [signup.judge(settings.signup.mode, has_mail=has_mail, has_accounts=has_accounts)]


async def _mail(settings: Settings, application: Application) -> list[Finding]:
    url = settings.mail.url.get_secret_value()
    if application.mail.courier is None:
        return [mail.judge_absence(is_verification_required=settings.mail.verification == "required")]
    try:
        outbox = [mail.judge_outbox(await application.backends.outbox.state())]
    except UNREAD as error:
        outbox = [warning("mail.outbox", f"not looked at ({type(error).__name__})", "see the lines about postgres")]
    if keeps_mails(settings.mail):
        return [mail.judge_inbox(), *outbox]
    host = mail_server(url).host
    try:
        greeting = await application.mail.courier.greet()
    except UnreachableError as error:
        return [mail.judge_silence(host, str(error)), *outbox]
    return [mail.judge_server(host, is_encrypted=greeting.is_encrypted), *outbox]


async def _passkeys(settings: Settings, backends: Backends) -> list[Finding]:
    assert backends.postgres is not None  # noqa: S101 - as above, and it is open
    party = relying_party(settings)
    try:
        usable, others = await PostgresPasskeys(backends.postgres).are_there(party.id if party else "")
    except UNREAD as error:
        return [warning("passkeys", f"not looked at ({type(error).__name__})", "see the lines about postgres")]
    return [passkeys.judge(party, is_installed=is_installed(), usable=usable, others=others)]


async def _srp(application: Application) -> list[Finding]:
    verifiers = application.srp.verifiers
    try:
        are_stored = await verifiers.store.are_there()
    except UNREAD as error:
        return [warning("srp", f"not looked at ({type(error).__name__})", "see the lines about postgres")]
    return [srp.judge(is_on=verifiers.is_on, is_installed=group.is_installed(), are_stored=are_stored)]


async def _webhooks(application: Application) -> list[Finding]:
    endpoints = application.webhooks.endpoints.values()
    if not endpoints:
        return [webhooks.judge_absence()]
    addresses = [webhooks.judge_address(one.name, await _why_unreachable(application, one)) for one in endpoints]
    try:
        states = [webhooks.judge_state(one) for one in await application.webhooks.states()]
    except UNREAD as error:
        states = [warning("webhooks", f"not looked at ({type(error).__name__})", "see the lines about postgres")]
    return [*addresses, *states]


async def _why_unreachable(application: Application, endpoint: Endpoint) -> str:
    try:
        await application.webhook_sender.check(endpoint)
    except NoAnswerError as error:
        return str(error)
    return ""


async def _lazy_migration(application: Application) -> list[Finding]:
    migration = application.login.migration
    return [lazy_migration.judge(await migration.why_unreachable())] if migration else []


def _certificate(server: ServerSettings) -> list[Finding]:
    if server.tls_certificate is None:
        return []
    try:
        Certificate(server)
    except ConfigurationError as error:
        return [problem("tls", str(error), "no instance starts until this is fixed")]
    return [ok("tls", "the certificate and its key belong together")]


def _seed(settings: Settings) -> list[Finding]:
    file = file_in_environment()
    return [seed.judge(read_seed(file), file, settings.tokens.issuer)] if file else []


def _open_files() -> int | None:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]  # `serve` raises its own limit to this
    return None if most == resource.RLIM_INFINITY else most

"""The settings: `config.yaml`, overlaid by secrets files, overlaid by the environment."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BeforeValidator, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NestedSecretsSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings.exceptions import SettingsError

from service.operator_errors import ConfigurationError
from service.settings.cognito import require_usable_cognito
from service.settings.complaints import OTHERWISE, complaint_of
from service.settings.files import PREFIX, is_text, require_private, require_text, secrets_in
from service.settings.lazy_migration import LazyMigrationSettings, OldSystemSecrets, require_usable_lazy_migration
from service.settings.mail_url import require_usable_mail
from service.settings.sections import (
    AccountSettings,
    AdminSettings,
    ApiKeySettings,
    AuditSettings,
    CognitoSettings,
    DatabaseSettings,
    IntrospectionSettings,
    KeySettings,
    LoggingSettings,
    MailSettings,
    MetricsSettings,
    PageSettings,
    PasskeySettings,
    PasswordSettings,
    RedisSettings,
    ServerSettings,
    SignUpSettings,
    ThrottleSettings,
    TokenSettings,
    TracingSettings,
)
from service.settings.seed import VARIABLE as SEED
from service.settings.seed import read_seed, with_clients
from service.settings.url_files import PostgresFiles, require_usable_redis_files
from service.settings.urls import POSTGRES, REDIS, require_good_url, split_url
from service.settings.values import Section, split_commas
from service.settings.webhooks import WebhookSettings, require_usable_webhooks

ENVIRONMENT = os.environ  # noqa: TID251 - the one place that reads it
SHIPPED_CONFIG = (Path(__file__).parents[1] / "_config.yaml", Path(__file__).parents[2] / "config.yaml")
SECRETS_DIR = "/run/secrets"
SHORT_NAMES = {
    "DATABASE_URL": "TOKENHOUSE_DATABASE__URL",
    "REDIS_URL": "TOKENHOUSE_REDIS__URL",
    "PORT": "TOKENHOUSE_SERVER__PORT",
    "LOG_LEVEL": "TOKENHOUSE_LOGGING__LEVEL",
}
NOT_SETTINGS = frozenset(
    {"TOKENHOUSE_CONFIG", "TOKENHOUSE_SECRETS_DIR", "TOKENHOUSE_DEV_DIR", "TOKENHOUSE_OPERATOR", SEED}
)
MIN_SECRET_BYTES = 32
MIN_VARIETY = 8  # different characters; 32 random hex digits almost never have fewer
SAMPLE_SECRETS = re.compile(r"change.?me|replace.?me|your.?secret|example|sample|placeholder", re.IGNORECASE)


class Settings(BaseSettings):
    """All settings of the service. Built by `load`."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        env_prefix="TOKENHOUSE_",
        env_nested_delimiter="__",
        env_ignore_empty=True,
    )

    secret_key: SecretStr = SecretStr("")
    secret_keys_previous: Annotated[tuple[SecretStr, ...], BeforeValidator(split_commas), NoDecode] = ()
    lazy_migration_secret: OldSystemSecrets = ()
    server: ServerSettings = ServerSettings()
    database: DatabaseSettings = DatabaseSettings()
    redis: RedisSettings = RedisSettings()
    tokens: TokenSettings = TokenSettings()
    keys: KeySettings = KeySettings()
    api_keys: ApiKeySettings = ApiKeySettings()
    passwords: PasswordSettings = PasswordSettings()
    throttle: ThrottleSettings = ThrottleSettings()
    mail: MailSettings = MailSettings()
    passkeys: PasskeySettings = PasskeySettings()
    accounts: AccountSettings = AccountSettings()
    signup: SignUpSettings = SignUpSettings()
    cognito: CognitoSettings = CognitoSettings()
    webhooks: WebhookSettings = WebhookSettings()
    lazy_migration: LazyMigrationSettings = LazyMigrationSettings()
    introspection: IntrospectionSettings = IntrospectionSettings()
    admin: AdminSettings = AdminSettings()
    pages: PageSettings = PageSettings()
    audit: AuditSettings = AuditSettings()
    metrics: MetricsSettings = MetricsSettings()
    tracing: TracingSettings = TracingSettings()
    logging: LoggingSettings = LoggingSettings()

    @property
    def secrets(self) -> list[str]:
        """The secret that seals, then the earlier ones that still open."""
        return [secret.get_secret_value() for secret in (self.secret_key, *self.secret_keys_previous)]

    @property
    def base_url(self) -> str:
        """The public address of the service: the issuer, without the pool id that Cognito's clients want in it."""
        issuer = self.tokens.issuer.rstrip("/")
        return issuer.removesuffix(f"/{self.cognito.pool_id}") if self.cognito.enabled else issuer

    def require_database(self) -> str:
        """The database's URL. Raises ConfigurationError when there is none."""
        if not (url := self.database.url.get_secret_value()):
            raise ConfigurationError("TOKENHOUSE_DATABASE__URL is missing: postgresql://user:password@host/database")
        require_good_url("TOKENHOUSE_DATABASE__URL", url, POSTGRES)
        PostgresFiles("TOKENHOUSE_DATABASE__URL", split_url(url), ENVIRONMENT).require_usable()
        return url

    def require_stores_and_secret(self) -> None:
        """Raises ConfigurationError for a missing or wrong URL or secret; the message never shows a secret."""
        self.require_database()
        if not self.redis.url.get_secret_value():
            raise ConfigurationError("TOKENHOUSE_REDIS__URL is missing: redis://:password@host:6379/0")
        require_good_url("TOKENHOUSE_REDIS__URL", self.redis.url.get_secret_value(), REDIS)
        require_usable_redis_files("TOKENHOUSE_REDIS__URL", split_url(self.redis.url.get_secret_value()))
        _require_good_secret("TOKENHOUSE_SECRET_KEY", self.secret_key.get_secret_value())
        for secret in self.secret_keys_previous:
            _require_good_secret("TOKENHOUSE_SECRET_KEYS_PREVIOUS", secret.get_secret_value())
        require_usable_mail(self.mail)
        require_usable_cognito(self.cognito, self.tokens, has_mail=bool(self.mail.url.get_secret_value()))
        require_usable_webhooks(self.webhooks, has_audit=self.audit.enabled)
        require_usable_lazy_migration(self.lazy_migration, self.lazy_migration_secret)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the hook's signature is pydantic-settings' own
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over secrets files, and those over `config.yaml` (the keyword arguments)."""
        secrets = NestedSecretsSettingsSource(file_secret_settings, secrets_dir_missing="ok")
        return env_settings, ShortNames(settings_cls), secrets, init_settings


class ShortNames(EnvSettingsSource):
    """`DATABASE_URL` and the like, which many platforms set by themselves. The long names win over them."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {long.lower(): ENVIRONMENT[short] for short, long in SHORT_NAMES.items() if ENVIRONMENT.get(short)}


SECTIONS = frozenset(
    name
    for name, field in Settings.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
)


def load(path: Path | None = None, *, pinned: Mapping[str, Any] | None = None, seed: Path | None = None) -> Settings:
    """Read all sources. Clients of a `seed` (or `TOKENHOUSE_SEED`) are added to those of the file; `pinned` values win
    over every source (`tokenhouse dev` pins its own stores).

    Raises ConfigurationError with one line that names the setting and the rule, never the value.
    """
    _refuse_unknown_variables()
    file = path or (Path(named) if (named := ENVIRONMENT.get("TOKENHOUSE_CONFIG")) else None)
    values = _read(file or next(shipped for shipped in (Path("config.yaml"), *SHIPPED_CONFIG) if shipped.is_file()))
    if sown := seed or (Path(named) if (named := ENVIRONMENT.get(SEED)) else None):
        values = with_clients(values, read_seed(sown).clients)
    secrets = Path(ENVIRONMENT.get("TOKENHOUSE_SECRETS_DIR") or SECRETS_DIR)
    for name, secret in secrets_in(secrets):
        _refuse_unknown(name, str(secret))
        require_private(name, secret)
        require_text(name, secret)
    try:
        settings = Settings(**values, _secrets_dir=secrets)
        return _pin(settings, pinned or {})
    except ValidationError as error:
        raise ConfigurationError(complaint_of(error, Settings)) from None
    except SettingsError:
        raise ConfigurationError(f"a variable of the environment, or a file in {secrets}, {OTHERWISE}") from None


def _pin(settings: Settings, pinned: Mapping[str, Any]) -> Settings:
    for name, value in pinned.items():
        held = getattr(settings, name)
        new = type(held).model_validate({**dict(held), **value}) if isinstance(held, Section) else type(held)(value)
        settings = settings.model_copy(update={name: new})
    return settings


def _require_good_secret(name: str, secret: str) -> None:
    how = "make one with: python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"
    if not secret:
        raise ConfigurationError(f"{name} is missing; {how}")
    if len(secret.encode()) < MIN_SECRET_BYTES:
        raise ConfigurationError(f"{name} is shorter than {MIN_SECRET_BYTES} bytes; {how}")
    if SAMPLE_SECRETS.search(secret) or len(set(secret)) < MIN_VARIETY:
        raise ConfigurationError(f"{name} looks like a sample, not like a random secret; {how}")


def _read(file: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{file}: {error.strerror}; TOKENHOUSE_CONFIG names the configuration file") from None
    except (yaml.YAMLError, ValueError, RecursionError):  # of invalid UTF-8, invalid dates, deep nesting
        raise ConfigurationError(f"{file} is not valid YAML in UTF-8") from None
    if values is None:
        return {}
    if not isinstance(values, dict) or not all(isinstance(name, str) for name in values):
        raise ConfigurationError(f"{file} must hold named sections, as the shipped config.yaml does")
    values = {name: {} if value is None and name in SECTIONS else value for name, value in values.items()}
    for name in SECTIONS & values.keys():  # here: a section that the environment sets too would hide it
        if not isinstance(values[name], dict):
            raise ConfigurationError(f"{file}: {name} must hold named settings, as in the shipped config.yaml")
    return values


def _refuse_unknown_variables() -> None:
    """pydantic-settings ignores unknown variables; here a misspelt one stops the start."""
    for name, value in ENVIRONMENT.items():
        if name in SHORT_NAMES or name.startswith(PREFIX):
            if not is_text(value):
                raise ConfigurationError(f"{name} is not a text in UTF-8")
            if name not in NOT_SETTINGS and name not in SHORT_NAMES:
                _refuse_unknown(name, name)


def _refuse_unknown(name: str, name_of_source: str) -> None:
    section, delimiter, _ = name.removeprefix("TOKENHOUSE_").lower().partition("__")
    if section not in Settings.model_fields or bool(delimiter) != (section in SECTIONS):
        raise ConfigurationError(f"{name_of_source} names no setting; config.yaml lists them all")

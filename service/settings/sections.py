"""The blocks of `config.yaml`, one class each, with safe defaults."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, StringConstraints, model_validator

from service.settings.claim_names import ClaimNames
from service.settings.values import (
    AppClientSecrets,
    ClientIds,
    Clients,
    Domain,
    Duration,
    Grace,
    Issuer,
    Leeway,
    Networks,
    OptionalDuration,
    OptionalRate,
    Origins,
    PoolId,
    Rate,
    RateSetting,
    Section,
    Span,
)

EventLoop = Literal["auto", "uvloop", "asyncio"]
PasswordEngine = Literal["auto", "lanes", "wheel"]


class ServerSettings(Section):
    host: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65535)
    trusted_proxies: Networks = ()
    header_timeout: Duration = timedelta(seconds=10)
    body_timeout: Duration = timedelta(seconds=10)
    keepalive_timeout: Duration = timedelta(seconds=30)
    drain: Span = timedelta(0)
    shutdown_timeout: Duration = timedelta(seconds=20)
    max_connections: int = Field(10_000, ge=1)
    max_connections_per_source: int = Field(1_000, ge=1)
    cors_origins: Origins = ()
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    event_loop: EventLoop = "auto"

    @model_validator(mode="after")
    def _certificate_and_key_belong_together(self) -> Self:
        if (self.tls_certificate is None) is not (self.tls_key is None):
            raise ValueError("set tls_certificate and tls_key, or neither")
        return self


class DatabaseSettings(Section):
    url: SecretStr = SecretStr("")
    migrate_on_start: bool = True
    pool_max: int = Field(10, ge=2)  # restoring the denylist reads on one while it holds a lock on another
    acquire_timeout: Duration = timedelta(milliseconds=500)
    command_timeout: Duration = timedelta(seconds=1)
    statement_cache_size: int = Field(100, ge=0)


class RedisSettings(Section):
    url: SecretStr = SecretStr("")
    max_connections: int = Field(64, ge=1)
    acquire_timeout: Duration = timedelta(milliseconds=100)
    command_timeout: Duration = timedelta(milliseconds=250)
    connect_timeout: Duration = timedelta(milliseconds=250)


class TokenSettings(Section):
    issuer: Issuer = "http://127.0.0.1:8080"
    client_id: str = Field("tokenhouse", min_length=1)
    accepted_clients: ClientIds = ()
    claims: ClaimNames = ()
    algorithm: Literal["RS256", "RS256-3072", "ES256", "Ed25519"] = "RS256"
    id_lifetime: Duration = timedelta(hours=1)
    access_lifetime: Duration = timedelta(hours=1)
    refresh_lifetime: Duration = timedelta(days=30)
    idle_lifetime: Duration = timedelta(days=30)
    refresh_rotation: bool = False
    refresh_grace: Grace = timedelta(seconds=10)
    max_sessions: int = Field(20, ge=1, le=1000)
    leeway: Leeway = timedelta(seconds=5)

    @property
    def longest(self) -> timedelta:
        """How long after its issue a verifier may still accept a signed token."""
        return max(self.id_lifetime, self.access_lifetime) + self.leeway


class KeySettings(Section):
    publish_ahead: Duration = Field(timedelta(minutes=6), ge=timedelta(minutes=6))  # verifier cache, plus a minute
    rotate_after: OptionalDuration = None


class ApiKeySettings(Section):
    overlap: Span = timedelta(0)


class PasswordSettings(Section):
    bcrypt_rounds: int = Field(12, ge=4, le=15)
    max_wait: Duration = timedelta(seconds=2)
    workers: int | None = Field(None, ge=1)
    engine: PasswordEngine = "auto"
    refuse_common: bool = False


class ThrottleSettings(Section):
    enabled: bool = True
    login_source: RateSetting = Rate(quota=20, window=timedelta(minutes=5))
    login_account_source: RateSetting = Rate(quota=5, window=timedelta(minutes=5))
    login_account: RateSetting = Rate(quota=10, window=timedelta(minutes=15))
    login_known_source: RateSetting = Rate(quota=5, window=timedelta(minutes=5))
    login_global: RateSetting = Rate(quota=1000, window=timedelta(minutes=5))
    login_attempts: OptionalRate = None
    login_lockout: int = Field(100, ge=1)
    known_source_lifetime: Duration = timedelta(days=30)
    signup_source: RateSetting = Rate(quota=30, window=timedelta(hours=1))
    signup_global: RateSetting = Rate(quota=1000, window=timedelta(hours=1))
    refresh_token: RateSetting = Rate(quota=30, window=timedelta(minutes=1))
    refresh_source: RateSetting = Rate(quota=120, window=timedelta(minutes=1))
    refresh_unknown: RateSetting = Rate(quota=10, window=timedelta(minutes=1))
    api_key_unknown: RateSetting = Rate(quota=20, window=timedelta(minutes=1))
    api_key_rotation: RateSetting = Rate(quota=30, window=timedelta(hours=1))
    session_list: RateSetting = Rate(quota=60, window=timedelta(minutes=1))
    session_end: RateSetting = Rate(quota=60, window=timedelta(minutes=1))
    export: RateSetting = Rate(quota=10, window=timedelta(hours=1))
    profile_change: RateSetting = Rate(quota=30, window=timedelta(hours=1))
    password_change: RateSetting = Rate(quota=5, window=timedelta(hours=1))
    mail_source: RateSetting = Rate(quota=10, window=timedelta(hours=1))
    mail_address: RateSetting = Rate(quota=5, window=timedelta(hours=1))
    mail_global: RateSetting = Rate(quota=1000, window=timedelta(hours=1))
    code_source: RateSetting = Rate(quota=20, window=timedelta(minutes=5))
    code_account: RateSetting = Rate(quota=10, window=timedelta(hours=1))
    passkey_source: RateSetting = Rate(quota=30, window=timedelta(minutes=5))
    admin_token: RateSetting = Rate(quota=600, window=timedelta(minutes=1))
    exempt: Networks = ()


class IntrospectionSettings(Section):
    clients: Clients = Field(default_factory=dict)


class MailSettings(Section):
    url: SecretStr = SecretStr("")
    sender: str = ""
    reply_to: str = ""
    timeout: Duration = timedelta(seconds=10)
    give_up: Duration = timedelta(hours=24)
    verification: Literal["optional", "required"] = "optional"
    templates: Path | None = None


class PasskeySettings(Section):
    rp_id: Domain | None = None
    origins: Origins = ()

    @model_validator(mode="after")
    def _origins_belong_to_the_domain(self) -> Self:
        for origin in self.origins if self.rp_id else ():
            host = urlsplit(origin).hostname or ""
            if host != self.rp_id and not host.endswith(f".{self.rp_id}"):
                raise ValueError("list origins of the domain rp_id and of those below it: no browser takes others")
        return self


class AccountSettings(Section):
    second_factor: Literal["optional", "required"] = "optional"


class SignUpSettings(Section):
    mode: Literal["open", "invited", "closed"] = "open"


class CognitoSettings(Section):
    enabled: bool = False
    pool_id: PoolId = "eu-central-1_tokenhouse"
    clients: AppClientSecrets = Field(default_factory=dict)
    srp: bool = False
    confirm_signup: bool = False
    prevent_user_existence_errors: bool = True
    code_lifetime: Duration = timedelta(minutes=15)
    session_lifetime: Duration = timedelta(minutes=3)

    @property
    def client_secrets(self) -> dict[str, str | None]:
        """Of the app clients by their ids; None for one without."""
        return {name: held.get_secret_value() if held else None for name, held in self.clients.items()}


class AdminSettings(Section):
    enabled: bool = False
    sources: Networks = ()


class PageSettings(Section):
    enabled: bool = False
    brand: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)] = "Tokenhouse"
    logo: Path | None = None
    stylesheet: Path | None = None
    session_lifetime: Duration = timedelta(hours=12)
    idle_lifetime: Duration = timedelta(hours=2)


class AuditSettings(Section):
    enabled: bool = True
    keep: Duration = timedelta(days=90)


class TracingSettings(Section):
    enabled: bool = False


class MetricsSettings(Section):
    enabled: bool = True
    host: str = "127.0.0.1"
    port: int = Field(9090, ge=0, le=65535)


class LoggingSettings(Section):
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    format: Literal["auto", "json", "console"] = "auto"
    probes: bool = False
    requests_per_second: int = Field(200, ge=0)

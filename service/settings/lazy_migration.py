"""The old system that is asked about passwords, and the secrets that sign what it is asked."""

from datetime import timedelta
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

from service.operator_errors import ConfigurationError
from service.settings.values import Duration, Section, split_commas
from service.settings.webhooks import WebhookSecret, require_endpoint_url

VARIABLE = "TOKENHOUSE_LAZY_MIGRATION_SECRET"
LONGEST = timedelta(seconds=10)  # every failed login takes as long


def require_old_system_url(value: SecretStr) -> SecretStr:
    """Passwords travel to it: by TLS, or not beyond this machine."""
    url = require_endpoint_url(value).get_secret_value()
    if url.startswith("http:") and not _is_loopback(urlsplit(url).hostname or ""):
        raise ValueError("passwords travel to it: write https://, or http:// to a loopback address")
    return value


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"  # where it leads is looked at with each question


OldSystemUrl = Annotated[SecretStr, AfterValidator(require_old_system_url)]
OldSystemSecrets = Annotated[
    tuple[WebhookSecret, ...], BeforeValidator(split_commas), Field(max_length=8), NoDecode
]  # while they change, the old system may know either


class LazyMigrationSettings(Section):
    url: OldSystemUrl | None = None
    timeout: Duration = Field(timedelta(seconds=3), le=LONGEST)
    concurrency: int = Field(16, ge=1, le=1_000)


def require_usable_lazy_migration(settings: LazyMigrationSettings, secrets: tuple[SecretStr, ...]) -> None:
    """Raises ConfigurationError for settings that only together are wrong."""
    if settings.url and not secrets:
        raise ConfigurationError(
            f"{VARIABLE} is missing, which signs what lazy_migration.url is asked; make one with:"
            ' echo "whsec_$(openssl rand -base64 32)"'
        )

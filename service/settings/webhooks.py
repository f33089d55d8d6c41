"""The endpoints that are told of events, and their secrets."""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

from service.operator_errors import ConfigurationError
from service.settings.values import Section, split_commas

PREFIX = "whsec_"
LEAST, MOST = 24, 64  # bytes of a secret, as Standard Webhooks has it
MOST_ENDPOINTS = 20
LONGEST_NAME = 64
NAME = re.compile(r"[a-z0-9]+(?:[_-][a-z0-9]+)*", re.ASCII)
EVENT = re.compile(r"[a-z0-9_]+(?:\.[a-z0-9_]+)*(?:\.\*)?", re.ASCII)
URL_FORM = "write an endpoint's url as https://host/path, in ASCII, without user, password and fragment"


def require_endpoint_url(value: SecretStr) -> SecretStr:
    """What is in its path may be a secret."""
    url = value.get_secret_value()
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in ("https", "http") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise ValueError(URL_FORM) from None
    if not is_good or "@" in parts.netloc or "#" in url or not re.fullmatch(r"[!-~]+", url) or "\\" in url:
        raise ValueError(URL_FORM)
    return value


def require_webhook_secret(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    try:
        length = len(base64.b64decode(text.removeprefix(PREFIX), validate=True))
    except (binascii.Error, ValueError):
        length = 0
    if not text.startswith(PREFIX) or not LEAST <= length <= MOST:
        raise ValueError(
            f"give each endpoint secrets of the form {PREFIX} and the base64 of {LEAST} to {MOST} random bytes:"
            ' echo "whsec_$(openssl rand -base64 32)"'
        )
    return value


def require_endpoint_name(value: str) -> str:
    if len(value) > LONGEST_NAME or not NAME.fullmatch(value):
        raise ValueError("name endpoints with a-z and 0-9, parted by single _ or -")
    return value


def require_event(value: str) -> str:
    if not EVENT.fullmatch(value):
        raise ValueError("name an endpoint's events as docs/webhooks.md lists them, such as user.created or user.*")
    return value


EndpointUrl = Annotated[SecretStr, AfterValidator(require_endpoint_url)]
WebhookSecret = Annotated[SecretStr, AfterValidator(require_webhook_secret)]
WebhookSecrets = Annotated[
    tuple[WebhookSecret, ...], BeforeValidator(split_commas), Field(min_length=1, max_length=8), NoDecode
]
EventName = Annotated[str, AfterValidator(require_event)]
EventNames = Annotated[tuple[EventName, ...], BeforeValidator(split_commas), NoDecode]
EndpointName = Annotated[str, AfterValidator(require_endpoint_name)]


class EndpointSettings(Section):
    url: EndpointUrl
    secrets: WebhookSecrets
    events: EventNames = ()

    @property
    def is_plain(self) -> bool:
        return self.url.get_secret_value().startswith("http:")


class WebhookSettings(Section):
    endpoints: Mapping[EndpointName, EndpointSettings] = Field(default_factory=dict, max_length=MOST_ENDPOINTS)
    private: bool = False


def require_usable_webhooks(webhooks: WebhookSettings, *, has_audit: bool) -> None:
    """Raises ConfigurationError for settings that only together are wrong."""
    if webhooks.endpoints and not has_audit:
        raise ConfigurationError("webhooks.endpoints needs the audit trail: set audit.enabled to true")
    for name, endpoint in webhooks.endpoints.items():
        if endpoint.is_plain and not webhooks.private:
            raise ConfigurationError(
                f"webhooks.endpoints: {name}: http:// goes to private addresses alone: use https://, or set"
                " webhooks.private to true"
            )

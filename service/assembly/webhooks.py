"""Webhooks: the endpoints of the settings, and the worker that sends to them."""

import base64
from dataclasses import dataclass

from service.assembly.backends import OUTAGES, Basis
from service.assembly.credentials import Credentials
from service.domain.webhooks import messages
from service.domain.webhooks.attempts import Attempts
from service.domain.webhooks.models import Endpoint
from service.domain.webhooks.webhooks import Webhooks
from service.domain.webhooks.worker import WebhookWorker
from service.operator_errors import ConfigurationError
from service.settings import WEBHOOK_SECRET_PREFIX, EndpointSettings
from service.webhooks.sender import HttpWebhookSender


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookParts:
    """Without endpoints nobody sends."""

    webhooks: Webhooks
    sender: HttpWebhookSender
    worker: WebhookWorker | None


def build(basis: Basis, credentials: Credentials) -> WebhookParts:
    """Raises ConfigurationError for events that there are not."""
    settings, ambient, backends = basis
    endpoints = {name: _endpoint(name, one) for name, one in settings.webhooks.endpoints.items()}
    sender = HttpWebhookSender(may_be_private=settings.webhooks.private)
    store = backends.webhook_deliveries
    attempts = Attempts(store, sender, ambient, OUTAGES)
    webhooks = Webhooks(store=store, endpoints=endpoints, attempts=attempts, ambient=ambient, events=credentials.events)
    if not endpoints:
        return WebhookParts(webhooks=webhooks, sender=sender, worker=None)
    worker = WebhookWorker(
        cursors=backends.webhook_cursors,
        store=store,
        endpoints=endpoints,
        attempts=attempts,
        ambient=ambient,
        outages=OUTAGES,
    )
    return WebhookParts(webhooks=webhooks, sender=sender, worker=worker)


def key_of(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(WEBHOOK_SECRET_PREFIX))


def _endpoint(name: str, settings: EndpointSettings) -> Endpoint:
    if wrong := [one for one in settings.events if not messages.is_known(one)]:
        raise ConfigurationError(f"webhooks.endpoints: {name}: there is no event {wrong[0]} (docs/webhooks.md)")
    return Endpoint(
        name=name,
        url=settings.url.get_secret_value(),
        keys=[key_of(one.get_secret_value()) for one in settings.secrets],
        events=settings.events,
    )

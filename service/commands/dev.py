"""`tokenhouse dev`: the whole service on one machine that has nothing but Python."""

import argparse
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from service.ambient import Ambient
from service.assembly.application import Application
from service.commands import dev_instance, event_loop, seed
from service.commands.frame import DONE, say
from service.commands.serve import serve
from service.embedded import Stores, stores
from service.operator_errors import ConfigurationError
from service.settings import (
    ENVIRONMENT,
    INBOX,
    MetricsSettings,
    PasskeySettings,
    Settings,
    TokenSettings,
    keeps_mails,
    load,
    require_usable_cognito,
    url_here,
)
from service.telemetry import logs

SECRET_BYTES = 48
SENDER = "Tokenhouse <tokenhouse@localhost>"
LOOPBACK = ("127.0.0.0/8", "::1/128")
# In production a slow store counts as down. A laptop is often just busy.
PATIENCE = {
    "database": {"acquire_timeout": "30s", "command_timeout": "30s"},
    "redis": {"acquire_timeout": "30s", "command_timeout": "30s", "connect_timeout": "30s"},
    "passwords": {"max_wait": "30s"},
}
WELCOME = """
Tokenhouse serves on {url}   (docs: {url}/docs, data in {directory}, Ctrl-C stops it)
{pages}{mails}
{cognito}
Try it in another terminal:

  curl -s {url}/auth/signup -H 'Content-Type: application/json' \\
    -d '{{"email":"ada@example.com","password":"SecurePass1!","firstName":"Ada","lastName":"Lovelace"}}'; echo

  LOGIN=$(curl -s {url}/auth/login -H 'Content-Type: application/json' \\
    -d '{{"email":"ada@example.com","password":"SecurePass1!"}}'); echo "$LOGIN"
  field() {{ printf %s "$LOGIN" | python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }}

  curl -s {url}/auth/refresh -H 'Content-Type: application/json' \\
    -d "{{\\"refreshToken\\":\\"$(field refreshToken)\\"}}"; echo

  curl -s {url}/auth/logout -H 'Content-Type: application/json' -H "Authorization: Bearer $(field idToken)" \\
    -d "{{\\"accessToken\\":\\"$(field accessToken)\\"}}"; echo
"""
# By this name, because browsers make no passkeys for an IP address.
IN_A_BROWSER = "In a browser: {url}/\n"
COGNITO = """
Clients of Amazon Cognito work here too (docs/cognito.md). boto3, and Amplify:

  boto3.client("cognito-idp", region_name="{region}", endpoint_url="{url}")   # ClientId="{client}"

  Amplify.configure({{ Auth: {{ Cognito: {{ userPoolEndpoint: "{url}/", {ids} }} }} }})
  await signIn({{ username, password, options: {{ authFlowType: "USER_PASSWORD_AUTH" }} }})
"""
SWITCH = "TOKENHOUSE_COGNITO__ENABLED"
PAGES_SWITCH = "TOKENHOUSE_PAGES__ENABLED"


def run(asked: argparse.Namespace) -> int:
    directory = dev_instance.directory()
    sown = seed.file_of_dev()
    settings = load(asked.config, seed=sown)
    logs.configure(settings.logging)
    with stores(directory) as running:
        settings = load(asked.config, pinned=_pinned(settings, running, directory), seed=sown)
        shared = dev_instance.told_to_commands(directory, settings, asked.config)
        with shared, event_loop.runner(settings.server.event_loop) as loop:
            loop.run(
                serve(settings, lambda port: _welcome(settings, port, directory), has_inbox=True, prepare=_sow(sown))
            )
    return DONE


def _sow(file: Path | None) -> Callable[[Application], Awaitable[None]]:
    """Opens the accounts of the seed that are not there yet."""

    place = file.absolute() if file else None

    async def sow(application: Application) -> None:
        if file:
            say(f"\n{place}: {seed.sentence(await seed.apply(application, file))}")

    return sow


def _pinned(settings: Settings, running: Stores, directory: Path) -> dict[str, Any]:
    """Always its own stores. Unless configured: its own secret, a local issuer, an inbox for mails, any free port for
    metrics, long store timeouts, Cognito's protocol, pages and no rate limits for this machine.
    """
    pinned: dict[str, Any] = {name: _unless_told(settings, name, wanted) for name, wanted in PATIENCE.items()}
    pinned["database"] |= {"url": running.postgres.url, "migrate_on_start": True}
    pinned["redis"] |= {"url": running.redis.url}
    if not settings.secret_key.get_secret_value():
        pinned["secret_key"] = _secret(directory / "secret")
    if not settings.throttle.exempt:
        pinned["throttle"] = {"exempt": LOOPBACK}
    if settings.metrics.port == MetricsSettings().port:
        pinned["metrics"] = {"port": 0}
    if not settings.mail.url.get_secret_value():
        pinned["mail"] = {"url": INBOX, "sender": settings.mail.sender or SENDER}
        pinned["throttle"] = pinned.get("throttle", {}) | _unless_told(
            settings, "throttle", {"mail_address": "1000/1m"}
        )
    if _can_speak_cognito(settings):
        pinned["cognito"] = {"enabled": True}
    if PAGES_SWITCH not in ENVIRONMENT:  # a file cannot be asked, as with Cognito's protocol
        pinned["pages"] = {"enabled": True}
    if settings.tokens.issuer == TokenSettings().issuer:
        pinned["tokens"] = {"issuer": _url(settings, settings.server.port)}
        if settings.passkeys == PasskeySettings():  # browsers make none for an IP address
            pinned["passkeys"] = {"rp_id": "localhost", "origins": [_url(settings, settings.server.port, "localhost")]}
    return pinned


def _unless_told(settings: Settings, section: str, wanted: dict[str, str]) -> dict[str, str]:
    """The wanted values whose settings have their defaults."""
    held = getattr(settings, section)
    return {name: value for name, value in wanted.items() if getattr(held, name) == getattr(type(held)(), name)}


def _url(settings: Settings, port: int, host: str = "") -> str:
    return url_here(host or settings.server.host, port, tls=settings.server.tls_certificate is not None)


def _secret(file: Path) -> str:
    """Generated once, readable only by its owner."""
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(Ambient().random_bytes(SECRET_BYTES).hex(), encoding="ascii")
    return file.read_text(encoding="ascii").strip()


def _welcome(settings: Settings, port: int, directory: Path) -> None:
    url = _url(settings, port)
    mails = f"Mails are kept, not sent: {url}/dev/mails" if keeps_mails(settings.mail) else "Mails are sent."
    pages = IN_A_BROWSER.format(url=_url(settings, port, "localhost")) if settings.pages.enabled else ""
    cognito = _for_cognito(settings, url)
    say(WELCOME.format(url=url, directory=directory, pages=pages, mails=mails, cognito=cognito))


def _for_cognito(settings: Settings, url: str) -> str:
    """What points clients of Cognito here, or what keeps them out; nothing where they are switched off."""
    if not settings.cognito.enabled:
        why = "" if SWITCH in ENVIRONMENT else _why_not_cognito(settings)
        return f"\nClients of Amazon Cognito are not served: {why}\n" if why else ""
    pool = settings.cognito.pool_id
    region = pool.rpartition("_")[0]
    ids = f'userPoolId: "{pool}", userPoolClientId: "{settings.tokens.client_id}"'
    return COGNITO.format(url=url, region=region, ids=ids, client=settings.tokens.client_id)


def _can_speak_cognito(settings: Settings) -> bool:
    """Unless the environment says whether it shall: the shipped file says every default, so a file cannot be asked."""
    return SWITCH not in ENVIRONMENT and not _why_not_cognito(settings)


def _why_not_cognito(settings: Settings) -> str:
    """What of the settings keeps Cognito's protocol off."""
    try:
        require_usable_cognito(settings.cognito.model_copy(update={"enabled": True}), settings.tokens)
    except ConfigurationError as error:
        return str(error)
    return ""

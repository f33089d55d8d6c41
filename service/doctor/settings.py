"""The settings: values that suit development but not a public address."""

from collections.abc import Iterable
from datetime import timedelta
from urllib.parse import urlsplit

from service.doctor import admin, cognito
from service.doctor.finding import Finding, ok, problem, warning
from service.doctor.loopback import is_loopback
from service.settings import Networks, ServerSettings, Settings, TokenSettings

LEAST_ROUNDS = 10  # OWASP's minimum for bcrypt
WIDE = {4: 16, 6: 48}  # shorter prefixes cover more than one organisation
VERIFIED = timedelta(hours=24)  # MAX_LIFETIME of `tokenhouse_verify`
OTHER_FILES = 256  # descriptors for other uses: connections to the stores, files, clients to be refused


def judge(settings: Settings, open_files: int | None, *, engine: str, event_loop: str) -> list[Finding]:
    """`open_files`: how many this process may have open, None for any number. `engine` hashes passwords; `event_loop`
    is the library that runs the process.
    """
    return [
        _issuer(settings),
        _lifetimes(settings.tokens),
        _proxies(settings.server),
        _limits(settings),
        _exempt(settings.throttle.exempt),
        _passwords(settings),
        _engine(settings, engine),
        _files(settings.server, open_files),
        _event_loop(settings.server, event_loop),
        _log(settings),
        *admin.judge(settings),
        *cognito.judge(settings),
    ]


def _issuer(settings: Settings) -> Finding:
    issuer = settings.tokens.issuer
    host = urlsplit(issuer).hostname or ""
    advice = "set TOKENHOUSE_TOKENS__ISSUER to the public https:// address; tokens made before are refused then"
    if is_loopback(host):
        return warning("issuer", f"{issuer}, which only this machine can reach", advice)
    if not issuer.startswith("https://"):
        return warning("issuer", f"{issuer} is no https:// address", advice)
    return ok("issuer", issuer)


def _lifetimes(tokens: TokenSettings) -> Finding:
    longest = max(tokens.id_lifetime, tokens.access_lifetime)
    if longest > VERIFIED:
        said = f"tokens live for {longest.total_seconds() / 3600:g} h: tokenhouse_verify refuses more than 24 h"
        advice = "set tokens.id_lifetime and tokens.access_lifetime to at most 24h"
        return warning("lifetimes", said, advice)
    return ok("lifetimes", "tokens live for no longer than verifiers accept")


def _proxies(server: ServerSettings) -> Finding:
    everyone = [str(network) for network in server.trusted_proxies if network.prefixlen == 0]
    if everyone:
        return problem(
            "proxies",
            f"server.trusted_proxies holds {everyone[0]}: any visitor may name any address for its own",
            "list the addresses of your proxies alone",
        )
    if server.trusted_proxies:
        return ok("proxies", f"{len(server.trusted_proxies)} networks are believed about addresses")
    if is_loopback(server.host):
        return ok("proxies", "none; listens on this machine alone")
    return warning(
        "proxies",
        f"listens on {server.host} and believes no proxy",
        "behind a proxy set TOKENHOUSE_SERVER__TRUSTED_PROXIES, or all visitors share its address in the limits",
    )


def _limits(settings: Settings) -> Finding:
    if settings.throttle.enabled:
        return ok("limits", "enabled")
    return problem("limits", "disabled: passwords may be guessed at any rate", "set TOKENHOUSE_THROTTLE__ENABLED=true")


def _exempt(exempt: Networks) -> Finding:
    wide = [str(one) for one in _wide(exempt)]
    if wide:
        return warning(
            "limits.exempt", f"{', '.join(wide)} have no limits", "exempt single hosts, and only load generators"
        )
    return ok("limits.exempt", f"{len(exempt)} small networks" if exempt else "nobody")


def _wide(networks: Networks) -> Iterable[object]:
    return (one for one in networks if one.prefixlen < WIDE[one.version] and not one.is_loopback)


def _passwords(settings: Settings) -> Finding:
    rounds = settings.passwords.bcrypt_rounds
    if rounds < LEAST_ROUNDS:
        return problem("passwords", f"bcrypt with {rounds} rounds", "set passwords.bcrypt_rounds to 12, at least 10")
    return ok("passwords", f"bcrypt with {rounds} rounds")


def _engine(settings: Settings, engine: str) -> Finding:
    if engine in (settings.passwords.engine, "lanes"):
        return ok("password engine", engine)
    return warning(
        "password engine",
        "wheel: the bcrypt package, a third of the logins per core; the compiled engine is missing or failed its check",
        "install a C compiler and Python's headers, then this package again; or set passwords.engine to wheel",
    )


def _files(server: ServerSettings, open_files: int | None) -> Finding:
    if open_files is None or open_files >= server.max_connections + OTHER_FILES:
        return ok("open files", f"enough for server.max_connections ({server.max_connections})")
    return warning(
        "open files",
        f"{open_files} may be open: too few for server.max_connections ({server.max_connections})",
        f"raise the limit (ulimit -n, LimitNOFILE, ulimits) to {server.max_connections + OTHER_FILES}",
    )


def _event_loop(server: ServerSettings, running: str) -> Finding:
    if server.event_loop == "auto" and running == "asyncio":
        advice = "install uvloop, on which a request costs less; or set server.event_loop to asyncio"
        return warning("event loop", "asyncio's own, because uvloop is not installed", advice)
    return ok("event loop", running)


def _log(settings: Settings) -> Finding:
    if settings.logging.level == "DEBUG":
        return warning("log", "level DEBUG", "set LOG_LEVEL=INFO: libraries may log what they are told")
    if settings.logging.format == "console":
        return warning("log", "format console, which collectors cannot read", "set logging.format to auto or json")
    return ok("log", f"{settings.logging.format}, {settings.logging.level}")

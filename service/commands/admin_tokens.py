"""`tokenhouse admin-tokens new NAME --scope …`, `list` and `end NAME`: the credentials of operators' programs."""

import argparse
import re
from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Network

from service.assembly.application import Application
from service.assembly.backends import OUTAGES
from service.commands.frame import DONE, FAILED, complain, on_application, say
from service.doctor import admin
from service.doctor.finding import Finding, warning
from service.domain.administration.admin_tokens import LONGEST, WantedToken
from service.domain.administration.models import AdminScope, AdminToken
from service.settings.values import parse_duration, parse_network

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
DEFAULT_LIFETIME = timedelta(days=90)
MADE = """\
{name} may {scopes} until {until}; this token is shown once:

  {text}"""


def add_parsers(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    about = "make, list or end the tokens of programs that call /admin"
    actions = commands.add_parser("admin-tokens", help=about).add_subparsers(required=True, metavar="ACTION")
    about = "make a token; it is shown once"
    new = actions.add_parser("new", help=about, description=about)
    new.add_argument("name", metavar="NAME", type=_name, help="names whoever uses it in the audit trail")
    scopes = f"one or more with commas: {', '.join(AdminScope)}"
    new.add_argument("--scope", metavar="SCOPES", type=_scopes, required=True, help=scopes)
    new.add_argument("--expires", metavar="SPAN", type=_lifetime, default=DEFAULT_LIFETIME, help="such as 24h (90d)")
    networks = "where it may be used from, such as 192.0.2.0/24; several with commas (anywhere)"
    new.add_argument("--network", metavar="CIDRS", type=_networks, default=(), help=networks)
    new.set_defaults(run=on_application(_make, postgres_alone=True))
    about = "show every token: scopes, networks, expiry, last use"
    actions.add_parser("list", help=about, description=about).set_defaults(
        run=on_application(_list, postgres_alone=True)
    )
    about = "end a token: it is refused from now on"
    end = actions.add_parser("end", help=about, description=about)
    end.add_argument("name", metavar="NAME")
    end.set_defaults(run=on_application(_end, postgres_alone=True))


async def _make(application: Application, asked: argparse.Namespace) -> int:
    wanted = WantedToken(name=asked.name, scopes=asked.scope, networks=asked.network, lifetime=asked.expires)
    made = await application.admin_tokens.make(wanted)
    if made is None:
        complain("there is a token of this name; `tokenhouse admin-tokens end NAME` makes room for another")
        return FAILED
    token, text = made
    say(MADE.format(name=token.name, scopes=" ".join(token.scopes), until=_utc(token.expires_at), text=text))
    if not application.settings.admin.enabled:
        complain("admin.enabled is false: no instance with these settings answers at /admin")
    return DONE


async def _list(application: Application, _: argparse.Namespace) -> int:
    now = application.ambient.now()
    rows = [("NAME", "EXPIRES", "LAST USED", "SCOPES", "NETWORKS")]
    rows += [_row(one, now) for one in await application.admin_tokens.all()]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    say("\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows))
    return DONE


async def _end(application: Application, asked: argparse.Namespace) -> int:
    if await application.admin_tokens.end(asked.name):
        say(f"{asked.name} is ended")
        return DONE
    complain("no token has this name; `tokenhouse admin-tokens list` shows them all")
    return FAILED


async def examine(application: Application) -> list[Finding]:
    """For the doctor. Where the API is off, tokens open nothing."""
    if not application.settings.admin.enabled:
        return []
    try:
        tokens = await application.admin_tokens.all()
    except OUTAGES as error:
        return [warning("admin.tokens", f"not looked at ({type(error).__name__})", "see the lines about postgres")]
    return admin.judge_tokens(tokens, application.ambient.now())


def _row(token: AdminToken, now: datetime) -> tuple[str, str, str, str, str]:
    networks = ",".join(token.networks) or "any"
    return token.name, _until(token, now), _utc(token.last_used_at), ",".join(token.scopes), networks


def _until(token: AdminToken, now: datetime) -> str:
    days = token.days_left(now)
    if days is None:
        return _utc(token.expires_at)
    return "expired" if days < 0 else f"{_utc(token.expires_at)} (in {days} d)"


def _utc(time: datetime | None) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ") if time else "never"


def _name(text: str) -> str:
    if not NAME.fullmatch(text):
        raise argparse.ArgumentTypeError("a token's name is 1 to 64 of a-z, 0-9, dot, hyphen and underscore")
    return text


def _scopes(text: str) -> tuple[AdminScope, ...]:
    names = [one.strip() for one in text.split(",")]
    if unknown := [one for one in names if one not in list(AdminScope)]:
        raise argparse.ArgumentTypeError(f"there is no scope {unknown[0]!r}; there are {', '.join(AdminScope)}")
    return tuple(map(AdminScope, names))


def _lifetime(text: str) -> timedelta:
    try:
        span = parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if isinstance(span, timedelta) and timedelta(minutes=1) <= span <= LONGEST:
        return span
    raise argparse.ArgumentTypeError(f"write a span from 1m to {LONGEST.days}d, such as 90d")


def _networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    found = []
    for one in text.split(","):
        try:
            network = parse_network(one.strip())
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None
        if not isinstance(network, IPv4Network | IPv6Network):
            raise argparse.ArgumentTypeError("write networks such as 192.0.2.0/24")
        found.append(network)
    return tuple(found)

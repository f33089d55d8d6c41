"""The API for operators' programs: who can reach it, and whether its writes leave a trace."""

from collections.abc import Sequence
from datetime import datetime

from service.doctor.finding import Finding, counted, ok, warning
from service.domain.administration.models import SOON, AdminToken
from service.settings import Settings

CHECK = "admin"


def judge(settings: Settings) -> list[Finding]:
    if not settings.admin.enabled:
        return [ok(CHECK, "off")]
    return [_sources(settings), _audit(settings)]


def judge_tokens(tokens: Sequence[AdminToken], now: datetime) -> list[Finding]:
    check = f"{CHECK}.tokens"
    ending = [(one.name, days) for one in tokens if (days := one.days_left(now)) is not None]
    if not ending:
        return [ok(check, f"{counted(len(tokens), 'token')}, of which none expires within {SOON.days} days")]
    said = ", ".join(f"{name} {_when(days)}" for name, days in ending)
    return [warning(check, said, "make others, hand them out, and end these: tokenhouse admin-tokens new, end")]


def _when(days: int) -> str:
    return "has expired" if days < 0 else f"expires in {counted(days, 'day')}"


def _sources(settings: Settings) -> Finding:
    sources = settings.admin.sources
    if sources and all(one.prefixlen for one in sources):
        return ok(CHECK, f"answers to {len(sources)} networks")
    said = "answers to any address: whoever has taken a token can use it from anywhere"
    return warning(CHECK, said, "set TOKENHOUSE_ADMIN__SOURCES to the networks of your programs")


def _audit(settings: Settings) -> Finding:
    check = f"{CHECK}.audit"
    if settings.audit.enabled:
        return ok(check, "each write is in the audit trail")
    return warning(check, "there is no audit trail of its writes", "set TOKENHOUSE_AUDIT__ENABLED=true")

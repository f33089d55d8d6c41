"""The API for operators' programs: who can reach it, and whether its writes leave a trace."""

from service.doctor.finding import Finding, ok, warning
from service.settings import Settings

CHECK = "admin"


def judge(settings: Settings) -> list[Finding]:
    if not settings.admin.enabled:
        return [ok(CHECK, "off")]
    return [_sources(settings), _audit(settings)]


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

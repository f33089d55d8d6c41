"""What logins open: sessions of programs, and those that browsers have with our pages."""

from datetime import timedelta
from typing import NamedTuple

from service.domain.models import PAGE
from service.domain.sessions.refresh_tokens import PageToken, RefreshToken


class SessionKind(NamedTuple):
    name: str
    token: type[RefreshToken]
    lifetime: timedelta


def of_programs(lifetime: timedelta) -> SessionKind:
    return SessionKind("", RefreshToken, lifetime)


def of_pages(lifetime: timedelta) -> SessionKind:
    return SessionKind(PAGE, PageToken, lifetime)

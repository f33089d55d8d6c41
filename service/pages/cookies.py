"""The cookies of pages: the session, and a login that is half done."""

from dataclasses import dataclass
from datetime import timedelta

from aiohttp import web

SESSION, CHALLENGE = "tokenhouse", "tokenhouse-challenge"


@dataclass(frozen=True, slots=True)
class Cookies:
    """By HTTPS they are bound to this host and path (`__Host-`, RFC 6265bis section 4.1.3.2); without it, in
    development, browsers keep no such cookie.
    """

    is_secure: bool

    def session(self, request: web.Request) -> str:
        """The token; empty without one."""
        return request.cookies.get(self._name(SESSION), "")

    def challenge(self, request: web.Request) -> str:
        return request.cookies.get(self._name(CHALLENGE), "")

    def keep_session(self, token: str) -> str:
        """The value of a Set-Cookie field. It ends with the browser, or earlier, as the session says."""
        return self._line(SESSION, token)

    def keep_challenge(self, token: str, life: timedelta) -> str:
        return self._line(CHALLENGE, token, f"; Max-Age={int(life.total_seconds())}")

    def drop(self, name: str) -> str:
        return self._line(name, "", "; Max-Age=0")

    def _name(self, name: str) -> str:
        return f"__Host-{name}" if self.is_secure else name

    def _line(self, name: str, value: str, lasting: str = "") -> str:
        secure = "; Secure" if self.is_secure else ""
        return f"{self._name(name)}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{lasting}"

"""The cookies of pages: the session, and a login that is half done."""

from dataclasses import dataclass
from datetime import timedelta

from aiohttp import hdrs, web

SESSION, CHALLENGE = "tokenhouse", "tokenhouse-challenge"


@dataclass(frozen=True, slots=True)
class Cookies:
    """By HTTPS they are bound to this host and path (`__Host-`, RFC 6265bis section 4.1.3.2); without it, in
    development, browsers keep no such cookie.

    A field is taken apart at semicolons alone, as browsers put it together. Python's parser takes a blank in a value
    for its end, so that a sibling host's `x=1 __Host-tokenhouse=theirs` would be ours, whatever the prefix promises.
    """

    is_secure: bool

    def session(self, request: web.Request) -> str:
        """The token; empty without one."""
        return self._sent(request, SESSION)

    def challenge(self, request: web.Request) -> str:
        """The token; empty without one."""
        return self._sent(request, CHALLENGE)

    def keep_session(self, token: str) -> str:
        """The value of a Set-Cookie field. It ends with the browser, or earlier, as the session says."""
        return self._line(SESSION, token)

    def keep_challenge(self, token: str, life: timedelta) -> str:
        return self._line(CHALLENGE, token, f"; Max-Age={int(life.total_seconds())}")

    def drop(self, name: str) -> str:
        return self._line(name, "", "; Max-Age=0")

    def _sent(self, request: web.Request, name: str) -> str:
        """Empty where there are several, too: nobody can tell which is ours. Tokens are ASCII."""
        prefix = f"{self._name(name)}="
        parts = (one.strip(" \t") for field in request.headers.getall(hdrs.COOKIE, []) for one in field.split(";"))
        found = [one.removeprefix(prefix) for one in parts if one.startswith(prefix)]
        return found[0] if len(found) == 1 and found[0].isascii() else ""

    def _name(self, name: str) -> str:
        return f"__Host-{name}" if self.is_secure else name

    def _line(self, name: str, value: str, lasting: str = "") -> str:
        secure = "; Secure" if self.is_secure else ""
        return f"{self._name(name)}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{lasting}"

"""The header fields of responses, as the OpenAPI document describes them."""

from types import MappingProxyType
from typing import Any

HEADERS: MappingProxyType[str, dict[str, Any]] = MappingProxyType(
    {
        name: {"description": description, "schema": {"type": kind}}
        for name, kind, description in (
            ("X-Request-Id", "string", "Finds the request in the log; the caller's own, when it sent a sane one."),
            ("Cache-Control", "string", "How long the answer may be kept."),
            ("ETag", "string", "Send it back as `If-None-Match`; 304 says that nothing has changed."),
            ("X-Auth-User-Id", "string", "The `userId` of sign-up. It never changes."),
            ("X-Auth-Email", "string", "The address in its canonical form: lower case, ASCII."),
            ("X-Auth-Scopes", "string", "The scopes of a named API key that has some, with a blank between two."),
            ("WWW-Authenticate", "string", 'The scheme to use; `error="invalid_token"` when a token was sent.'),
            ("Retry-After", "integer", "Seconds to wait before the next try."),
            ("RateLimit", "string", "What is left of the source's own limit, and the seconds until it resets."),
            ("RateLimit-Policy", "string", "The source's own limit: how many in how many seconds."),
        )
    }
)
OF_EACH_ANSWER = ("X-Request-Id",)
OF_REFUSALS = {"401": ("WWW-Authenticate",), "429": ("Retry-After",), "503": ("Retry-After",)}
NOW_AND_THEN = {"429": ("RateLimit", "RateLimit-Policy")}

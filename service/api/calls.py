"""What the OpenAPI document tells of each call beyond its row of the route table: its use and its header fields."""

from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any


class Tag(Enum):
    """The subjects, in the order of use."""

    SIGN_IN = "Sign in", "The four calls: sign up, log in, refresh, log out."
    ACCOUNT = "Account", "What members see and change of their own account."
    SESSIONS = "Sessions", "The logins of a member, one for each device."
    VERIFICATION = "Verification", "For services and proxies that are shown a token."
    OPERATIONS = "Operations", "For orchestrators and balancers."
    DOCUMENTATION = "Documentation", "This document."


@dataclass(frozen=True, slots=True)
class Call:
    tag: Tag
    description: str
    sends: tuple[str, ...] = ()  # header fields of a good answer, besides those that each answer has
    not_modified: bool = False  # answers 304 to whoever holds this very body


AUTHORIZE = "Send the `idToken` of a login as `Authorization: Bearer …`."
CACHEABLE = ("Cache-Control", "ETag")

CALLS: dict[tuple[str, str], Call] = {
    ("POST", "/auth/signup"): Call(
        Tag.SIGN_IN, "There is no e-mail step. One address has one account, however it is spelt. The `apiKey` is for "
        "the header `x-api-key`; each login returns it again.",
    ),
    ("POST", "/auth/login"): Call(
        Tag.SIGN_IN, "Opens a session. The `idToken` goes into `Authorization: Bearer …` of each call after this, the "
        "`accessToken` into logout, the `refreshToken` into refresh. Id and access tokens live for an hour, a session "
        "for 30 days, by default.",
    ),
    ("POST", "/auth/refresh"): Call(
        Tag.SIGN_IN, "New tokens of the same session. The refresh token stays valid unless the service rotates refresh "
        "tokens: then the answer holds the next one, and the old one is spent.",
    ),
    ("POST", "/auth/logout"): Call(
        Tag.SIGN_IN, "Every token of the session is refused from now on. Both tokens must be of the same session. "
        "The API key goes on working.",
    ),
    ("GET", "/auth/me"): Call(Tag.ACCOUNT, "The profile of whoever the id token or the API key belongs to."),
    ("POST", "/auth/password"): Call(
        Tag.ACCOUNT, f"Asks for the current password, as a login does. The session that calls goes on. {AUTHORIZE}"
    ),
    ("POST", "/auth/api-key"): Call(
        Tag.ACCOUNT, f"The old key stops at once, unless `api_keys.overlap` lets it go on for a while. {AUTHORIZE}"
    ),
    ("GET", "/auth/export"): Call(
        Tag.ACCOUNT, f"All but the hash of the password and the sealed API key. {AUTHORIZE}"
    ),
    ("DELETE", "/auth/me"): Call(
        Tag.ACCOUNT, f"The account, its sessions and its key are gone; this cannot be undone. {AUTHORIZE}"
    ),
    ("GET", "/auth/sessions"): Call(Tag.SESSIONS, f"`current` marks the session that asks. {AUTHORIZE}"),
    ("DELETE", "/auth/sessions"): Call(Tag.SESSIONS, f"For a member who has lost a device. {AUTHORIZE}"),
    ("DELETE", "/auth/sessions/{sessionId}"): Call(
        Tag.SESSIONS, f"A `sessionId` of the list; it is also the claim `origin_jti` of its tokens. {AUTHORIZE}"
    ),
    ("GET", "/auth/verify"): Call(
        Tag.VERIFICATION, "For the `auth_request` of nginx, `forward_auth` of Caddy, ForwardAuth of Traefik. The "
        "header fields say who the caller is; there is no body.", ("X-Auth-User-Id", "X-Auth-Email"),
    ),
    ("POST", "/auth/introspect"): Call(
        Tag.VERIFICATION, "For a resource server, with the credential that `tokenhouse clients new NAME` made. "
        "`{\"active\": false}` is all that is said of a token that is not good.",
    ),
    ("POST", "/auth/revoke"): Call(
        Tag.VERIFICATION, "Whoever holds a live refresh, access or id token may end its session. The answer is the "
        "same for a token that is unknown.",
    ),
    ("GET", "/auth/revocations"): Call(
        Tag.VERIFICATION, "One JWT with the sessions and keys that are over. Verifiers poll it and judge tokens by "
        "themselves.", CACHEABLE, not_modified=True,
    ),
    ("GET", "/.well-known/jwks.json"): Call(
        Tag.VERIFICATION, "A JSON Web Key Set (RFC 7517). Keep it for five minutes; look again for an unknown `kid`.",
        CACHEABLE, not_modified=True,
    ),
    ("GET", "/.well-known/openid-configuration"): Call(
        Tag.VERIFICATION, "The issuer and the address of the keys, where JWT libraries look for them. Tokenhouse is no "
        "OpenID provider: there is no authorization endpoint.", CACHEABLE, not_modified=True,
    ),
    ("GET", "/healthz"): Call(Tag.OPERATIONS, "200 while the process lives. It asks no store."),
    ("GET", "/readyz"): Call(
        Tag.OPERATIONS, "200 while Postgres and Redis can be counted on. On 503, `checks` says what each is doing."
    ),
    ("GET", "/openapi.json"): Call(Tag.DOCUMENTATION, "OpenAPI 3.1. Generators make clients of it."),
    ("GET", "/docs"): Call(Tag.DOCUMENTATION, "No file of it comes from another host."),
    ("GET", "/docs/{file}"): Call(Tag.DOCUMENTATION, "Style sheet and scripts of the page."),
}  # fmt: skip

HEADERS: MappingProxyType[str, dict[str, Any]] = MappingProxyType({
    name: {"description": description, "schema": {"type": kind}}
    for name, kind, description in (
        ("X-Request-Id", "string", "Finds the request in the log; the caller's own, when it sent a sane one."),
        ("Cache-Control", "string", "How long the answer may be kept."),
        ("ETag", "string", "Send it back as `If-None-Match`; 304 says that nothing has changed."),
        ("X-Auth-User-Id", "string", "The `userId` of sign-up. It never changes."),
        ("X-Auth-Email", "string", "The address in its canonical form: lower case, ASCII."),
        ("WWW-Authenticate", "string", "The scheme to use; `error=\"invalid_token\"` when a token was sent."),
        ("Retry-After", "integer", "Seconds to wait before the next try."),
        ("RateLimit", "string", "What is left of the source's own limit, and the seconds until it resets."),
        ("RateLimit-Policy", "string", "The source's own limit: how many in how many seconds."),
    )
})  # fmt: skip
OF_EACH_ANSWER = ("X-Request-Id",)
OF_REFUSALS = {"401": ("WWW-Authenticate",), "429": ("Retry-After",), "503": ("Retry-After",)}
NOW_AND_THEN = {"429": ("RateLimit", "RateLimit-Policy")}

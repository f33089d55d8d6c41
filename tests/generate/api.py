"""docs/api.md: every call, from the OpenAPI document."""

import json
from collections.abc import Iterator
from typing import Any

from service.admin.examples import ALL_EXAMPLES
from service.admin.routes import ADMIN_OPERATIONS
from service.api.openapi import document
from service.api.routes import OPERATIONS
from tests.conftest import ROOT

FILE = ROOT / "docs" / "api.md"
HEAD = """# The API

Every call. Written by `make pages` from the OpenAPI document, which an instance serves at `/openapi.json`, and at `/docs` to browse
and to try. What a refusal looks like, and every code: [errors.md](errors.md). From a web page or an app:
[front-end.md](front-end.md).

- An id token goes into `Authorization: Bearer …`, an API key into `x-api-key: …`. Send one of them, never both.
- Bodies are JSON in UTF-8, at most 16 KiB; introspect and revoke take a form as well. Unknown members are ignored,
  but by `PATCH /auth/me`, `POST /auth/api-keys` and all calls of `/admin`, which refuse them.
- `/admin` is there only where `admin.enabled` is set ([admin.md](admin.md)), and takes an admin token, `Authorization: Bearer ta_…`.
- A password has 8 to 256 characters, with an uppercase letter, a lowercase letter, a number and a special character.
- Every GET call supports HEAD. Every response has an `X-Request-Id`.
"""
PATH = {
    "sessionId": "of `GET /auth/sessions`, or the claim `origin_jti`",
    "passkeyId": "of `GET /auth/factors`",
    "userId": "of the account: what its tokens name `sub`",
    "keyId": "of `GET /auth/api-keys`",
    "file": "`swagger-ui.css`, `swagger-ui-bundle.js` or `start.js`",
}
WHO = {
    "idToken": "an id token",
    "apiKey": "an API key",
    "adminToken": "an admin token",
    "resourceServer": "the credential of a resource server (HTTP Basic)",
}


def text() -> str:
    openapi = json.loads(document(OPERATIONS + ADMIN_OPERATIONS, ALL_EXAMPLES))
    calls = [
        (method.upper(), path, call) for path, methods in openapi["paths"].items() for method, call in methods.items()
    ]
    parts = [HEAD, *_index(openapi["tags"], calls)]
    for tag in openapi["tags"]:
        parts += [f"\n## {tag['name']}\n", f"{tag['description']}\n"]
        parts += [_call(*one) for one in calls if one[2]["tags"] == [tag["name"]]]
    return "\n".join(parts)


def _index(tags: list[dict[str, str]], calls: list[tuple[str, str, dict[str, Any]]]) -> Iterator[str]:
    yield "| call | authentication | |\n|---|---|---|"
    for tag in tags:
        for method, path, call in calls:
            if call["tags"] == [tag["name"]]:
                yield f"| `{method} {path}` | {_who(call)} | {call['summary']} |"


def _who(call: dict[str, Any]) -> str:
    known = [
        f"{WHO[scheme]} ({', '.join(f'`{scope}`' for scope in scopes)})" if scopes else WHO[scheme]
        for one in call.get("security", ())
        for scheme, scopes in one.items()
    ]
    is_optional = {} in call.get("security", ())
    return f"{' or '.join(known)}, or none" if is_optional else " or ".join(known) or "none"


def _call(method: str, path: str, call: dict[str, Any]) -> str:
    lines = [f"### {method} {path}\n", f"{call['summary']}. {call['description']}\n"]
    lines += [
        f"- `{one['name']}` in the {one['in']}: {one.get('description', PATH.get(one['name']))}"
        for one in call.get("parameters", ())
    ]
    if "requestBody" in call:
        lines.append(f"- takes `{_example(call['requestBody'])}`")
    for status, answer in call["responses"].items():
        if status < "400":
            lines.append(f"- {status}{_sent(answer)}")
    codes = {code for answer in call["responses"].values() for code in _codes(answer)}
    lines.append(f"- refused with {', '.join(f'`{code}`' for code in sorted(codes))}")
    return "\n".join(lines) + "\n"


def _sent(answer: dict[str, Any]) -> str:
    if "content" in answer:
        return f" `{_example(answer)}`"
    names = [name for name in answer.get("headers", ()) if name != "X-Request-Id"]
    return f" with {', '.join(f'`{name}`' for name in names)}" if names else ""


def _example(part: dict[str, Any]) -> str:
    example = next(iter(part["content"].values()))["example"]
    shown = example if isinstance(example, str) else json.dumps(example, ensure_ascii=False)
    return shown.replace("|", "\\|")


def _codes(answer: dict[str, Any]) -> list[str]:
    return list(answer.get("content", {}).get("application/problem+json", {}).get("examples", ()))

"""docs/errors.md: every code of a refusal and of a field."""

from service.admin.routes import ADMIN_OPERATIONS
from service.api.openapi import all_refusals, refusals_of
from service.api.problems import detail_of, status_of
from service.api.routes import OPERATIONS
from service.broken_fields import FieldCode
from service.http.admission import CODES, DETAILS
from service.http.errors import MethodNotAllowedError, NotFoundError
from service.http.problems import INTERNAL, INTERNAL_CODE
from tests.conftest import ROOT

FILE = ROOT / "docs" / "errors.md"
HEAD = """# Errors

Every code that a refusal can carry. Written by `make pages` from the code; change it there.

A refusal is one JSON object, `application/problem+json` (RFC 9457):

```json
{"type": "about:blank", "title": "Unauthorized", "status": 401, "detail": "…", "code": "invalid_token", "requestId": "…"}
```

Programs read `code`: it is stable. `detail` is for people and may change. `requestId`, also in the header `X-Request-Id`, finds
the request in the log. Whatever has a `Retry-After` header may be sent again after so many seconds.

## Codes

"""
BETWEEN = """
*any*: a call of any path, a wrong one too. The OpenAPI document (`GET /openapi.json`) has the codes of each call as an enum. Two
codes have members of their own: `invalid_fields` has `errors`, a list of
`{field, code, message}`, and `rate_limited` has `violated-policies`. `invalid_client` and `invalid_request` have `error` and
`error_description` besides, for OAuth clients (RFC 6749).

## Codes of fields

In `errors` of `invalid_fields`, which names every field that breaks a rule. One field may break several rules of a new
password: `code` is the first of them, and `message` tells all.

| code | when |
|---|---|
"""
ANY = "any"


def statuses() -> dict[str, dict[int, str]]:
    """By code, the statuses that it comes with and what each says."""
    found: dict[str, dict[int, str]] = {INTERNAL_CODE: {500: INTERNAL}}
    for refusal in all_refusals():
        status, detail = status_of(refusal), detail_of(refusal)
        said = found.setdefault(refusal.code, {})
        said[int(status)] = f"{said[int(status)]} Or: {detail}" if int(status) in said else detail
    for status, detail in DETAILS.items():
        said = found.setdefault(CODES.get(status, "malformed_request"), {})
        said[int(status)] = f"{said[int(status)]} Or: {detail}" if said.get(int(status), detail) != detail else detail
    return found


def calls_of(code: str) -> str:
    if code in (INTERNAL_CODE, NotFoundError.code, MethodNotAllowedError.code):
        return ANY
    calls = OPERATIONS + ADMIN_OPERATIONS
    raising = [one for one in calls if any(refusal.code == code for refusal in refusals_of(one))]
    if len(raising) == len(calls):
        return ANY
    return ", ".join(f"`{one.method} {one.path}`" for one in raising)


def text() -> str:
    rows = ["| code | status | calls | detail |", "|---|---|---|---|"]
    for code, said in sorted(statuses().items()):
        for status, detail in sorted(said.items()):
            rows.append(f"| `{code}` | {status} | {calls_of(code)} | {detail} |")
    fields = [f"| `{code}` | {code.meaning} |" for code in FieldCode]
    return HEAD + "\n".join(rows) + "\n" + BETWEEN + "\n".join(fields) + "\n"

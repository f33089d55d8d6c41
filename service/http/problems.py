"""RFC 9457 problem documents: the body of every error response."""

import json
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from math import ceil
from typing import Any
from zlib import crc32

from aiohttp import hdrs, web

from service.http import errors
from service.http.responses import Response

PROBLEM = "application/problem+json"
INTERNAL_CODE = "internal"
INTERNAL = "The service failed. The request id tells its operators where to look."


def document(
    status: HTTPStatus, code: str, detail: str, request_id: str, facts: Mapping[str, Any] | None = None
) -> bytes:
    """`facts` are members that only this kind of problem has."""
    members = {
        "type": "about:blank",
        "title": status.phrase,
        "status": int(status),
        "detail": detail,
        "code": code,
        "requestId": request_id,
        **(facts or {}),
    }
    return json.dumps(members).encode()


def problem(
    status: HTTPStatus,
    code: str,
    detail: str,
    request_id: str,
    *,
    facts: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    body = document(status, code, detail, request_id, facts)
    return Response(status=status, headers=headers, body=body, content_type=PROBLEM)


def of_transport(error: errors.HttpError, request_id: str) -> web.Response:
    facts: dict[str, Any] = {}
    headers: dict[str, str] = {}
    match error:
        case errors.MethodNotAllowedError(allowed=allowed):
            headers[hdrs.ALLOW] = ", ".join(allowed)
        case errors.InvalidRequestError():
            facts = oauth_members(error.code, error.message)
        case _:
            pass
    return problem(error.status, error.code, error.message, request_id, facts=facts, headers=headers)


def internal(request_id: str) -> web.Response:
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, INTERNAL_CODE, INTERNAL, request_id)


def oauth_members(code: str, detail: str) -> dict[str, str]:
    """RFC 6749 section 5.2."""
    return {"error": code, "error_description": detail}


def retry_after(wait: timedelta) -> str:
    """Whole seconds, at least one."""
    return str(max(1, ceil(wait.total_seconds())))


def spread_retry_after(request_id: str) -> str:
    """One to three seconds, at random: clients that were refused together should not retry together.

    The request id is random, or chosen by a client, which then only chooses its own delay.
    """
    return str(1 + crc32(request_id.encode()) % 3)

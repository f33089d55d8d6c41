"""RFC 9457 problem documents: the body of every error response."""

import json
from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
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
    """`facts` are members that only this kind of problem has. The request id needs no escapes."""
    if not facts:
        return b'%b%b"}' % (_up_to_the_id(status, code, detail), request_id.encode())
    return json.dumps({**_members(status, code, detail), "requestId": request_id, **facts}).encode()


@lru_cache(maxsize=128)
def _up_to_the_id(status: HTTPStatus, code: str, detail: str) -> bytes:
    """Ready-made: there are some forty of them, and each refusal of an overload has one."""
    return json.dumps(_members(status, code, detail) | {"requestId": ""}).encode().removesuffix(b'"}')


def _members(status: HTTPStatus, code: str, detail: str) -> dict[str, Any]:
    return {"type": "about:blank", "title": status.phrase, "status": int(status), "detail": detail, "code": code}


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

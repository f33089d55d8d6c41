"""Every answer: refusals spoken once, as RFC 9457 problems with the headers their status obliges, and the good ones."""

import json
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from http import HTTPStatus
from math import ceil
from typing import Any
from zlib import crc32

from aiohttp import hdrs, web
from aiohttp.http import HttpVersion11
from pydantic import BaseModel

from service import errors
from service.errors import AuthError, ShownPolicy
from service.http.responses import Answer

PROBLEM = "application/problem+json"
QUOTA_EXCEEDED = (
    "https://iana.org/assignments/http-problem-types#quota-exceeded"  # draft-ietf-httpapi-ratelimit-headers
)
INTERNAL_CODE = "internal"
INTERNAL = "The service failed. The request id tells its operators where to look."

STATUS: Mapping[type[AuthError], HTTPStatus] = {
    errors.MalformedRequestError: HTTPStatus.BAD_REQUEST,
    errors.MalformedQueryError: HTTPStatus.BAD_REQUEST,
    errors.MalformedJsonError: HTTPStatus.BAD_REQUEST,
    errors.MissingBodyError: HTTPStatus.BAD_REQUEST,
    errors.BodyTooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.BodyTimeoutError: HTTPStatus.REQUEST_TIMEOUT,
    errors.UnsupportedMediaTypeError: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.MissingBodyAndTypeError: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.UnsupportedFormError: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.MissingFormError: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.InvalidFieldsError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.NotFoundError: HTTPStatus.NOT_FOUND,
    errors.MethodNotAllowedError: HTTPStatus.METHOD_NOT_ALLOWED,
    errors.InvalidCredentialsError: HTTPStatus.UNAUTHORIZED,
    errors.WrongPasswordError: HTTPStatus.UNAUTHORIZED,
    errors.InvalidTokenError: HTTPStatus.UNAUTHORIZED,
    errors.KeyNotAcceptedError: HTTPStatus.UNAUTHORIZED,
    errors.InvalidRefreshTokenError: HTTPStatus.UNAUTHORIZED,
    errors.InvalidAccessTokenError: HTTPStatus.BAD_REQUEST,
    errors.TokenMismatchError: HTTPStatus.FORBIDDEN,
    errors.InvalidClientError: HTTPStatus.UNAUTHORIZED,
    errors.InvalidRequestError: HTTPStatus.BAD_REQUEST,
    errors.EmailTakenError: HTTPStatus.CONFLICT,
    errors.RateLimitedError: HTTPStatus.TOO_MANY_REQUESTS,
    errors.OverloadedError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.UnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.MisfitError: HTTPStatus.SERVICE_UNAVAILABLE,
}


def refusal(error: AuthError, request_id: str) -> web.Response:
    """The problem document of a refusal, and the header fields that go with it."""
    facts: dict[str, Any] = {}
    headers: dict[str, str] = {}
    match error:
        case errors.InvalidFieldsError(broken=broken):
            facts["errors"] = [{"field": one.field, "code": one.code, "message": one.message} for one in broken]
        case errors.MethodNotAllowedError(allowed=allowed):
            headers[hdrs.ALLOW] = ", ".join(allowed)
        case errors.InvalidTokenError(presented=True):
            headers[hdrs.WWW_AUTHENTICATE] = 'Bearer error="invalid_token"'
        case errors.InvalidClientError() | errors.InvalidRequestError():
            facts |= {"error": error.code, "error_description": error.message}  # RFC 6749 section 5.2
            if isinstance(error, errors.InvalidClientError):
                headers[hdrs.WWW_AUTHENTICATE] = 'Basic realm="tokenhouse", charset="UTF-8"'
        case errors.RateLimitedError(retry_after=wait, policy=policy):
            headers[hdrs.RETRY_AFTER] = _whole_seconds(wait)
            facts["type"] = QUOTA_EXCEEDED
            if policy is not None:
                headers |= _rate_limit_fields(policy)
                facts["violated-policies"] = [_violated(policy)]
        case errors.OverloadedError() | errors.UnavailableError():
            known = error.retry_after if isinstance(error, errors.OverloadedError) else None
            headers[hdrs.RETRY_AFTER] = _whole_seconds(known) if known else spread(request_id)
    status = STATUS[type(error)]
    if status is HTTPStatus.UNAUTHORIZED:
        headers.setdefault(hdrs.WWW_AUTHENTICATE, "Bearer")  # RFC 9110 section 15.5.2
    return problem(status, error.code, error.message, request_id, facts=facts, headers=headers)


def spread(request_id: str) -> str:
    """One to three seconds, by chance: whoever was refused together should not come back together.

    The request id is random already, or a caller's own, who harms nobody by choosing when to come back.
    """
    return str(1 + crc32(request_id.encode()) % 3)


def internal(request_id: str) -> web.Response:
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, INTERNAL_CODE, INTERNAL, request_id)


def not_ready(checks: Mapping[str, str], request_id: str) -> web.Response:
    """`/readyz`, when a balancer should look elsewhere: the checks tell what is wrong."""
    return problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        errors.UnavailableError.code,
        "This instance is not ready to serve.",
        request_id,
        facts={"checks": checks},
        headers={hdrs.RETRY_AFTER: "1"},
    )


def problem(
    status: HTTPStatus,
    code: str,
    detail: str,
    request_id: str,
    *,
    facts: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    body = {
        "type": "about:blank", "title": status.phrase, "status": int(status), "detail": detail, "code": code,
        "requestId": request_id, **(facts or {}),
    }  # fmt: skip
    return Answer(status=status, headers=headers, body=json.dumps(body).encode(), content_type=PROBLEM)


def done() -> web.Response:
    """204: there is nothing to say."""
    return Answer(status=HTTPStatus.NO_CONTENT)


def answer(body: BaseModel, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    """What a payload does not hold is left out rather than null."""
    return Answer(
        status=status,
        body=body.model_dump_json(by_alias=True, exclude_none=True).encode(),
        content_type="application/json",
        charset="utf-8",
    )


def stream(request: web.BaseRequest, pieces: AsyncIterator[bytes]) -> web.Response:
    """A document whose pieces are made while it is sent, as fast as its reader takes them.

    What fails on the way ends the connection before the document does, so that nobody takes a part for the whole.
    """
    response = web.Response(body=pieces, content_type="application/json", charset="utf-8")
    if request.version < HttpVersion11:  # no chunks there: the end of the connection is the end of the document
        response.force_close()
    return response


def _violated(policy: ShownPolicy) -> str:
    """The source's own policy when that is full; otherwise the family, which tells nothing about an account."""
    return policy.name if policy.remaining == 0 else policy.name.removesuffix("-source")


def _rate_limit_fields(policy: ShownPolicy) -> dict[str, str]:
    """The syntax of draft-ietf-httpapi-ratelimit-headers: lists of RFC 9651."""
    window, left = int(policy.window.total_seconds()), ceil(policy.resets_in.total_seconds())
    return {
        "RateLimit-Policy": f'"{policy.name}";q={policy.quota};w={window}',
        "RateLimit": f'"{policy.name}";r={policy.remaining};t={left}',
    }


def _whole_seconds(wait: timedelta) -> str:
    return str(max(1, ceil(wait.total_seconds())))

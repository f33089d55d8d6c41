"""The domain's errors on this API: status, wording, header fields and members of the problem document."""

from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from math import ceil
from typing import Any, NamedTuple

from aiohttp import hdrs, web

from service import errors
from service.errors import AuthError
from service.http import problems
from service.http.errors import HttpError
from service.shown_policy import ShownPolicy

QUOTA_EXCEEDED = (
    "https://iana.org/assignments/http-problem-types#quota-exceeded"  # draft-ietf-httpapi-ratelimit-headers
)
WAIT = "Too many attempts. Wait as long as the Retry-After header says, then try again."


class Row(NamedTuple):
    status: HTTPStatus
    detail: str = ""  # replaces the error's own message


REFUSALS: Mapping[type[AuthError], Row] = {
    errors.InvalidFieldsError: Row(HTTPStatus.UNPROCESSABLE_ENTITY),
    errors.InvalidCredentialsError: Row(HTTPStatus.UNAUTHORIZED),
    errors.WrongPasswordError: Row(HTTPStatus.UNAUTHORIZED),
    errors.InvalidTokenError: Row(
        HTTPStatus.UNAUTHORIZED,
        "Authenticate with a valid, unexpired id token or API key. Log in or refresh to get one.",
    ),
    errors.KeyNotAcceptedError: Row(
        HTTPStatus.UNAUTHORIZED,
        "This call takes an id token alone, as `Authorization: Bearer`; it accepts no API key. Log in to get one.",
    ),
    errors.InvalidAdminTokenError: Row(
        HTTPStatus.UNAUTHORIZED,
        "Authenticate with a valid, unexpired admin token, from a network that it may be used from.",
    ),
    errors.InsufficientScopeError: Row(HTTPStatus.FORBIDDEN),
    errors.InvalidRefreshTokenError: Row(HTTPStatus.UNAUTHORIZED),
    errors.InvalidAccessTokenError: Row(
        HTTPStatus.BAD_REQUEST, "The accessToken in the body is not an access token of this service."
    ),
    errors.TokenMismatchError: Row(HTTPStatus.FORBIDDEN),
    errors.InvalidClientError: Row(
        HTTPStatus.UNAUTHORIZED,
        "Authenticate as a resource server: HTTP Basic with a client of the `introspection` settings.",
    ),
    errors.SessionNotFoundError: Row(HTTPStatus.NOT_FOUND),
    errors.UserNotFoundError: Row(HTTPStatus.NOT_FOUND),
    errors.DeliveryNotFoundError: Row(HTTPStatus.NOT_FOUND),
    errors.EmailTakenError: Row(HTTPStatus.CONFLICT),
    errors.IdTakenError: Row(HTTPStatus.CONFLICT),
    errors.SignUpClosedError: Row(HTTPStatus.FORBIDDEN),
    errors.InvalidInvitationError: Row(
        HTTPStatus.FORBIDDEN,
        "A good `invitation` is needed to sign up. This one is missing, wrong, for another address, over, or was used"
        " already: if that was you, log in.",
    ),
    errors.SecondFactorRequiredError: Row(HTTPStatus.UNAUTHORIZED),
    errors.FactorSetupRequiredError: Row(HTTPStatus.UNAUTHORIZED),
    errors.InvalidCodeError: Row(HTTPStatus.UNAUTHORIZED),
    errors.InvalidChallengeError: Row(HTTPStatus.UNAUTHORIZED),
    errors.EmailNotVerifiedError: Row(
        HTTPStatus.FORBIDDEN,
        "Prove your e-mail address first: a mail with a code is on its way. Send the code, or its link's token, and the"
        " password to POST /auth/email/verify.",
    ),
    errors.FactorExistsError: Row(HTTPStatus.CONFLICT),
    errors.FactorNotFoundError: Row(HTTPStatus.NOT_FOUND),
    errors.ApiKeyNotFoundError: Row(HTTPStatus.NOT_FOUND),
    errors.TooManyError: Row(HTTPStatus.CONFLICT),
    errors.NotConfiguredError: Row(HTTPStatus.NOT_IMPLEMENTED),
    errors.RateLimitedError: Row(HTTPStatus.TOO_MANY_REQUESTS, WAIT),
    errors.OverloadedError: Row(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "Too many passwords are waiting to be checked. Try again after the Retry-After header's seconds.",
    ),
    errors.UnavailableError: Row(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "A store does not answer at the moment. Try again after the Retry-After header's seconds.",
    ),
    errors.MisfitError: Row(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "The service cannot answer at the moment. Try again after the Retry-After header's seconds; if this lasts, its"
        " operators find the reason in its log.",
    ),
}


def status_of(refusal: type[AuthError]) -> HTTPStatus:
    return refusal.status if issubclass(refusal, HttpError) else REFUSALS[refusal].status


def detail_of(refusal: type[AuthError]) -> str:
    return refusal.message if issubclass(refusal, HttpError) else REFUSALS[refusal].detail or refusal.message


class Problems:
    """Renders errors as problem documents."""

    def refusal(self, error: AuthError, request_id: str) -> web.Response:
        return _refusal(error, request_id)

    def defect(self, request_id: str) -> web.Response:
        return problems.internal(request_id)

    def name_of(self, _: AuthError | None) -> str:
        return ""


def _refusal(error: AuthError, request_id: str) -> web.Response:
    if isinstance(error, HttpError):
        return problems.of_transport(error, request_id)
    status, detail = status_of(type(error)), detail_of(type(error))
    headers = _headers(error, request_id)
    if status is HTTPStatus.UNAUTHORIZED:
        headers.setdefault(hdrs.WWW_AUTHENTICATE, "Bearer")  # RFC 9110 section 15.5.2
    return problems.problem(status, error.code, detail, request_id, facts=_members(error), headers=headers)


def not_ready(checks: Mapping[str, str], request_id: str) -> web.Response:
    """The response of `/readyz` when balancers should avoid this instance; `checks` holds the reasons."""
    return problems.problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        errors.UnavailableError.code,
        "This instance is not ready to serve.",
        request_id,
        facts={"checks": checks},
        headers={hdrs.RETRY_AFTER: "1"},
    )


def _headers(error: AuthError, request_id: str) -> dict[str, str]:
    match error:
        case errors.InvalidTokenError(presented=True) | errors.InsufficientScopeError():  # RFC 6750 section 3.1
            return {hdrs.WWW_AUTHENTICATE: f'Bearer error="{error.code}"'}
        case errors.InvalidClientError():
            return {hdrs.WWW_AUTHENTICATE: 'Basic realm="tokenhouse", charset="UTF-8"'}
        case errors.RateLimitedError(retry_after=wait, policy=policy):
            return {hdrs.RETRY_AFTER: problems.retry_after(wait)} | _rate_limit_fields(policy)
        case errors.OverloadedError(retry_after=timedelta() as wait) if wait:
            return {hdrs.RETRY_AFTER: problems.retry_after(wait)}
        case errors.OverloadedError() | errors.UnavailableError():
            return {hdrs.RETRY_AFTER: problems.spread_retry_after(request_id)}
        case _:
            return {}


def _members(error: AuthError) -> dict[str, Any]:
    match error:
        case errors.InvalidFieldsError(broken=broken):
            return {"errors": [{"field": one.field, "code": one.code, "message": one.message} for one in broken]}
        case errors.InvalidClientError():
            return problems.oauth_members(error.code, detail_of(type(error)))
        case errors.SecondFactorRequiredError(challenge=challenge, factors=factors, expires_in=expires_in):
            begun = {"challenge": challenge, "expiresIn": int(expires_in.total_seconds())} if challenge else {}
            return {"factors": list(factors), **begun}
        case errors.RateLimitedError(policy=policy):
            return {"type": QUOTA_EXCEEDED} | ({"violated-policies": [_violated(policy)]} if policy else {})
        case _:
            return {}


def _violated(policy: ShownPolicy) -> str:
    """The source's own policy when it is exhausted; otherwise its family, which reveals nothing about an account."""
    return policy.name if policy.remaining == 0 else policy.name.removesuffix("-source")


def _rate_limit_fields(policy: ShownPolicy | None) -> dict[str, str]:
    """The syntax of draft-ietf-httpapi-ratelimit-headers: lists of RFC 9651."""
    if policy is None:
        return {}
    window, left = int(policy.window.total_seconds()), ceil(policy.resets_in.total_seconds())
    return {
        "RateLimit-Policy": f'"{policy.name}";q={policy.quota};w={window}',
        "RateLimit": f'"{policy.name}";r={policy.remaining};t={left}',
    }

"""POST / and POST /{poolId}: from `X-Amz-Target` to an operation, and back."""

from itertools import islice

from aiohttp import hdrs, web
from multidict import istr

from service.cognito import discovery
from service.cognito.call import Call
from service.cognito.context import COGNITO, CognitoContext
from service.cognito.errors import CognitoError, invalid_parameter
from service.cognito.operation import CognitoOperation
from service.cognito.operations import OPERATIONS
from service.cognito.refusals import CognitoErrors
from service.cognito.responses import success
from service.cognito.shapes import broken, without_nulls
from service.cognito.signed_operations import SIGNED
from service.http.context import RENDERER, REQUEST_ID, ROUTE_NAME, visitor_of
from service.http.cors import CorsFields
from service.http.overload import EarlyCall, EarlyCallOf
from service.http.request_body import arrived, read_object

TARGET = istr("X-Amz-Target")
SERVICE = "AWSCognitoIdentityProviderService."
MAX_BYTES = 64 * 1024
MOST_FAULTS = 50  # told at once: a body of 64 KiB has room for twenty thousand
CORS = CorsFields(
    may_send="Authorization, Content-Type, X-Amz-Target, X-Amz-User-Agent, Amz-Sdk-Invocation-Id, Amz-Sdk-Request,"
    " Cache-Control, X-Amz-Date, X-Amz-Security-Token, X-Api-Key, X-Request-Id",
    may_read="X-Amzn-RequestId, X-Amzn-ErrorType, X-Request-Id",
)


class CognitoEndpoint:
    """What the application mounts."""

    def __init__(self, context: CognitoContext) -> None:
        self._context = context
        self._paths = "/", f"/{context.settings.pool_id}"

    def mount(self, app: web.Application) -> None:
        app[COGNITO] = self._context
        for path in self._paths:
            app.router.add_route(hdrs.METH_POST, path, answer)
        discovery.mount(app, self._context)

    def cors_fields(self) -> dict[str, CorsFields]:
        return dict.fromkeys(self._paths, CORS)

    def early_calls(self) -> dict[tuple[str, str], EarlyCallOf]:
        return {(hdrs.METH_POST, path): early_call for path in self._paths}


def early_call(request: web.BaseRequest) -> EarlyCall | None:
    """What an overload of passwords may refuse before it is read."""
    operation = OPERATIONS.get(_named(request))
    if operation is None or not _meets_overload(request, operation):
        return None
    return EarlyCall(CognitoErrors(operation), _route(operation))


async def answer(request: web.Request) -> web.Response:
    name = _named(request)
    operation = OPERATIONS.get(name)
    request[RENDERER] = CognitoErrors(operation)
    context = request.app[COGNITO]
    context.services.clock.require_right()
    if operation is None:
        raise _unknown(name)
    request[ROUTE_NAME] = _route(operation)
    if _meets_overload(request, operation):
        context.services.passwords.refuse_if_full(visitor_of(request))
    members = without_nulls(await read_object(request, MAX_BYTES))
    if faults := list(islice(broken(operation.takes, members), MOST_FAULTS)):
        plural = "s" if len(faults) > 1 else ""
        listed = "; ".join(map(str, faults))
        raise invalid_parameter(f"{len(faults)} validation error{plural} detected: {listed}", "broken_constraint")
    return success(await operation.answer(Call.of(request, name, members)), request[REQUEST_ID])


def _meets_overload(request: web.BaseRequest, operation: CognitoOperation) -> bool:
    """Whether a full password queue concerns the call.

    InitiateAuth refreshes tokens too, which hashes nothing: a body that may say so is read first, and a login among
    those is refused when it asks for its place.
    """
    if not operation.hashes or not operation.spared:
        return operation.hashes
    body = arrived(request)
    return body is not None and operation.spared not in body


def _named(request: web.BaseRequest) -> str:
    """The operation that the request names; empty where it names none of this service."""
    target = request.headers.get(TARGET, "")
    return target.removeprefix(SERVICE) if target.startswith(SERVICE) else ""


def _route(operation: CognitoOperation) -> str:
    """In logs and metrics, in place of the path that all operations share."""
    return f"/ {operation.name}"


def _unknown(name: str) -> CognitoError:
    if name in SIGNED:
        return CognitoError("MissingAuthenticationToken", "Missing Authentication Token")
    return CognitoError("UnknownOperation", "")

"""One row of the table of operations, and the guards that give a handler what it stands on."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from service.cognito import clients
from service.cognito.call import Answer, Call
from service.cognito.declared import DECLARED
from service.cognito.errors import invalid_parameter
from service.cognito.inputs import INPUTS
from service.cognito.shapes import Structure
from service.domain.app_clients import AppClient
from service.domain.limits.throttle import CallPolicy
from service.domain.models import Caller

Handler = Callable[[Call], Awaitable[Answer]]
ClientHandler = Callable[[Call, AppClient], Awaitable[Answer]]
MemberHandler = Callable[[Call, Caller], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class CognitoOperation:
    """`hashes`: an overload of passwords refuses it before its body is read, unless that has come and says `spared`."""

    name: str
    answer: Handler
    takes: Structure
    declares: frozenset[str]
    hashes: bool = False
    spared: bytes = b""


def operation(name: str, answer: Handler, *, hashes: bool = False, spared: bytes = b"") -> CognitoOperation:
    return CognitoOperation(name, answer, INPUTS[name], DECLARED[name], hashes, spared)


def client(handler: ClientHandler) -> Handler:
    """With the id of an app client. The handler checks its secret: each flow shows it elsewhere."""

    async def guarded(call: Call) -> Answer:
        return await handler(call, clients.client_of(call))

    return guarded


def user_of_client(handler: ClientHandler) -> Handler:
    """With the id of an app client and, where that has a secret, the SecretHash of Username."""

    async def guarded(call: Call) -> Answer:
        app_client = clients.client_of(call)
        clients.require_secret_hash(app_client, call.text("SecretHash"), call.text("Username"))
        return await handler(call, app_client)

    return guarded


def member_or_session(with_token: MemberHandler, with_session: Handler, counted: CallPolicy | None = None) -> Handler:
    """With a valid access token, `counted` as below, or with the session of a sign-in, which the handler judges."""
    as_member = member(with_token, counted)

    async def guarded(call: Call) -> Answer:
        has_token, has_session = bool(call.text("AccessToken")), bool(call.text("Session"))
        if has_token is has_session:
            raise invalid_parameter("Exactly one of AccessToken and Session must be provided.")
        return await (as_member if has_token else with_session)(call)

    return guarded


def member(handler: MemberHandler, counted: CallPolicy | None = None) -> Handler:
    """With a valid access token, which is checked before anything else. `counted`: by this limit."""

    async def guarded(call: Call) -> Answer:
        sessions = call.services.sessions
        caller = await sessions.authenticate_access(call.text("AccessToken"))
        if counted:
            await sessions.throttle.call(counted, call.visitor, caller)
        return await handler(call, caller)

    return guarded

"""InitiateAuth: the first step of each flow."""

from collections.abc import Awaitable, Callable, Mapping

from service.cognito import srp
from service.cognito.authentication import authentication_result
from service.cognito.call import Answer, Call
from service.cognito.clients import require_secret_hash
from service.cognito.errors import invalid_parameter
from service.cognito.parameters import required
from service.domain.app_clients import AppClient

Parameters = Mapping[str, str]


async def initiate_auth(call: Call, client: AppClient) -> Answer:
    flow = call.text("AuthFlow")
    begin = FLOWS.get(flow)
    if begin is None:
        raise invalid_parameter(f"{flow} is not enabled for the client.")
    return await begin(call, client, call.texts("AuthParameters"))


async def _with_password(call: Call, client: AppClient, given: Parameters) -> Answer:
    username = required(given, "USERNAME")
    require_secret_hash(client, given.get("SECRET_HASH", ""), username)
    password = required(given, "PASSWORD")
    services = call.services
    address = await services.usernames.address_of(username)
    signed_in = await services.login.with_password(address, password, call.visitor, client_id=client.session_client)
    return authentication_result(call, signed_in.tokens, signed_in.refresh_token)


FLOWS: Mapping[str, Callable[[Call, AppClient, Parameters], Awaitable[Answer]]] = {
    "USER_PASSWORD_AUTH": _with_password,
    "USER_SRP_AUTH": srp.begin,
}

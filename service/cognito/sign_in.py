"""InitiateAuth: the first step of each flow."""

from collections.abc import Awaitable, Callable, Mapping

from service.cognito import srp
from service.cognito.call import Answer, Call
from service.cognito.errors import invalid_parameter
from service.cognito.first_steps import FIRST_STEPS, ask_for_choice, log_in
from service.cognito.refreshing import refresh_token_auth
from service.cognito.signing_in import Parameters, SigningIn
from service.domain.app_clients import AppClient
from service.domain.sessions.sign_in_sessions import nothing_to_claim


async def initiate_auth(call: Call, client: AppClient) -> Answer:
    flow = call.text("AuthFlow")
    begin = FLOWS.get(flow)
    if begin is None:
        raise invalid_parameter(f"{flow} is not enabled for the client.", "flow_off")
    return await begin(call, client, call.texts("AuthParameters"))


async def _with_password(call: Call, client: AppClient, given: Parameters) -> Answer:
    return await log_in(await SigningIn.of(call, client, given, "PASSWORD"))


async def _with_srp(call: Call, client: AppClient, given: Parameters) -> Answer:
    srp.require_on(call)
    person = await SigningIn.of(call, client, given, "SRP_A")
    await person.require_known()
    return await srp.begin(person, nothing_to_claim)


async def _by_choice(call: Call, client: AppClient, given: Parameters) -> Answer:
    """A way that this service does not offer is answered with those that it does."""
    person = await SigningIn.of(call, client, given)
    preferred = given.get("PREFERRED_CHALLENGE", "")
    first = FIRST_STEPS.get(preferred)
    if preferred and first is None and preferred not in OF_THE_PROTOCOL:
        raise invalid_parameter(f"{preferred} is not a challenge that a user can prefer.", "challenge_off")
    await person.require_known()
    if first is None or not first.is_available(call):
        return await ask_for_choice(person)
    return await first.begin(person, nothing_to_claim)


OF_THE_PROTOCOL = frozenset({"PASSWORD", "PASSWORD_SRP", "EMAIL_OTP", "SMS_OTP", "WEB_AUTHN"})
FLOWS: Mapping[str, Callable[[Call, AppClient, Parameters], Awaitable[Answer]]] = {
    "USER_PASSWORD_AUTH": _with_password,
    "USER_SRP_AUTH": _with_srp,
    "USER_AUTH": _by_choice,
    "REFRESH_TOKEN_AUTH": refresh_token_auth,
    "REFRESH_TOKEN": refresh_token_auth,
}

"""RespondToAuthChallenge: the further steps of a login."""

from collections.abc import Awaitable, Callable, Mapping

from service.cognito import srp
from service.cognito.call import Answer, Call
from service.cognito.errors import invalid_parameter
from service.domain.app_clients import AppClient


async def respond_to_auth_challenge(call: Call, client: AppClient) -> Answer:
    name = call.text("ChallengeName")
    answer = CHALLENGES.get(name)
    if answer is None:
        raise invalid_parameter(f"{name} is not enabled for the client.")
    return await answer(call, client, call.texts("ChallengeResponses"))


CHALLENGES: Mapping[str, Callable[[Call, AppClient, Mapping[str, str]], Awaitable[Answer]]] = {
    "PASSWORD_VERIFIER": srp.finish,
}

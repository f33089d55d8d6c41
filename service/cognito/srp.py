"""USER_SRP_AUTH and PASSWORD_VERIFIER: a client proves that it has the password, and does not send it."""

from collections.abc import Mapping

from service.cognito.authentication import authentication_result
from service.cognito.call import Answer, Call
from service.cognito.clients import require_secret_hash
from service.cognito.errors import CognitoError, invalid_parameter
from service.cognito.parameters import required
from service.domain.app_clients import AppClient
from service.domain.events.security_events import Reason
from service.domain.sessions.srp_login import SrpProof
from service.errors import InvalidCredentialsError, InvalidFieldsError

Parameters = Mapping[str, str]


async def begin(call: Call, client: AppClient, given: Parameters) -> Answer:
    """The first step, of any flow that leads to it."""
    _require_on(call)
    username = required(given, "USERNAME")
    require_secret_hash(client, given.get("SECRET_HASH", ""), username)
    value = required(given, "SRP_A")
    try:
        challenge = await call.services.srp.start(username, value, call.visitor, client.session_client)
    except InvalidFieldsError:
        raise invalid_parameter("SRP_A must be a number of the group, in hexadecimal.") from None
    if not challenge.is_known and not call.context.settings.prevent_user_existence_errors:
        raise _nobody()
    return {
        "ChallengeName": "PASSWORD_VERIFIER",
        "ChallengeParameters": {
            "USERNAME": str(challenge.user_id),
            "USER_ID_FOR_SRP": str(challenge.user_id),
            "SALT": challenge.salt,
            "SRP_B": challenge.server_value,
            "SECRET_BLOCK": challenge.block,
        },
    }


async def finish(call: Call, client: AppClient, given: Parameters) -> Answer:
    """The second step. A Session is not needed and not looked at: what it would hold is in the block."""
    _require_on(call)
    username = required(given, "USERNAME")
    require_secret_hash(client, given.get("SECRET_HASH", ""), username)
    proof = SrpProof(
        block=required(given, "PASSWORD_CLAIM_SECRET_BLOCK"),
        timestamp=required(given, "TIMESTAMP"),
        signature=required(given, "PASSWORD_CLAIM_SIGNATURE"),
    )
    try:
        signed_in = await call.services.srp.finish(username, proof, call.visitor, client.session_client)
    except InvalidCredentialsError as wrong:
        if wrong.why == Reason.UNKNOWN_EMAIL and not call.context.settings.prevent_user_existence_errors:
            raise _nobody() from None
        raise
    return authentication_result(call, signed_in.tokens, signed_in.refresh_token)


def _require_on(call: Call) -> None:
    if not call.services.srp.verifiers.is_on:
        raise invalid_parameter("USER_SRP_AUTH is not enabled for the client.")


def _nobody() -> CognitoError:
    return CognitoError("UserNotFound", "User does not exist.")

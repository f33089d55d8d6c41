"""USER_SRP_AUTH and PASSWORD_VERIFIER: a client proves that it has the password, and does not send it.

The challenge has no session: what one would hold is sealed in SECRET_BLOCK, which every client sends back.
"""

from service.cognito.call import Answer, Call
from service.cognito.errors import invalid_parameter
from service.cognito.second_steps import tokens_or_second_step
from service.cognito.signing_in import SigningIn, required
from service.domain.sessions.sign_in_sessions import Claim
from service.domain.sessions.srp_login import SrpProof
from service.errors import InvalidFieldsError

ANSWERS = ("PASSWORD_CLAIM_SECRET_BLOCK", "PASSWORD_CLAIM_SIGNATURE", "TIMESTAMP")


def is_on(call: Call) -> bool:
    return call.services.srp.verifiers.is_on


def require_on(call: Call) -> None:
    """Raises InvalidParameter."""
    if not is_on(call):
        raise invalid_parameter("USER_SRP_AUTH is not enabled for the client.", "flow_off")


async def begin(person: SigningIn, claim: Claim) -> Answer:
    value = required(person.given, "SRP_A")
    try:
        challenge = await person.call.services.srp.start(person.address, value, person.call.visitor, person.client_id)
    except InvalidFieldsError:
        raise invalid_parameter("SRP_A must be a number of the group, in hexadecimal.") from None
    await claim()
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


async def finish(person: SigningIn) -> Answer:
    require_on(person.call)
    block, signature, timestamp = (person.given[name] for name in ANSWERS)
    proof = SrpProof(block=block, timestamp=timestamp, signature=signature)
    login = person.call.services.srp.finish(person.address, proof, person.call.visitor, person.client_id)
    return await tokens_or_second_step(person, login)

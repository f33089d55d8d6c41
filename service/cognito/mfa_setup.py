"""MFA_SETUP: a first authenticator app at the login of a user who must have a second factor.

Its sessions name their user and client themselves: AssociateSoftwareToken and VerifySoftwareToken do not. Each is
good for one step, and holds what the steps before it have come to.
"""

from collections.abc import Awaitable
from typing import TypeVar

from service.cognito.call import Answer, Call
from service.cognito.errors import CognitoError, invalid_parameter
from service.cognito.factors import SOFTWARE_TOKEN, wrong_code
from service.cognito.signing_in import SigningIn
from service.domain.credentials import emails
from service.domain.events.security_events import Reason
from service.domain.sessions.sign_in_sessions import SignInSession, Step
from service.errors import FactorSetupRequiredError, InvalidChallengeError, InvalidCodeError
from service.faults import Fault

CHALLENGE, FIRST, ADDRESS, CLIENT, SECRET, STEP = "challenge", "first", "address", "client", "secret", "step"
ANYBODY = ""
T = TypeVar("T")


def begin(person: SigningIn, error: FactorSetupRequiredError, first: str) -> Answer:
    facts = {
        CHALLENGE: error.challenge,
        FIRST: first,
        ADDRESS: emails.for_look_up(person.address),
        CLIENT: person.client_id,
    }
    parameters = {"MFAS_CAN_SETUP": f'["{SOFTWARE_TOKEN}"]', "USER_ID_FOR_SRP": str(error.user_id)}
    return {
        "ChallengeName": "MFA_SETUP",
        "Session": _session_with(person.call, facts),
        "ChallengeParameters": parameters,
    }


async def associate(call: Call) -> Answer:
    session, services = await _opened(call), call.services
    new, sealed = await _in_time(services.factor_setup.offer(session.facts[CHALLENGE], call.visitor))
    await services.sign_ins.claim(session)
    facts = {name: one for name, one in session.facts.items() if name != STEP} | {SECRET: sealed.hex()}
    return {"SecretCode": new.secret, "Session": _session_with(call, facts)}


async def verify(call: Call) -> Answer:
    session, services = await _opened(call), call.services
    facts = _require(session, SECRET)
    confirmed = services.factor_setup.confirm(
        facts[CHALLENGE], bytes.fromhex(facts[SECRET]), call.text("UserCode"), call.visitor
    )
    try:
        step = await _in_time(confirmed)
    except InvalidCodeError as error:
        raise wrong_code() from error
    await services.sign_ins.claim(session)
    return {"Status": "SUCCESS", "Session": _session_with(call, facts | {STEP: str(step)})}


async def respond(person: SigningIn) -> Answer:
    """With the session of VerifySoftwareToken: the tokens, and from now on each login asks for the app."""
    call, services = person.call, person.call.services
    session = await _opened(call)
    if (session.facts[ADDRESS], session.facts[CLIENT]) != (emails.for_look_up(person.address), person.client_id):
        raise InvalidChallengeError(Fault.FORGED)
    facts = _require(session, STEP)
    await services.sign_ins.claim(session)
    completed = services.factor_setup.complete(
        facts[CHALLENGE],
        bytes.fromhex(facts[SECRET]),
        int(facts[STEP]),
        call.visitor,
        client_id=person.client_id,
        first=facts[FIRST],
    )
    return await person.tokens(_in_time(completed))


async def _opened(call: Call) -> SignInSession:
    """The session that was sent. Raises InvalidParameter or InvalidChallengeError, also when it was used already."""
    if not call.text("Session"):
        raise invalid_parameter("Missing required parameter Session")
    session = call.services.sign_ins.open(call.text("Session"), ANYBODY, ANYBODY, Step.FACTOR_SETUP)
    await call.services.sign_ins.count_try(session)
    return session


def _require(session: SignInSession, step: str) -> dict[str, str]:
    if step not in session.facts:
        raise CognitoError("SoftwareTokenMFANotFound", "No software token was verified in this session.")
    return dict(session.facts)


def _session_with(call: Call, facts: dict[str, str]) -> str:
    return call.services.sign_ins.begin(Step.FACTOR_SETUP, ANYBODY, ANYBODY, facts)


async def _in_time(step: Awaitable[T]) -> T:
    """The sessions follow one another, so a challenge that is gone has expired."""
    try:
        return await step
    except InvalidChallengeError as over:
        if over.why == Reason.UNKNOWN:
            raise InvalidChallengeError(Fault.EXPIRED, user_id=over.user_id) from None
        raise

"""RespondToAuthChallenge: the answers to challenges, each with the session that the challenge came with."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from service.cognito import mfa_setup, srp
from service.cognito.call import Answer, Call
from service.cognito.errors import CognitoError, invalid_parameter, not_authorized
from service.cognito.first_steps import FIRST_STEPS, log_in
from service.cognito.second_steps import CHALLENGE, FIRST, tokens_or_second_step
from service.cognito.signing_in import SigningIn
from service.domain.app_clients import AppClient
from service.domain.credentials import emails
from service.domain.events.security_events import Reason
from service.domain.second_factors.models import Proof
from service.domain.sessions.email_login import EMAIL
from service.domain.sessions.models import SignedIn
from service.domain.sessions.sign_in_sessions import SignInSession, Step
from service.errors import InvalidChallengeError, InvalidCodeError

WRONG_CODE = "Invalid code received for user"
WRONG_MAILED_CODE = "Invalid code or auth state for the user."
USED_CODE = "Your software token has already been used once."
WRONG_PASSKEY = "Incorrect username or password."


@dataclass(frozen=True, slots=True)
class ChallengeAnswer:
    """`needs`: the responses besides USERNAME."""

    take: Callable[[SigningIn], Awaitable[Answer]]
    needs: tuple[str, ...] = ()


async def respond_to_auth_challenge(call: Call, client: AppClient) -> Answer:
    name = call.text("ChallengeName")
    challenge = CHALLENGES.get(name)
    if challenge is None:
        raise invalid_parameter(f"{name} is not enabled for the client.", "challenge_off")
    return await challenge.take(await SigningIn.of(call, client, call.texts("ChallengeResponses"), *challenge.needs))


async def _choice(person: SigningIn) -> Answer:
    answer = person.given["ANSWER"]
    claim = await person.claim_of(Step.CHOICE)
    first = FIRST_STEPS.get(answer)
    if first is None or not first.is_available(person.call):
        raise invalid_parameter(f"{answer} is not available to the user.", "challenge_off")
    return await first.begin(person, claim)


async def _password(person: SigningIn) -> Answer:
    return await log_in(person, await person.claim_of(Step.PASSWORD))


async def _software_token(person: SigningIn) -> Answer:
    """A code of the app, or a recovery code in its place."""
    session = person.session(Step.SECOND_FACTOR)
    try:
        return await person.tokens(_second_factor(person, session, Proof(person.given["SOFTWARE_TOKEN_MFA_CODE"])))
    except InvalidCodeError as wrong:
        if wrong.why == Reason.CODE_OVER:
            raise CognitoError("ExpiredCode", USED_CODE, cause=wrong) from None
        raise CognitoError("CodeMismatch", WRONG_CODE, cause=wrong) from None


async def _email_code(person: SigningIn) -> Answer:
    """After too many wrong codes the right one is as wrong: another code has to be asked for."""
    session = person.session(Step.EMAIL_CODE)
    login = person.call.services.email_login.with_code(
        session, person.address, person.given["EMAIL_OTP_CODE"], person.call.visitor, person.client_id
    )
    try:
        return await tokens_or_second_step(person, login, EMAIL)
    except (InvalidCodeError, InvalidChallengeError) as wrong:
        if isinstance(wrong, InvalidChallengeError) and wrong.why != Reason.CHALLENGE_OVER:
            raise
        raise CognitoError("CodeMismatch", WRONG_MAILED_CODE, cause=wrong) from None


async def _passkey(person: SigningIn) -> Answer:
    """As the only factor or as the second one. Its own challenge is good once, so the session is as well."""
    credential = _document(person.given["CREDENTIAL"])
    session = person.session(Step.PASSKEY, Step.SECOND_FACTOR)
    try:
        if session.step is Step.SECOND_FACTOR:
            return await person.tokens(_second_factor(person, session, Proof(credential=credential)))
        services = person.call.services
        await services.sign_ins.claim(session)
        account = emails.for_look_up(person.address)
        login = services.login.with_passkey(credential, person.call.visitor, person.client_id, account=account)
        return await person.tokens(login)
    except InvalidCodeError as wrong:
        raise not_authorized(WRONG_PASSKEY, wrong) from None


async def _second_factor(person: SigningIn, session: SignInSession, proof: Proof) -> SignedIn:
    """The session is used up with the challenge that it holds, which only a right answer removes early."""
    login, facts = person.call.services.login, session.facts
    try:
        return await login.with_challenge(
            facts[CHALLENGE], proof, person.call.visitor, person.client_id, first=facts[FIRST]
        )
    except InvalidChallengeError as over:
        if over.why == Reason.UNKNOWN:
            raise InvalidChallengeError(Reason.REUSED, user_id=over.user_id) from None
        raise


def _document(text: str) -> Mapping[str, Any]:
    try:
        credential = json.loads(text)
    except (ValueError, RecursionError):
        credential = None
    if not isinstance(credential, dict):
        raise invalid_parameter("CREDENTIAL must be a JSON object.")
    return credential


CHALLENGES: Mapping[str, ChallengeAnswer] = {
    "SELECT_CHALLENGE": ChallengeAnswer(_choice, ("ANSWER",)),
    "PASSWORD": ChallengeAnswer(_password, ("PASSWORD",)),
    "PASSWORD_VERIFIER": ChallengeAnswer(srp.finish, srp.ANSWERS),
    "SOFTWARE_TOKEN_MFA": ChallengeAnswer(_software_token, ("SOFTWARE_TOKEN_MFA_CODE",)),
    "MFA_SETUP": ChallengeAnswer(mfa_setup.respond),
    "EMAIL_OTP": ChallengeAnswer(_email_code, ("EMAIL_OTP_CODE",)),
    "WEB_AUTHN": ChallengeAnswer(_passkey, ("CREDENTIAL",)),
}

"""The challenge that asks for a second factor."""

import json
from collections.abc import Awaitable

from service.cognito.call import Answer
from service.cognito.signing_in import SigningIn
from service.domain.second_factors.models import Factor
from service.domain.second_factors.second_factors import PASSWORD
from service.domain.sessions.models import SignedIn
from service.domain.sessions.sign_in_sessions import Step
from service.errors import SecondFactorRequiredError

CHALLENGE, FIRST = "challenge", "first"  # facts of a session: the domain's challenge, and the factor that was shown
DEVICE = "Authenticator app"  # apps have no names here


async def tokens_or_second_step(person: SigningIn, login: Awaitable[SignedIn], first: str = PASSWORD) -> Answer:
    """What the first factor leads to."""
    try:
        return await person.tokens(login)
    except SecondFactorRequiredError as error:
        return await _second_step(person, error, first)


async def _second_step(person: SigningIn, error: SecondFactorRequiredError, first: str) -> Answer:
    """An app is asked for where there is one, and where recovery codes alone are left: those are typed in its place."""
    parameters = {"USER_ID_FOR_SRP": str(error.user_id)}
    if Factor.TOTP in error.factors or Factor.PASSKEY not in error.factors:
        name, parameters = "SOFTWARE_TOKEN_MFA", parameters | {"FRIENDLY_DEVICE_NAME": DEVICE}
    else:
        name, parameters = "WEB_AUTHN", parameters | await passkey_options(person)
    facts = {CHALLENGE: error.challenge, FIRST: first}
    return person.ask(name, Step.SECOND_FACTOR, parameters, facts=facts, at_most=error.expires_in)


async def passkey_options(person: SigningIn) -> dict[str, str]:
    """For the browser: the same for everybody. Raises TooManyRequests."""
    options = await person.call.services.passkeys.begin_login(person.call.visitor)
    return {"CREDENTIAL_REQUEST_OPTIONS": json.dumps(options, separators=(",", ":"))}

"""The ways to sign in that USER_AUTH offers, as PREFERRED_CHALLENGE and ANSWER name them."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from service.cognito import delivery, srp
from service.cognito.call import Answer, Call
from service.cognito.second_steps import passkey_options, tokens_or_second_step
from service.cognito.signing_in import SigningIn
from service.domain.sessions.sign_in_sessions import Claim, Step, nothing_to_claim


@dataclass(frozen=True, slots=True)
class FirstStep:
    """`begin` claims the session that the way was chosen with, last of all: a refusal leaves it good.

    `is_available` goes by the settings, never by the user: the list must not tell who has an account.
    """

    begin: Callable[[SigningIn, Claim], Awaitable[Answer]]
    is_available: Callable[[Call], bool]


async def ask_for_choice(person: SigningIn) -> Answer:
    available = [name for name, step in FIRST_STEPS.items() if step.is_available(person.call)]
    return person.ask("SELECT_CHALLENGE", Step.CHOICE) | {"AvailableChallenges": available}


async def log_in(person: SigningIn, claim: Claim = nothing_to_claim) -> Answer:
    """With the password that was given."""
    login = person.call.services.login.with_password(
        person.address, person.given["PASSWORD"], person.call.visitor, client_id=person.client_id, claim=claim
    )
    return await tokens_or_second_step(person, login)


async def _password(person: SigningIn, claim: Claim) -> Answer:
    """Signs in at once with PASSWORD."""
    if person.given.get("PASSWORD"):
        return await log_in(person, claim)
    await claim()
    return person.ask("PASSWORD", Step.PASSWORD)


async def _email_code(person: SigningIn, claim: Claim) -> Answer:
    facts = await person.call.services.email_login.ask(person.address, person.call.visitor)
    await claim()
    sent_to = delivery.details(person.call, person.given["USERNAME"])["Destination"]
    parameters = {"CODE_DELIVERY_DELIVERY_MEDIUM": "EMAIL", "CODE_DELIVERY_DESTINATION": sent_to}
    return person.ask("EMAIL_OTP", Step.EMAIL_CODE, parameters, facts=facts)


async def _passkey(person: SigningIn, claim: Claim) -> Answer:
    options = await passkey_options(person)
    await claim()
    return person.ask("WEB_AUTHN", Step.PASSKEY, options)


FIRST_STEPS: Mapping[str, FirstStep] = {
    "PASSWORD": FirstStep(_password, lambda _: True),
    "PASSWORD_SRP": FirstStep(srp.begin, srp.is_on),
    "EMAIL_OTP": FirstStep(_email_code, lambda call: call.services.email_login.is_available),
    "WEB_AUTHN": FirstStep(_passkey, lambda call: call.services.login.passkeys is not None),
}

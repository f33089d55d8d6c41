"""Signing in by Cognito's protocol, step by step, at one instance or at several on the same stores."""

import base64
import hmac
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.cognito.conftest import Ground
from tests.conftest import Client, OnFakes
from tests.domain.test_killed_half_way import Mortal, instance
from tests.support.cognito import CognitoClient, CognitoFailure, Refused
from tests.support.postbox import MAIL, Postbox, prove

SECRET = "secretsecretsecretsecret24"
WEB = {"clients": f"web:{SECRET}"}  # an app client with a secret
UNKNOWN = "nobody@example.com"
INVALID = Refused("NotAuthorized", "Invalid session for the user.")
EXPIRED = Refused("NotAuthorized", "Invalid session for the user, session is expired.")
USED = Refused("NotAuthorized", "Invalid session for the user, session can only be used once.")
WRONG = Refused("NotAuthorized", "Incorrect username or password.")
WRONG_MAILED_CODE = Refused("CodeMismatch", "Invalid code or auth state for the user.")
WRONG_CODE = Refused("CodeMismatch", "Invalid code received for user")
MAILED = {"mail": MAIL}

Person = dict[str, Any]
Answer = dict[str, Any]


def secret_hash(username: str, client_id: str = "web", secret: str = SECRET) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), (username + client_id).encode(), "sha256")).decode()


async def respond(cognito: CognitoClient, name: str, session: str, /, **responses: str) -> Answer:
    return await cognito.call(
        "RespondToAuthChallenge",
        ClientId=cognito.client_id,
        ChallengeName=name,
        Session=session,
        ChallengeResponses=responses,
    )


async def refusal(call: Awaitable[Any]) -> Refused:
    """Of a call that must be refused, with status 400."""
    with pytest.raises(CognitoFailure) as failure:
        await call
    assert failure.value.status == 400, failure.value
    return Refused(failure.value.kind, failure.value.message)


async def outcome(call: Awaitable[Answer]) -> Answer | Refused:
    """For calls in parallel."""
    try:
        return await call
    except CognitoFailure as failure:
        return Refused(failure.kind, failure.message)


async def a_reader_of_mails(ground: Ground, **fields: object) -> Person:
    """Somebody whose address is proved."""
    person = await ground.client.sign_up(**fields)
    prove(ground.fakes.users, person)
    return person


async def mailed_code(ground: Ground) -> str:
    """The code of the only mail with a code to sign in that waits."""
    letters = [one for one in await Postbox(ground.fakes.application).collect() if one.template == "sign_in"]
    (letter,) = letters
    return letter.values["code"]


def another(code: str) -> str:
    return f"{(int(code) + 1) % 10**8:08}"


class Elsewhere:
    """Another instance on the same stores, whose round trips are counted."""

    def __init__(self, client: Client, mortal: Mortal, client_id: str) -> None:
        self.client = client
        self.cognito = CognitoClient(client.http, client_id=client_id)
        self._mortal = mortal

    async def trips(self, call: Callable[[CognitoClient], Awaitable[object]]) -> int:
        before = self._mortal.steps
        await call(self.cognito)
        return self._mortal.steps - before


async def elsewhere(
    fakes: OnFakes, serve: Callable[..., Awaitable[Client]], client_id: str = "tokenhouse"
) -> Elsewhere:
    mortal = Mortal(10**6, after=True)
    application = instance(fakes, mortal)
    await application.open()
    return Elsewhere(await serve(application), mortal, client_id)

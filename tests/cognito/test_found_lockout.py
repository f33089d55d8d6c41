"""Found by attack: strangers keep an owner out who signs in by mailed codes."""

import json
from typing import Any

from tests.cognito.conftest import Ground, MakeGround
from tests.support.cognito import SERVICE
from tests.support.postbox import Postbox
from tests.support.sign_ins import MAILED, a_reader_of_mails, mailed_code


async def send(ground: Ground, source: str, operation: str, **members: Any) -> dict[str, Any]:
    body = json.dumps({"ClientId": "tokenhouse"} | members).encode()
    answer = await ground.cognito.send(
        f"{SERVICE}.{operation}", body, **({"X-Forwarded-For": source} if source else {})
    )
    return dict(await answer.json(content_type=None))


async def ask(ground: Ground, source: str, email: str) -> str:
    begun = await send(
        ground,
        source,
        "InitiateAuth",
        AuthFlow="USER_AUTH",
        AuthParameters={"USERNAME": email, "PREFERRED_CHALLENGE": "EMAIL_OTP"},
    )
    return str(begun["Session"])


async def answer(ground: Ground, source: str, email: str, session: str, code: str) -> dict[str, Any]:
    responses = {"USERNAME": email, "EMAIL_OTP_CODE": code}
    return await send(
        ground,
        source,
        "RespondToAuthChallenge",
        ChallengeName="EMAIL_OTP",
        Session=session,
        ChallengeResponses=responses,
    )


async def test_the_owner_of_a_known_source_signs_in_by_mail_whatever_strangers_type(make_ground: MakeGround) -> None:
    """T03: throttling cannot lock out the owner. A code is good with its own session alone: nothing is guessed of it."""
    ground = await make_ground(**MAILED, throttle={"exempt": []}, server={"trusted_proxies": ["127.0.0.0/8"]})
    person = await a_reader_of_mails(ground)
    email, home = str(person["email"]), "203.0.113.7"
    session = await ask(ground, home, email)
    assert "AuthenticationResult" in await answer(ground, home, email, session, await mailed_code(ground))
    for number in (1, 2, 3):
        source = f"198.51.100.{number}"
        strange = await ask(ground, source, email)
        for _ in range(4):
            await answer(ground, source, email, strange, "00000000")
    await Postbox(ground.fakes.application).collect()
    ground.fakes.ambient.advance(minutes=1)
    session = await ask(ground, home, email)
    code = await mailed_code(ground)
    assert "AuthenticationResult" in (told := await answer(ground, home, email, session, code)), told


async def test_sessions_that_anybody_may_use_up_have_a_limit_by_source(make_ground: MakeGround) -> None:
    """Each choice that is made leaves a key in Redis for minutes. Nothing of it costs a hash, a mail or a failed login."""
    ground = await make_ground(**MAILED, throttle={"exempt": []})
    refused = 0
    for _ in range(400):
        begun = await send(
            ground, "", "InitiateAuth", AuthFlow="USER_AUTH", AuthParameters={"USERNAME": "x@example.com"}
        )
        if "Session" not in begun:
            refused += 1
            continue
        await send(
            ground,
            "",
            "RespondToAuthChallenge",
            ChallengeName="SELECT_CHALLENGE",
            Session=begun["Session"],
            ChallengeResponses={"USERNAME": "x@example.com", "ANSWER": "PASSWORD"},
        )
    keys = await ground.fakes.redis.dbsize()
    assert refused or keys < 400, keys

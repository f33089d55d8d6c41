"""Found by attack: strangers keep an owner out who signs in by mailed codes."""

import json
from typing import Any

from tests.cognito.conftest import Ground, MakeGround
from tests.support.cognito import SERVICE
from tests.support.sign_ins import MAILED


async def send(ground: Ground, source: str, operation: str, **members: Any) -> dict[str, Any]:
    body = json.dumps({"ClientId": "tokenhouse"} | members).encode()
    answer = await ground.cognito.send(
        f"{SERVICE}.{operation}", body, **({"X-Forwarded-For": source} if source else {})
    )
    return dict(await answer.json(content_type=None))


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

"""Signing in while the password queue is full, or while a store is away."""

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from service.domain.models import Visitor
from service.errors import OverloadedError
from tests.cognito.conftest import Ground, MakeGround
from tests.support.builders import PASSWORD
from tests.support.cognito import CognitoFailure, Refused
from tests.support.sign_ins import USED, outcome, refusal, respond

RATE = Refused("TooManyRequests", "Rate exceeded")


def fill(ground: Ground) -> None:
    """Take every place of the password queue."""
    for number in range(10_000):
        source = f"198.51.{number // 250}.{number % 250}"
        try:
            ground.fakes.application.passwords.reserve(Visitor(source), source).__enter__()
        except OverloadedError:
            return


async def test_an_overload_of_passwords_refuses_passwords_and_no_refresh(make_ground: MakeGround) -> None:
    ground = await make_ground(passwords={"workers": 1, "engine": "wheel", "max_wait": "1ms"})
    person = await ground.client.sign_up()
    tokens = await ground.cognito.log_in(person["email"], PASSWORD)
    asked = await ground.cognito.initiate("USER_AUTH", USERNAME=person["email"], PREFERRED_CHALLENGE="PASSWORD")
    fill(ground)
    assert await refusal(ground.cognito.log_in(person["email"], PASSWORD)) == RATE
    answer = respond(ground.cognito, "PASSWORD", asked["Session"], USERNAME=person["email"], PASSWORD=PASSWORD)
    assert await refusal(answer) == RATE
    for flow in ("REFRESH_TOKEN_AUTH", "REFRESH_TOKEN"):
        assert await ground.cognito.initiate(flow, REFRESH_TOKEN=tokens["RefreshToken"])


@pytest.mark.parametrize(
    "operation", ["InitiateAuth", "RespondToAuthChallenge", "GetTokensFromRefreshToken", "RevokeToken"]
)
async def test_a_store_that_is_away_is_an_outage_and_never_a_refusal(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    person = await ground.client.sign_up()
    tokens = await ground.client.log_in(person)
    me = {"USERNAME": person["email"], "PASSWORD": PASSWORD}
    asked = await ground.cognito.initiate("USER_AUTH", USERNAME=person["email"], PREFERRED_CHALLENGE="PASSWORD")
    client_id = {"ClientId": "tokenhouse"}
    sent = {
        "InitiateAuth": {"AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": me},
        "RespondToAuthChallenge": {
            "ChallengeName": "PASSWORD",
            "Session": asked["Session"],
            "ChallengeResponses": me,
        },
        "GetTokensFromRefreshToken": {"RefreshToken": tokens["refreshToken"]},
        "RevokeToken": {"Token": tokens["refreshToken"]},
    }[operation]

    async def fail(*_: object, **__: object) -> None:
        raise RedisConnectionError

    with monkeypatch.context() as patch:
        patch.setattr("service.stores.scripts.Scripts.run", fail)
        with pytest.raises(CognitoFailure) as failure:
            await ground.cognito.call(operation, **client_id, **sent)
        assert (failure.value.status, failure.value.kind) == (503, "InternalError")
    assert await ground.cognito.call(operation, **client_id, **sent) is not None


async def test_an_outage_that_comes_after_the_session_was_used_lets_the_retry_begin_again(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = await ground.client.sign_up()
    asked = await ground.cognito.initiate("USER_AUTH", USERNAME=person["email"], PREFERRED_CHALLENGE="PASSWORD")
    me = {"USERNAME": person["email"], "PASSWORD": PASSWORD}

    async def fail(*_: object, **__: object) -> None:
        raise RedisConnectionError

    with monkeypatch.context() as patch:
        patch.setattr("service.stores.sessions.RedisSessions.open", fail)
        said = await outcome(respond(ground.cognito, "PASSWORD", asked["Session"], **me))
        assert isinstance(said, Refused)
        assert said.kind == "InternalError"
    assert await refusal(respond(ground.cognito, "PASSWORD", asked["Session"], **me)) == USED
    assert await ground.cognito.log_in(person["email"], PASSWORD)

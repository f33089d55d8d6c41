"""SRP on real stores: an unmodified pycognito, two instances, and the command that removes what it needs."""

import asyncio
import warnings
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.conftest import Client, Instances
from tests.support.builders import PASSWORD
from tests.support.cognito import CognitoClient, CognitoFailure
from tests.support.databases import Command
from tests.support.ports import free_port
from tests.support.srp import POOL, SrpClient

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of its libraries
    from pycognito import Cognito

ON: dict[str, Any] = {"enabled": True, "srp": True}


def pycognito(client: Client, username: str) -> Any:
    """A user of the library, as its documentation makes one."""
    keys = {"aws_access_key_id": "none", "aws_secret_access_key": "none"}
    more = {"endpoint_url": f"http://127.0.0.1:{client.port}"} | keys
    return Cognito(POOL, "tokenhouse", username=username, boto3_client_kwargs=more)


async def authenticate(user: Any, password: str) -> None:
    def run() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it asks a deprecated clock
            user.authenticate(password=password)

    await asyncio.to_thread(run)


async def test_an_unmodified_pycognito_signs_in_and_verifies_what_it_gets(instances: Instances) -> None:
    port = free_port()
    issuer = f"http://127.0.0.1:{port}/{POOL}"
    (client,) = await instances(1, server={"port": port}, tokens={"issuer": issuer}, cognito=ON)
    person = await client.sign_up()
    user = await asyncio.to_thread(pycognito, client, person["email"])
    await authenticate(user, PASSWORD)
    assert user.id_claims["sub"] == user.access_claims["sub"] == person["userId"]
    assert (await client.me({"idToken": user.id_token})).status == 200
    with pytest.raises(user.client.exceptions.NotAuthorizedException, match="Incorrect username or password"):
        await authenticate(user, "WrongPass1!")


async def test_of_parallel_uses_of_one_block_at_two_instances_one_signs_in(instances: Instances) -> None:
    one, other = await instances(2, cognito=ON)
    person = await one.sign_up()
    attempt = SrpClient(person["email"], PASSWORD, datetime.now(UTC))
    faces = [CognitoClient(client.http) for client in (one, other)]
    begun = await faces[0].initiate("USER_SRP_AUTH", **attempt.parameters)
    responses = attempt.answer(begun["ChallengeParameters"])
    answers = await asyncio.gather(
        *(face.respond("PASSWORD_VERIFIER", **responses) for face in faces * 3), return_exceptions=True
    )
    assert sorted(isinstance(answer, CognitoFailure) for answer in answers) == [False] + [True] * 5


async def test_verifiers_outlive_a_restart_and_are_of_no_use_while_the_setting_is_off(instances: Instances) -> None:
    (first,) = await instances(1, cognito=ON)
    person = await first.sign_up()
    off, again = (await instances(1, cognito=ON | {"srp": False}))[0], (await instances(1, cognito=ON))[0]
    attempt = SrpClient(person["email"], PASSWORD, datetime.now(UTC))
    with pytest.raises(CognitoFailure, match="USER_SRP_AUTH is not enabled"):
        await CognitoClient(off.http).initiate("USER_SRP_AUTH", **attempt.parameters)
    begun = await CognitoClient(again.http).initiate("USER_SRP_AUTH", **attempt.parameters)
    responses = attempt.answer(begun["ChallengeParameters"])
    assert await CognitoClient(again.http).respond("PASSWORD_VERIFIER", **responses)


async def test_one_command_removes_all_verifiers_and_the_doctor_asks_for_it(
    instances: Instances, command: Command
) -> None:
    (client,) = await instances(1, cognito=ON)
    person = await client.sign_up()
    await client.sign_up()
    said = (await command("doctor"))[1]
    assert "off, and verifiers of passwords are stored" in said
    on = {"TOKENHOUSE_COGNITO__ENABLED": "true", "TOKENHOUSE_COGNITO__SRP": "true"}
    refused = await command("srp", "remove", **on)
    assert refused[:2] == (1, "")
    assert "cognito.srp is on" in refused[2]
    await client.log_in(person)
    off = dict.fromkeys(on, "false")
    assert await command("srp", "remove", **off) == (0, "removed: 2 verifiers of passwords\n", "")
    assert "verifiers of passwords are stored" not in (await command("doctor"))[1]
    assert "verifiers_removed" in (await command("audit"))[1]

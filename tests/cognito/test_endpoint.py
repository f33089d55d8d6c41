"""The endpoint before an operation: targets, bodies, shapes, and what every answer carries."""

import json

import pytest

from service.cognito.declared import DECLARED
from service.cognito.inputs import INPUTS
from service.cognito.operations import OPERATIONS
from service.cognito.signed_operations import SIGNED
from tests.cognito.conftest import Ground
from tests.support.cognito import SERVICE, service_model, unsigned_operations


def test_inputs_and_errors_are_declared_for_every_unsigned_operation() -> None:
    assert set(INPUTS) == set(DECLARED) == set(unsigned_operations())
    assert set(OPERATIONS) == set(INPUTS)
    assert set(service_model().operation_names) - set(unsigned_operations()) == SIGNED


async def test_a_password_login_answers_the_tokens_and_get_user_takes_the_access_token(ground: Ground) -> None:
    person = await ground.client.sign_up()
    tokens = await ground.cognito.log_in(person["email"], person["password"])
    user = await ground.cognito.call("GetUser", AccessToken=tokens["AccessToken"])
    attributes = {one["Name"]: one["Value"] for one in user["UserAttributes"]}
    assert (user["Username"], attributes["email"]) == (person["userId"], person["email"])


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        (f"{SERVICE}.Nothing", "UnknownOperationException"),
        ("GetUser", "UnknownOperationException"),
        ("", "UnknownOperationException"),
        (f"{SERVICE}.AdminGetUser", "MissingAuthenticationTokenException"),
    ],
)
async def test_an_unknown_or_signed_operation_is_refused(ground: Ground, target: str, kind: str) -> None:
    answer = await ground.cognito.send(target, b"{}")
    assert (answer.status, answer.headers["x-amzn-ErrorType"]) == (400, kind)
    assert json.loads(await answer.read())["__type"] == kind


async def test_all_faults_of_a_body_are_told_at_once_and_no_password_is_repeated(ground: Ground) -> None:
    refusal = await ground.cognito.refused("InitiateAuth", AuthFlow="MAGIC")
    assert refusal.kind == "InvalidParameter"
    assert refusal.message.startswith("2 validation errors detected: Value 'MAGIC' at 'authFlow' failed to satisfy")
    assert "Value null at 'clientId' failed to satisfy constraint: Member must not be null" in refusal.message

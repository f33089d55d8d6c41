"""What is not here: devices, settings of SMS, and feedback on risks, each in the words of the protocol."""

from typing import Any

import pytest

from tests.cognito.conftest import Ground
from tests.cognito.test_software_tokens import Owner, an_owner

KEY = "eu-central-1_a1b2c3d4-5678-90ab-cdef-000000000000"
FEEDBACK = {
    "UserPoolId": "eu-central-1_tokenhouse",
    "Username": "ada@example.com",
    "EventId": "e-1",
    "FeedbackToken": "x",
    "FeedbackValue": "Valid",
}
OPERATIONS: list[tuple[str, dict[str, Any]]] = [
    ("ConfirmDevice", {"DeviceKey": KEY}),
    ("ForgetDevice", {"DeviceKey": KEY}),
    ("GetDevice", {"DeviceKey": KEY}),
    ("UpdateDeviceStatus", {"DeviceKey": KEY, "DeviceRememberedStatus": "remembered"}),
]


@pytest.fixture
async def owner(ground: Ground) -> Owner:
    return await an_owner(ground)


async def test_there_are_no_devices(owner: Owner) -> None:
    assert await owner.call("ListDevices") == {"Devices": []}
    assert await owner.call("ListDevices", Limit=10) == {"Devices": []}


@pytest.mark.parametrize(("operation", "members"), OPERATIONS)
async def test_a_device_does_not_exist(owner: Owner, operation: str, members: dict[str, Any]) -> None:
    assert await owner.refused(operation, **members) == ("ResourceNotFound", "Device does not exist.")


@pytest.mark.parametrize(
    ("operation", "members"), [*OPERATIONS, ("ListDevices", {}), ("SetUserSettings", {"MFAOptions": []})]
)
async def test_an_access_token_is_asked_for_first(owner: Owner, operation: str, members: dict[str, Any]) -> None:
    refusal = await owner.ground.cognito.refused(operation, AccessToken=owner.tokens["IdToken"], **members)
    assert refusal == ("NotAuthorized", "Invalid Access Token")


@pytest.mark.parametrize("operation", ["ForgetDevice", "GetDevice"])
async def test_where_the_model_does_not_require_an_access_token_it_is_asked_for_all_the_same(
    owner: Owner, operation: str
) -> None:
    refusal = await owner.ground.cognito.refused(operation, DeviceKey=KEY)
    assert refusal == ("NotAuthorized", "Invalid Access Token")


async def test_settings_of_sms_set_nothing(owner: Owner) -> None:
    options = [{"DeliveryMedium": "SMS", "AttributeName": "phone_number"}]
    assert await owner.call("SetUserSettings", MFAOptions=options) == {}
    assert "MFAOptions" not in await owner.call("GetUser")


async def test_feedback_needs_threat_protection(ground: Ground) -> None:
    assert (await ground.cognito.refused("UpdateAuthEventFeedback", **FEEDBACK))[0] == "UserPoolAddOnNotEnabled"
    kind, _ = await ground.cognito.refused("UpdateAuthEventFeedback", **FEEDBACK | {"FeedbackValue": "Perhaps"})
    assert kind == "InvalidParameter"

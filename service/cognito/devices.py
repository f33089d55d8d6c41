"""Devices are not remembered: passkeys are what a user has instead. Nor are there settings of SMS, nor risk."""

from service.cognito.call import Answer, Call
from service.cognito.errors import CognitoError
from service.domain.models import Caller


async def all_of(_: Call, __: Caller) -> Answer:
    return {"Devices": []}


async def unknown(_: Call, __: Caller) -> Answer:
    raise CognitoError("ResourceNotFound", "Device does not exist.")


async def settings(_: Call, __: Caller) -> Answer:
    """The protocol keeps it for old clients; it has set nothing for long."""
    return {}


async def feedback(_: Call) -> Answer:
    raise CognitoError("UserPoolAddOnNotEnabled", "Threat protection is not enabled for this user pool.")

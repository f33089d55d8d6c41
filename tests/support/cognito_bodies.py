"""A well-formed body for every operation, so that what is refused is refused for what it says."""

from collections.abc import Mapping
from typing import Any

from service.cognito.inputs import INPUTS
from service.cognito.shapes import Document, Flag, ListOf, Number, Structure, Text, Texts

MEMBERS: dict[str, Any] = {
    "AttributeName": "email",
    "AuthFlow": "USER_PASSWORD_AUTH",
    "ChallengeName": "SOFTWARE_TOKEN_MFA",
    "ClientId": "tokenhouse",
    "Code": "12345678",
    "ConfirmationCode": "12345678",
    "DeviceKey": "eu-central-1_0123",
    "DeviceRememberedStatus": "remembered",
    "EventId": "event-1",
    "FeedbackToken": "x.y.z",
    "FeedbackValue": "Valid",
    "MFAOptions": [],
    "SessionId": "tkn" + "a" * 25,
    "SoftwareTokenMfaSettings": {"Enabled": False},
    "UserAttributeNames": ["family_name"],
    "UserAttributes": [{"Name": "given_name", "Value": "Augusta"}],
    "UserCode": "123456",
    "UserPoolId": "eu-central-1_tokenhouse",
}
NOT_THE_OWN = {  # because the member has signed up, and is confirmed
    "ConfirmSignUp": "nobody@example.com",
    "ResendConfirmationCode": "nobody@example.com",
    "SignUp": "new@example.com",
}


def well_formed(operation: str, person: Mapping[str, Any], tokens: Mapping[str, str]) -> dict[str, Any]:
    """Of a member who holds these tokens (an AuthenticationResult)."""
    own: dict[str, Any] = {
        "AccessToken": tokens["AccessToken"],
        "AuthParameters": {"USERNAME": person["email"], "PASSWORD": person["password"]},
        "ChallengeResponses": {"USERNAME": person["userId"], "SOFTWARE_TOKEN_MFA_CODE": "123456"},
        "Password": "Another-Pass2!",
        "PreviousPassword": person["password"],
        "ProposedPassword": "Another-Pass2!",
        "RefreshToken": tokens["RefreshToken"],
        "Token": tokens["RefreshToken"],
        "Username": NOT_THE_OWN.get(operation, person["email"]),
    }
    known = MEMBERS | own
    if operation == "SignUp":
        known |= {"UserAttributes": [{"Name": "email", "Value": "new@example.com"}]}
    takes = INPUTS[operation]
    members = {name: known.get(name, any_value(shape)) for name, shape in takes.members.items() if name in known}
    return members | {name: any_value(takes.members[name]) for name in takes.required - members.keys()}


def any_value(shape: object) -> Any:
    match shape:
        case Text():
            return shape.choices[0] if shape.choices else "x" * max(shape.least, 1)
        case Number():
            return shape.most
        case Flag():
            return False
        case ListOf():
            return []
        case Texts() | Document() | Structure():
            return {}
        case _:
            raise TypeError(type(shape).__name__)

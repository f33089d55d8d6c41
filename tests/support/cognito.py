"""A client of Cognito's protocol that checks every answer against the service model of botocore."""

import json
from functools import cache
from typing import Any, NamedTuple

import botocore.session
import pytest
from aiohttp import ClientResponse, ClientSession
from botocore.model import OperationModel, ServiceModel, Shape

SERVICE = "AWSCognitoIdentityProviderService"
MEDIA_TYPE = "application/x-amz-json-1.1"
UNDECLARED = {  # what the protocol itself answers before there is an operation
    "SerializationException",
    "UnknownOperationException",
    "MissingAuthenticationTokenException",
    "RequestEntityTooLargeException",
}
WITHOUT_BODY = {"DeleteUser", "ForgetDevice"}


@cache
def service_model() -> ServiceModel:
    return botocore.session.get_session().get_service_model("cognito-idp")


def unsigned_operations() -> list[str]:
    model = service_model()
    return [name for name in model.operation_names if model.operation_model(name).auth_type == "none"]


class CognitoFailure(Exception):  # noqa: N818 - a refusal, as the client sees it
    """`kind` is the error's name without `Exception`."""

    def __init__(self, kind: str, message: str, status: int) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind, self.message, self.status = kind, message, status


class Refused(NamedTuple):
    kind: str
    message: str


class CognitoClient:
    """Calls operations at one endpoint. Every answer is checked: status, headers, shape, declared errors."""

    def __init__(self, http: ClientSession, path: str = "/", client_id: str = "tokenhouse") -> None:
        self._http = http
        self._path = path
        self.client_id = client_id

    async def send(self, target: str, body: bytes, **headers: str) -> ClientResponse:
        sent = {"X-Amz-Target": target, "Content-Type": MEDIA_TYPE} | headers
        return await self._http.post(self._path, data=body, headers=sent)

    async def call(self, operation: str, /, **members: Any) -> dict[str, Any]:
        """The operation's answer. Raises CognitoFailure."""
        answer = await self.send(f"{SERVICE}.{operation}", json.dumps(members).encode())
        return await checked(operation, answer)

    async def refused(self, operation: str, /, **members: Any) -> Refused:
        """The refusal of a call that must be refused, with status 400."""
        with pytest.raises(CognitoFailure) as refusal:
            await self.call(operation, **members)
        assert refusal.value.status == 400, refusal.value
        return Refused(refusal.value.kind, refusal.value.message)

    async def initiate(self, flow: str, /, **parameters: str) -> dict[str, Any]:
        return await self.call("InitiateAuth", AuthFlow=flow, ClientId=self.client_id, AuthParameters=parameters)

    async def respond(self, challenge: str, /, **responses: str) -> dict[str, Any]:
        return await self.call(
            "RespondToAuthChallenge", ChallengeName=challenge, ClientId=self.client_id, ChallengeResponses=responses
        )

    async def log_in(self, username: str, password: str) -> dict[str, Any]:
        """The AuthenticationResult of USER_PASSWORD_AUTH."""
        answer = await self.initiate("USER_PASSWORD_AUTH", USERNAME=username, PASSWORD=password)
        return dict(answer["AuthenticationResult"])


async def checked(operation: str, answer: ClientResponse) -> dict[str, Any]:
    body = await answer.read()
    assert answer.headers["x-amzn-RequestId"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.content_type == MEDIA_TYPE
    model = service_model().operation_model(operation)
    if answer.status == 200:
        assert "x-amzn-ErrorType" not in answer.headers
        if operation in WITHOUT_BODY:
            assert body == b""
            return {}
        members = json.loads(body)
        if model.output_shape is not None:
            require_shape(model.output_shape, members, operation)
        return dict(members)
    failure = json.loads(body)
    name = answer.headers["x-amzn-ErrorType"]
    assert failure == {"__type": name, "message": failure["message"]}
    assert name in UNDECLARED | _declared(model), f"{operation} does not declare {name}"
    assert answer.status == (
        400 if name not in ("InternalErrorException", "RequestEntityTooLargeException") else answer.status
    )
    raise CognitoFailure(name.removesuffix("Exception"), failure["message"], answer.status)


SIMPLE: dict[str, type | tuple[type, ...]] = {"boolean": bool, "integer": int, "timestamp": (int, float), "string": str}


def require_shape(shape: Shape, value: Any, path: str) -> None:
    """Asserts that the value has the shape's members, types, enums and required members, and no others."""
    match shape.type_name:
        case "structure":
            _require_structure(shape, value, path)
        case "list":
            assert isinstance(value, list), path
            for one in value:
                require_shape(shape.member, one, path)
        case "map":
            assert isinstance(value, dict), path
            for one in value.values():
                require_shape(shape.value, one, path)
        case simple:
            assert isinstance(value, SIMPLE[simple]), path
            assert not getattr(shape, "enum", ()) or value in shape.enum, f"{path}: {value}"


def _require_structure(shape: Shape, value: Any, path: str) -> None:
    assert isinstance(value, dict), path
    if shape.is_document_type:
        return
    assert set(value) <= set(shape.members), f"{path}: {set(value) - set(shape.members)}"
    assert set(shape.required_members) <= set(value), f"{path} lacks a member"
    for name, one in value.items():
        require_shape(shape.members[name], one, f"{path}.{name}")


def _declared(model: OperationModel) -> set[str]:
    return {shape.name for shape in model.error_shapes}

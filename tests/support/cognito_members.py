"""Somebody with an account, on both doors, and the mails that reach them."""

from dataclasses import dataclass, field
from typing import Any

from tests.cognito.conftest import Ground
from tests.support.builders import PASSWORD, sign_up_body
from tests.support.cognito import CognitoClient, Refused
from tests.support.postbox import Postbox

NEW = "Another-Pass2!"
MISMATCH = Refused("CodeMismatch", "Invalid verification code provided, please try again.")
EXPIRED = Refused("ExpiredCode", "Invalid code provided, please request a code again.")
LIMITED = Refused("LimitExceeded", "Attempt limit exceeded, please try after some time.")
WRONG = Refused("NotAuthorized", "Incorrect username or password.")


def another(code: str) -> str:
    """A code that is not this one."""
    return f"{(int(code) + 1) % 10**8:08}"


def pairs(**attributes: str | None) -> list[dict[str, str]]:
    """A list of attributes; None: without a value."""
    named = {name.replace("__", ":"): value for name, value in attributes.items()}
    return [{"Name": name} | ({} if value is None else {"Value": value}) for name, value in named.items()]


@dataclass
class Somebody:
    ground: Ground
    email: str = field(default_factory=lambda: str(sign_up_body()["email"]))
    access: str = ""

    def __post_init__(self) -> None:
        self.postbox = Postbox(self.ground.fakes.application)

    @property
    def cognito(self) -> CognitoClient:
        return self.ground.cognito

    async def sign_up(self, **members: Any) -> dict[str, Any]:
        return await self.of_client("SignUp", Password=PASSWORD, **members)

    async def log_in(self, password: str = PASSWORD) -> str:
        self.access = (await self.cognito.log_in(self.email, password))["AccessToken"]
        return self.access

    async def of_client(self, operation: str, **members: Any) -> dict[str, Any]:
        named = {"ClientId": self.cognito.client_id, "Username": self.email} | members
        return await self.cognito.call(operation, **named)

    async def refused_client(self, operation: str, **members: Any) -> Refused:
        named = {"ClientId": self.cognito.client_id, "Username": self.email} | members
        return await self.cognito.refused(operation, **named)

    async def call(self, operation: str, **members: Any) -> dict[str, Any]:
        return await self.cognito.call(operation, AccessToken=self.access, **members)

    async def refused(self, operation: str, **members: Any) -> Refused:
        return await self.cognito.refused(operation, AccessToken=self.access, **members)

    async def attributes(self) -> dict[str, str]:
        return {one["Name"]: one["Value"] for one in (await self.call("GetUser"))["UserAttributes"]}

    async def code(self) -> str:
        """Of the only mail that is new."""
        return (await self.postbox.one()).values["code"]

    async def log_in_elsewhere(self, password: str = PASSWORD) -> int:
        """At /auth/login."""
        answer = await self.ground.client.post("/auth/login", {"email": self.email, "password": password})
        return answer.status

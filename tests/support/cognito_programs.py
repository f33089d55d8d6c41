"""Programs that were written for Amazon Cognito, as they are installed: each does a person's verbs at one endpoint.

The verbs and what they answer are the same for all: `log_in` and `answer` give `access` and `id`, or the name of a `challenge`.
"""

import asyncio
import json
import os
import re
import sys
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import botocore.exceptions
import pycognito
import pycognito.exceptions
from botocore import UNSIGNED, xform_name
from botocore.config import Config

from tests.conftest import ROOT
from tests.support import nodejs
from tests.support.cognito import require_shape, service_model
from tests.support.waiting import PATIENCE

NODE_FILES = ROOT / "tests" / "e2e" / "node" / "cognito"
REGION = "eu-central-1"
CLI_ERROR = re.compile(r"An error occurred \((\w+)\) when calling the \w+ operation[^:]*: (.*)")
PROGRAMS = ("boto3", "cli", "sdk", "amplify", "identity", "amplify-srp", "identity-srp", "pycognito")
BY_SRP = ("amplify-srp", "identity-srp", "pycognito")  # which the setting `cognito.srp` is for
NO_CONFIGURATION = {  # of whoever runs the tests
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}

Answers = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a program is pointed at."""

    endpoint: str
    pool: str = "eu-central-1_tokenhouse"
    client: str = "tokenhouse"


class ProgramRefusal(Exception):  # noqa: N818 - a refusal, as the program names it
    """`kind`: the class of the error that the program raised."""

    def __init__(self, kind: str, said: str) -> None:
        super().__init__(f"{kind}: {said}")
        self.kind, self.said = kind, said


class Program(ABC):
    @abstractmethod
    async def do(self, verb: str, **given: str) -> Answers:
        """Raises ProgramRefusal."""


class ByOperations(Program):
    """A program that calls operations one by one, and keeps the tokens as its user would."""

    def __init__(self, place: Place) -> None:
        self._client = place.client
        self._tokens: Answers = {}
        self._session = self._username = ""

    @abstractmethod
    async def call(self, operation: str, **members: Any) -> Answers:
        """The operation's output. Raises ProgramRefusal."""

    async def do(self, verb: str, **given: str) -> Answers:
        done: Answers = await getattr(self, f"_{verb}")(**given)
        return done

    async def _sign_up(self, email: str, password: str, given_name: str) -> Answers:
        attributes = [{"Name": "email", "Value": email}, {"Name": "given_name", "Value": given_name}]
        done = await self.call(
            "SignUp", ClientId=self._client, Username=email, Password=password, UserAttributes=attributes
        )
        return {"id": done["UserSub"]}

    async def _log_in(self, username: str, password: str) -> Answers:
        self._username = username
        given = {"USERNAME": username, "PASSWORD": password}
        return self._after(
            await self.call("InitiateAuth", ClientId=self._client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=given)
        )

    async def _answer(self, code: str) -> Answers:
        given = {"USERNAME": self._username, "SOFTWARE_TOKEN_MFA_CODE": code}
        return self._after(
            await self.call(
                "RespondToAuthChallenge",
                ClientId=self._client,
                ChallengeName="SOFTWARE_TOKEN_MFA",
                Session=self._session,
                ChallengeResponses=given,
            )
        )

    def _after(self, done: Answers) -> Answers:
        if not done.get("AuthenticationResult"):
            self._session = done["Session"]
            return {"challenge": done["ChallengeName"]}
        self._tokens |= done["AuthenticationResult"]
        return {"access": self._tokens["AccessToken"], "id": self._tokens["IdToken"]}

    async def _member(self, operation: str, **members: Any) -> Answers:
        return await self.call(operation, AccessToken=self._tokens["AccessToken"], **members)

    async def _user(self) -> Answers:
        user = await self._member("GetUser")
        attributes = {one["Name"]: one["Value"] for one in user["UserAttributes"]}
        return {"id": user["Username"], "attributes": attributes, "preferred": user.get("PreferredMfaSetting", "")}

    async def _update(self, name: str, value: str) -> Answers:
        return await self._member("UpdateUserAttributes", UserAttributes=[{"Name": name, "Value": value}])

    async def _associate(self) -> Answers:
        return {"secret": (await self._member("AssociateSoftwareToken"))["SecretCode"]}

    async def _enrol(self, code: str) -> Answers:
        assert (await self._member("VerifySoftwareToken", UserCode=code))["Status"] == "SUCCESS"
        return await self._member(
            "SetUserMFAPreference", SoftwareTokenMfaSettings={"Enabled": True, "PreferredMfa": True}
        )

    async def _refresh(self) -> Answers:
        given = {"ClientId": self._client, "RefreshToken": self._tokens["RefreshToken"]}
        return self._after(await self.call("GetTokensFromRefreshToken", **given))

    async def _change_password(self, old: str, password: str) -> Answers:
        return await self._member("ChangePassword", PreviousPassword=old, ProposedPassword=password)

    async def _forgot(self, username: str) -> Answers:
        done = await self.call("ForgotPassword", ClientId=self._client, Username=username)
        return {"destination": done["CodeDeliveryDetails"]["Destination"]}

    async def _reset(self, username: str, code: str, password: str) -> Answers:
        given = {"Username": username, "ConfirmationCode": code, "Password": password}
        return await self.call("ConfirmForgotPassword", ClientId=self._client, **given)

    async def _sign_out_everywhere(self) -> Answers:
        return await self._member("GlobalSignOut")

    async def _delete(self) -> Answers:
        return await self._member("DeleteUser")


class Boto3(ByOperations):
    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._boto = boto3.client(
            "cognito-idp", region_name=REGION, endpoint_url=place.endpoint, config=Config(signature_version=UNSIGNED)
        )

    async def call(self, operation: str, **members: Any) -> Answers:
        try:
            done = await asyncio.to_thread(getattr(self._boto, xform_name(operation)), **members)
        except botocore.exceptions.ClientError as error:
            raise ProgramRefusal(error.response["Error"]["Code"], error.response["Error"]["Message"]) from None
        about = done.pop("ResponseMetadata")
        assert about["RequestId"]
        model = service_model().operation_model(operation).output_shape
        if model is not None:
            require_shape(model, done, operation)
        return dict(done)


class Cli(ByOperations):
    """The AWS CLI: a process for each call."""

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        program = str(Path(sys.executable).parent / "aws")
        self._to = (
            program,
            "--endpoint-url",
            place.endpoint,
            "--region",
            REGION,
            "--no-sign-request",
            "--output",
            "json",
        )

    async def call(self, operation: str, **members: Any) -> Answers:
        words = (xform_name(operation, "-"), "--cli-input-json", json.dumps(members))
        process = await asyncio.create_subprocess_exec(
            *self._to,
            "cognito-idp",
            *words,
            env=os.environ | NO_CONFIGURATION,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said, complaint = await process.communicate()
        if process.returncode:
            refusal = CLI_ERROR.search(complaint.decode())
            assert refusal, complaint.decode()
            raise ProgramRefusal(refusal[1], refusal[2])
        return dict(json.loads(said)) if said.strip() else {}


class OnNode(Program):
    """A process of its own that is told a verb a line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def do(self, verb: str, **given: Any) -> Answers:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps([verb, given]).encode() + b"\n")
        async with asyncio.timeout(PATIENCE):
            line = await self._process.stdout.readline()
        assert line, "the program has ended"
        said = json.loads(line)
        if "refused" in said:
            raise ProgramRefusal(said["refused"], said["said"])
        return dict(said["value"]) if isinstance(said["value"], dict) else {}


class Sdk(ByOperations):
    """The AWS SDK for JavaScript."""

    def __init__(self, place: Place, node: OnNode) -> None:
        super().__init__(place)
        self._node = node

    async def call(self, operation: str, **members: Any) -> Answers:
        return await self._node.do("call", operation=operation, members=members)


class Pycognito(Program):
    """It logs in by SRP alone, and verifies every token that it is given."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._own = self._of(None)

    def _of(self, username: str | None) -> Any:
        return pycognito.Cognito(
            self._place.pool,
            self._place.client,
            user_pool_region=REGION,
            username=username,
            boto3_client_kwargs={"endpoint_url": self._place.endpoint, "config": Config(signature_version=UNSIGNED)},
        )

    async def do(self, verb: str, **given: str) -> Answers:
        try:
            return dict(await asyncio.to_thread(getattr(self, f"_{verb}"), **given) or {})
        except botocore.exceptions.ClientError as error:
            raise ProgramRefusal(error.response["Error"]["Code"], error.response["Error"]["Message"]) from None

    def _sign_up(self, email: str, password: str, given_name: str) -> Answers:
        self._own.set_base_attributes(email=email, given_name=given_name)
        return {"id": self._own.register(email, password)["UserSub"]}

    def _tokens(self) -> Answers:
        return {"access": self._own.access_token, "id": self._own.id_token}

    def _log_in(self, username: str, password: str) -> Answers:
        self._own = self._of(username)
        try:
            self._own.authenticate(password)
        except pycognito.exceptions.SoftwareTokenMFAChallengeException:
            return {"challenge": "SOFTWARE_TOKEN_MFA"}
        return self._tokens()

    def _answer(self, code: str) -> Answers:
        self._own.respond_to_software_token_mfa_challenge(code)
        return self._tokens()

    def _user(self) -> Answers:
        said = self._own.client.get_user(AccessToken=self._own.access_token)
        assert self._own.get_user().sub == said["Username"]
        attributes = {one["Name"]: one["Value"] for one in said["UserAttributes"]}
        return {"id": said["Username"], "attributes": attributes, "preferred": said.get("PreferredMfaSetting", "")}

    def _update(self, name: str, value: str) -> None:
        self._own.update_profile({name: value})

    def _associate(self) -> Answers:
        return {"secret": self._own.associate_software_token()}

    def _enrol(self, code: str) -> None:
        assert self._own.verify_software_token(code, "phone")
        self._own.set_user_mfa_preference(sms_mfa=False, software_token_mfa=True, preferred="SOFTWARE_TOKEN")

    def _refresh(self) -> Answers:
        self._own.renew_access_token()
        return self._tokens()

    def _change_password(self, old: str, password: str) -> None:
        self._own.change_password(old, password)

    def _forgot(self, username: str) -> None:
        self._own = self._of(username)
        self._own.initiate_forgot_password()

    def _reset(self, username: str, code: str, password: str) -> None:
        assert self._own.username == username
        self._own.confirm_forgot_password(code, password)

    def _sign_out_everywhere(self) -> None:
        self._own.logout()

    def _delete(self) -> None:
        self._own.delete_user()


@asynccontextmanager
async def program(name: str, place: Place) -> AsyncIterator[Program]:
    """Skips the test where node or its packages cannot be had."""
    async with AsyncExitStack() as closing:
        match name.split("-"):
            case ["boto3"]:
                yield Boto3(place)
            case ["cli"]:
                yield Cli(place)
            case ["pycognito"]:
                yield Pycognito(place)
            case ["sdk"]:
                node = await closing.enter_async_context(_on_node("sdk", [place.endpoint]))
                yield Sdk(place, node)
            case [name, *way]:
                flow = "USER_SRP_AUTH" if way else "USER_PASSWORD_AUTH"
                pointed = [place.endpoint, place.pool, place.client, flow]
                yield await closing.enter_async_context(_on_node(name, pointed))


@asynccontextmanager
async def _on_node(name: str, arguments: Sequence[str]) -> AsyncIterator[OnNode]:
    home = await asyncio.to_thread(nodejs.home, "cognito", NODE_FILES.iterdir())
    process = await asyncio.create_subprocess_exec(
        "node",
        home / f"{name}.mjs",
        *arguments,
        env=os.environ | NO_CONFIGURATION,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield OnNode(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()

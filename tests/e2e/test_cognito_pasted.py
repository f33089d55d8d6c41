"""The lines of docs/cognito.md do what the page says when they are pasted, and `make run` prints lines that work."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import yaml

from service.commands import dev
from service.embedded import Stores
from service.settings import load
from tests.conftest import ROOT
from tests.e2e.test_pasted_lines import pasted
from tests.support import nodejs
from tests.support.cognito_programs import NO_CONFIGURATION, NODE_FILES
from tests.support.ports import free_port
from tests.support.processes import running, wait_for
from tests.support.waiting import PATIENCE

PAGE = (ROOT / "docs" / "cognito.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SECTION = re.compile(r"^#{2,3} ", re.MULTILINE)
HERE = "http://127.0.0.1:8080"
USER_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def blocks(title: str, language: str) -> list[str]:
    """The code of that language below that title."""
    [section] = [one for one in SECTION.split(PAGE) if one.startswith(f"{title}\n")]
    return [code for named, code in BLOCK.findall(section) if named == language]


@dataclass(frozen=True)
class DevInstance:
    port: int
    welcome: str

    def pointed(self, code: str) -> str:
        return code.replace("127.0.0.1:8080", f"127.0.0.1:{self.port}")

    async def runs(self, *words: str, **environment: str) -> str:
        """What a command prints, which must be well."""
        process = await asyncio.create_subprocess_exec(
            *words,
            env=os.environ
            | NO_CONFIGURATION
            | {
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                "AWS_DEFAULT_REGION": "eu-central-1",
            }
            | environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(PATIENCE):
            said, complaint = await process.communicate()
        assert process.returncode == 0, complaint.decode()
        return str(said, "utf-8")

    async def python(self, code: str, **environment: str) -> str:
        return await self.runs(sys.executable, "-c", self.pointed(code), **environment)

    async def node(self, name: str, code: str, **environment: str) -> str:
        home = await asyncio.to_thread(nodejs.home, "cognito", NODE_FILES.iterdir())
        script = home / "node_modules" / f".{name}.mjs"  # whose imports are looked for beside it
        script.write_text(self.pointed(code))
        return await self.runs("node", str(script), **environment)

    async def shell(self, code: str, **environment: str) -> str:
        return await self.runs("bash", "-ec", self.pointed(code), **environment)

    async def sign_up(self, email: str = "ada@example.com") -> None:
        body = f'{{"email":"{email}","password":"SecurePass1!","firstName":"Ada","lastName":"Lovelace"}}'
        await self.shell(f"curl -sf {HERE}/auth/signup -H 'Content-Type: application/json' -d '{body}'")


@asynccontextmanager
async def dev_instance(place: Path, **settings: str) -> AsyncIterator[DevInstance]:
    port = free_port()
    here = {"TOKENHOUSE_DEV_DIR": str(place / "home"), "TOKENHOUSE_PASSWORDS__BCRYPT_ROUNDS": "4"} | settings
    with running("dev", **here, PORT=str(port)) as process:
        await asyncio.to_thread(wait_for, port, "/readyz", 200, process)
        yield DevInstance(port, await asyncio.to_thread(welcome_of, process))


def welcome_of(process: Any) -> str:
    said: str = ""
    for line in process.stdout:
        said += line
        if "authFlowType" in line or "curl -s" in line:
            return said
    raise AssertionError(said)


async def test_each_client_of_the_page_logs_in_as_it_is_pasted(tmp_path: Path) -> None:
    async with dev_instance(tmp_path) as instance:
        await instance.sign_up()
        [line] = blocks("AWS CLI", "sh")
        assert '"TokenType": "Bearer"' in await instance.shell(line)
        for title in ("Amplify (JavaScript, v6)", "amazon-cognito-identity-js", "AWS SDK for JavaScript, v3"):
            [code] = blocks(title, "js")
            assert USER_ID.search(await instance.node("pasted", code)), title


async def test_boto3_as_it_is_pasted(tmp_path: Path) -> None:
    async with dev_instance(tmp_path) as instance:
        [code] = blocks("boto3", "python")
        assert USER_ID.fullmatch((await instance.python(code)).strip())


async def test_the_environment_alone_points_boto3_the_cli_and_the_sdk_here(tmp_path: Path) -> None:
    async with dev_instance(tmp_path) as instance:
        await instance.sign_up()
        [line] = blocks("Without touching the code", "sh")
        name, _, value = instance.pointed(line).strip().removeprefix("export ").partition("=")
        [told] = blocks("AWS CLI", "sh")
        without = told.replace("--endpoint-url http://127.0.0.1:8080 ", "")
        assert without != told
        assert '"TokenType": "Bearer"' in await instance.shell(without, **{name: value})
        code = (
            "import boto3; print(boto3.client('cognito-idp').initiate_auth(ClientId='tokenhouse', AuthFlow='USER_PASSWORD_AUTH',"
            " AuthParameters={'USERNAME': 'ada@example.com', 'PASSWORD': 'SecurePass1!'})['AuthenticationResult']['TokenType'])"
        )
        assert await instance.python(code, **{name: value}) == "Bearer\n"
        [sdk] = blocks("AWS SDK for JavaScript, v3", "js")
        unpointed = sdk.replace(f', endpoint: "{HERE}"', "")
        assert unpointed != sdk
        assert USER_ID.search(await instance.node("environment", unpointed, **{name: value}))


async def test_pycognito_as_it_is_pasted(tmp_path: Path) -> None:
    [start] = blocks("pycognito, and Home Assistant", "sh")
    said = dict(re.findall(r"(TOKENHOUSE_\w+)=(\S+)", start))
    port = free_port()
    said = {name: value.replace("127.0.0.1:8080", f"127.0.0.1:{port}") for name, value in said.items()}
    here = {"TOKENHOUSE_DEV_DIR": str(tmp_path / "home"), "TOKENHOUSE_PASSWORDS__BCRYPT_ROUNDS": "4", "PORT": str(port)}
    with running("dev", **here, **said) as process:
        await asyncio.to_thread(wait_for, port, "/readyz", 200, process)
        instance = DevInstance(port, "")
        await instance.sign_up()
        [code] = blocks("pycognito, and Home Assistant", "python")
        assert USER_ID.fullmatch((await instance.python(code)).strip())


async def test_users_are_seeded_and_codes_are_read_as_they_are_pasted(tmp_path: Path) -> None:
    async with dev_instance(tmp_path) as instance:
        seeds, forgotten = await pasted(instance.port, *blocks("A test double for CI", "sh"))
        assert len(USER_ID.findall(seeds)) == 3
        assert '"DeliveryMedium":"EMAIL"' in forgotten
        assert forgotten.endswith("{}\n")


def test_the_compose_file_of_the_page_is_one() -> None:
    [text] = blocks("A test double for CI", "yaml")
    services: Mapping[str, Any] = yaml.safe_load(text)["services"]
    assert services["tests"]["network_mode"] == "service:cognito"
    assert services["cognito"]["command"] == ["make", "run"]
    assert "/readyz" in services["cognito"]["healthcheck"]["test"][-1]


async def test_make_run_prints_lines_that_point_boto3_and_amplify_at_it(tmp_path: Path) -> None:
    async with dev_instance(tmp_path) as instance:
        await instance.sign_up()
        lines = [line.strip() for line in instance.welcome.splitlines()]
        [boto] = [line.partition("   #")[0] for line in lines if line.startswith("boto3.client(")]
        given = "AuthParameters={'USERNAME': 'ada@example.com', 'PASSWORD': 'SecurePass1!'}"
        code = f"import boto3; print({boto}.initiate_auth(ClientId='tokenhouse', AuthFlow='USER_PASSWORD_AUTH', {given}).keys())"
        assert "AuthenticationResult" in await instance.python(code)
        amplify = [line for line in lines if line.startswith(("Amplify.configure", "await signIn"))]
        assert len(amplify) == 2
        told = ['import { Amplify } from "aws-amplify"; import { signIn } from "aws-amplify/auth";']
        told += ['const username = "ada@example.com", password = "SecurePass1!";', amplify[0]]
        told += [amplify[1].replace("await signIn", "const done = await signIn"), "console.log(done.isSignedIn);"]
        assert await instance.node("welcome", "\n".join(told)) == "true\n"


def test_the_environment_or_a_client_id_that_does_not_fit_keeps_it_off(
    embedded: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert dev._pinned(load(), embedded, tmp_path)["cognito"] == {"enabled": True}
    with monkeypatch.context() as patched:
        patched.setenv("TOKENHOUSE_TOKENS__CLIENT_ID", "no-such-client")
        assert "cognito" not in dev._pinned(load(), embedded, tmp_path)
    monkeypatch.setenv("TOKENHOUSE_COGNITO__ENABLED", "false")
    assert "cognito" not in dev._pinned(load(), embedded, tmp_path)


async def test_switched_off_make_run_does_not_speak_of_it(tmp_path: Path) -> None:
    async with dev_instance(tmp_path, TOKENHOUSE_COGNITO__ENABLED="false") as instance:
        assert "Cognito" not in instance.welcome

        def asked() -> int:
            try:
                with urlopen(f"http://127.0.0.1:{instance.port}/", data=b"{}") as answer:
                    return int(answer.status)
            except OSError as error:
                return int(getattr(error, "code", 0))

        assert await asyncio.to_thread(asked) == 405  # the front page, which takes nothing

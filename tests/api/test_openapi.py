"""The OpenAPI document: its examples work in the order in which it shows them, and it tells what the calls answer."""

import json
import tomllib
from typing import Any

import pytest
from aiohttp import ClientResponse
from openapi_schema_validator import OAS31Validator

from service.api.api_key_schemas import MakeNamedKey
from service.api.description import Tag
from service.api.examples import (
    BODIES,
    CHALLENGE,
    CODE,
    EMAIL,
    KEY_ID,
    MAIL_CODE,
    MAIL_TOKEN,
    PASSWORD,
    REFRESH_TOKEN,
    SESSION_ID,
    TOKEN,
)
from service.api.header_descriptions import HEADERS
from service.api.openapi import document, error_codes, refusals_of
from service.api.problems import status_of
from service.api.routes import OPERATIONS
from service.api.schemas import Message
from service.broken_fields import FieldCode
from service.domain.mail.models import Letter
from service.domain.operations.readiness import ReadinessReport
from service.http.schema import Schema
from tests.conftest import ROOT, Client, MakeOnFakes, OnFakes, bearer
from tests.support import passkeys
from tests.support import second_factors as second
from tests.support.authenticators import SETTINGS, Authenticator
from tests.support.postbox import MAIL, Postbox, token_of
from tests.support.resource_servers import KNOWN, basic
from tests.support.second_factors import App

DOCUMENT: dict[str, Any] = json.loads(document(OPERATIONS))
SHOWN = [(path, method, said) for path, item in DOCUMENT["paths"].items() for method, said in item.items()]
ROWS = {(one.method, one.path): one for one in OPERATIONS}
PROBLEM = "application/problem+json"


def schema_of(part: dict[str, Any]) -> OAS31Validator:
    return OAS31Validator(part["schema"] | {"components": DOCUMENT["components"]})


def codes_of(answer: dict[str, Any]) -> set[str]:
    """The codes that a documented refusal allows."""
    name = answer["content"][PROBLEM]["schema"]["$ref"].rpartition("/")[2]
    return set(DOCUMENT["components"]["schemas"][name]["allOf"][1]["properties"]["code"]["enum"])


def test_each_message_is_that_of_its_call() -> None:
    rows = [one for one in OPERATIONS if one.about.returns.body is Message]
    said = [one.about.returns.message for one in rows]
    assert all(said)
    assert len(set(said)) == len(rows)
    for one in rows:
        answer = DOCUMENT["paths"][one.path][one.method.lower()]["responses"][str(int(one.about.returns.status))]
        assert answer["content"]["application/json"]["example"] == {"message": one.about.returns.message}


def test_a_login_that_asks_for_a_second_factor_shows_its_challenge_and_no_other_call_does() -> None:
    shown = {
        (path, method): one["value"].keys() & {"factors", "challenge", "expiresIn"}
        for path, method, said in SHOWN
        for status, answer in said["responses"].items()
        if status >= "400"
        for name, one in answer["content"][PROBLEM]["examples"].items()
        if name == "second_factor_required"
    }
    assert shown.pop(("/auth/login", "post")) == {"factors", "challenge", "expiresIn"}
    assert shown
    assert all(members == {"factors"} for members in shown.values())


def test_tags_stand_in_the_order_of_use_and_each_call_has_one() -> None:
    names = [tag.value[0] for tag in Tag if tag is not Tag.ADMINISTRATION]
    assert [tag["name"] for tag in DOCUMENT["tags"]] == names
    assert all(tag["description"] for tag in DOCUMENT["tags"])
    firsts = [next(said["tags"][0] for said in item.values()) for item in DOCUMENT["paths"].values()]
    assert [names.index(name) for name in firsts] == sorted(names.index(name) for name in firsts)
    four = [path for path, _, said in SHOWN if said["tags"] == ["Sign in"]]
    assert four == ["/auth/signup", "/auth/login", "/auth/refresh", "/auth/logout"]


@pytest.mark.parametrize(("path", "method", "said"), SHOWN, ids=lambda value: value if isinstance(value, str) else "")
def test_each_call_says_what_it_is_for_and_shows_an_example_of_each_body(
    path: str, method: str, said: dict[str, Any]
) -> None:
    assert said["summary"]
    assert said["description"]
    bodies = list(said.get("requestBody", {}).get("content", {}).values())
    bodies += [
        part
        for status, answer in said["responses"].items()
        if status < "400"
        for part in answer.get("content", {}).values()
    ]
    for part in bodies:
        schema_of(part).validate(part["example"])
    for status, answer in said["responses"].items():
        assert answer["headers"]["X-Request-Id"]["required"]
        if status >= "400":
            examples = answer["content"][PROBLEM]["examples"]
            assert set(examples) == codes_of(answer)
            for name, one in examples.items():
                schema_of(answer["content"][PROBLEM]).validate(one["value"])
                assert (one["value"]["code"], one["value"]["status"]) == (name, int(status))
    for parameter in said.get("parameters", ()):
        assert parameter["in"] != "path" or parameter["example"]


def test_the_codes_of_each_call_are_those_that_its_row_may_raise() -> None:
    for path, method, said in SHOWN:
        expected: dict[str, set[str]] = {"500": {"internal"}}
        for refusal in refusals_of(ROWS[method.upper(), path]):
            expected.setdefault(str(int(status_of(refusal))), set()).add(refusal.code)
        assert {status: codes_of(answer) for status, answer in said["responses"].items() if status >= "400"} == expected
    schemas = DOCUMENT["components"]["schemas"]
    assert schemas["Problem"]["properties"]["code"]["enum"] == error_codes()
    assert set(schemas["FieldCode"]["enum"]) == {str(code) for code in FieldCode}


def test_an_example_of_a_request_is_what_the_call_reads() -> None:
    for shape, example in BODIES.items():
        assert issubclass(shape, Schema)
        assert (
            shape.model_validate_json(json.dumps(example)).model_dump(mode="json", by_alias=True, exclude_none=True)
            == example
        )


def test_the_version_is_that_of_the_release() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert DOCUMENT["info"]["version"] == project["version"]


class Tryer:
    """Somebody who presses *try it* on each call of the page, in turn, and pastes in what the login answered."""

    def __init__(self, client: Client, tokens: dict[str, Any], letter: Letter | None = None) -> None:
        self._client, self._tokens, self._letter = client, tokens, letter

    async def press(self, path: str, method: str, said: dict[str, Any]) -> ClientResponse:
        headers: dict[str, str] = {}
        match [next(iter(scheme), "") for scheme in said.get("security", [])]:
            case ["resourceServer"]:
                headers["Authorization"] = basic()
            case ["idToken", *_]:
                headers = bearer(self._tokens)
        example = next((part["example"] for part in said.get("requestBody", {}).get("content", {}).values()), None)
        for parameter in said.get("parameters", ()):
            if parameter["in"] == "path":
                path = path.replace(f"{{{parameter['name']}}}", self._pasted(parameter["name"], parameter["example"]))
        body = {name: self._pasted(name, value) for name, value in example.items()} if example else None
        return await self._client.http.request(method.upper(), path, json=body, headers=headers)

    def _pasted(self, name: str, value: Any) -> Any:
        """What a person must replace: tokens, ids, codes, and what a passkey answered or a mail says."""
        if name in ("credential", "passkeyId"):
            return self._tokens[name]
        if value in (MAIL_CODE, MAIL_TOKEN):
            assert self._letter
            return self._letter.values["code"] if value == MAIL_CODE else token_of(self._letter)
        if value in (CODE, CHALLENGE):
            return str(self._tokens.get(value, value))
        if value in (SESSION_ID, KEY_ID):
            return str(self._tokens["another" if value == SESSION_ID else "key"])
        return (
            str(self._tokens["refreshToken" if name == "token" else name]) if value in (TOKEN, REFRESH_TOKEN) else value
        )


async def mailed(fakes: OnFakes, path: str, tokens: dict[str, Any]) -> Letter | None:
    """The letter that the call needs, which another call has asked for."""
    postbox, client = Postbox(fakes.application), fakes.client
    if path == "/auth/reset":
        await client.post("/auth/forgot", {"email": EMAIL})
    elif path in ("/auth/email/confirm", "/auth/email/undo"):
        body = {"newEmail": "countess@example.com", "password": PASSWORD}
        assert (await client.post("/auth/email", body, **bearer(tokens))).status == 202
    letters = await postbox.collect()
    if path == "/auth/email/undo":
        assert (await client.post("/auth/email/confirm", {"token": token_of(letters[-1])})).status == 200
        letters = await postbox.collect()
    return letters[-1] if letters else None


# The other calls show a code as well; an account without a second factor does not need it.
ASK_FOR_A_CODE = (
    "/auth/login/challenge",
    "/auth/api-key",
    "/auth/factors",
    "/auth/factors/recovery-codes",
    "/auth/export",
    ("/auth/factors/totp", "delete"),
)


async def with_passkey(client: Client, person: dict[str, Any], tokens: dict[str, Any], path: str) -> dict[str, Any]:
    """What a call on passkeys needs: the answer of a browser, the id of a passkey, a code."""
    if path.startswith("/auth/factors/passkeys") and "{" not in path:
        begun = await (await passkeys.begin(client, person, tokens)).json()
        return {"credential": Authenticator().register(begun)}
    device, added = await passkeys.enrol(client, person, tokens)
    proof = device.prove(await passkeys.options(client))
    return {"credential": proof, "passkeyId": added["passkeyId"], CODE: added["recoveryCodes"][0]}


async def without_factor(fakes: OnFakes, person: dict[str, Any]) -> dict[str, Any]:
    """A login of somebody who must have a second factor and has none, and a code of the app that was begun with."""
    object.__setattr__(fakes.application.login, "requires_factor", True)
    challenge = await second.challenge(fakes.client, person)
    begun = await (await fakes.client.post("/auth/login/totp", {"challenge": challenge})).json()
    return {CHALLENGE: challenge, CODE: App(begun["uri"]).code(fakes.ambient.now())}


async def ready() -> ReadinessReport:
    return ReadinessReport("ok", "ok")


@pytest.mark.parametrize(("path", "method", "said"), SHOWN, ids=lambda value: value if isinstance(value, str) else "")
async def test_what_is_shown_works_when_it_is_tried(
    on_fakes: MakeOnFakes, monkeypatch: pytest.MonkeyPatch, path: str, method: str, said: dict[str, Any]
) -> None:
    fakes = await on_fakes(introspection=KNOWN, mail=MAIL, passkeys=SETTINGS)
    client = fakes.client
    monkeypatch.setattr(fakes.application.readiness, "state", ready)  # a fake of Redis has no configuration to show
    tokens: dict[str, Any] = {}
    if path != "/auth/signup":
        assert (await client.post("/auth/signup", BODIES_OF_SIGNUP)).status == 201
        tokens = await client.log_in({"email": EMAIL, "password": PASSWORD})
        other = await client.log_in({"email": EMAIL, "password": PASSWORD})
        held = (await (await client.get("/auth/sessions", **bearer(other))).json())["sessions"]
        tokens["another"] = next(one["sessionId"] for one in held if one["current"])
        made = await client.post("/auth/api-keys", BODIES[MakeNamedKey], **bearer(tokens))
        tokens["key"] = (await made.json())["keyId"]
        person = {"email": EMAIL, "password": PASSWORD}
        if path == "/auth/factors/totp/confirm":
            begun = await (await second.begin(client, person, tokens)).json()
            tokens[CODE] = App(begun["uri"]).code(fakes.ambient.now())
        elif path.startswith("/auth/login/totp"):
            tokens |= await without_factor(fakes, person)
        elif "/passkey" in path:
            tokens |= await with_passkey(client, person, tokens, path)
        elif path in ASK_FOR_A_CODE or (path, method) in ASK_FOR_A_CODE:
            app = await second.enrol(client, person, tokens, fakes.ambient.now())
            tokens |= {CHALLENGE: await second.challenge(client, person), CODE: app.code(fakes.ambient.now())}
    answer = await Tryer(client, tokens, await mailed(fakes, path, tokens)).press(path, method, said)
    documented = said["responses"][str(answer.status)]
    assert answer.status == int(ROWS[method.upper(), path].about.returns.status), await answer.text()
    for name, header in documented["headers"].items():
        assert name in answer.headers or not header["required"], name
    assert answer.content_type in documented.get("content", {answer.content_type: {}})
    for media_type, part in documented.get("content", {}).items():
        if media_type == "application/json":
            body = await answer.json()
            schema_of(part).validate(body)
            assert set(part["example"]) <= set(body) or path in ("/auth/introspect", "/openapi.json"), path


BODIES_OF_SIGNUP = DOCUMENT["paths"]["/auth/signup"]["post"]["requestBody"]["content"]["application/json"]["example"]


async def test_a_refusal_is_one_that_the_document_tells_of_with_its_header_fields(on_fakes: MakeOnFakes) -> None:
    client = (await on_fakes(throttle={"login_source": "1/1m", "exempt": []})).client
    wrong = {"email": EMAIL, "password": "Wrong-Pass1!"}
    answers = [
        ("/auth/login", await client.post("/auth/login", wrong)),
        ("/auth/login", await client.post("/auth/login", wrong)),
        ("/auth/login", await client.post("/auth/login", {})),
        ("/auth/signup", await client.post("/auth/signup", {"email": "x"})),
        ("/auth/logout", await client.post("/auth/logout", {})),
        ("/auth/introspect", await client.post("/auth/introspect", {})),
    ]
    assert [answer.status for _, answer in answers] == [401, 429, 422, 422, 401, 401]
    for path, answer in answers:
        documented = DOCUMENT["paths"][path]["post"]["responses"][str(answer.status)]
        said = json.loads(await answer.text())
        assert said["code"] in codes_of(documented)
        schema_of(documented["content"][PROBLEM]).validate(said)
        assert all(name in answers[1][1].headers for name in ("RateLimit", "RateLimit-Policy"))


def test_every_header_field_that_is_described_is_used() -> None:
    used = {name for _, _, said in SHOWN for answer in said["responses"].values() for name in answer["headers"]}
    assert used == set(HEADERS)

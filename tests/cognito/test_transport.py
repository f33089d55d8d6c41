"""What holds of every call of the protocol: bodies, header fields, paths, and what is answered where an operation is not reached."""

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientResponse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.cognito.endpoint import MAX_BYTES
from service.cognito.inputs import INPUTS
from service.cognito.operations import OPERATIONS
from service.cognito.shapes import broken
from tests.cognito.conftest import Ground, MakeGround
from tests.conftest import MakeOnFakes, bearer
from tests.support.cognito import MEDIA_TYPE, SERVICE, CognitoClient, CognitoFailure, checked

PAGE = "https://app.example.com"
POOL = "eu-central-1_tokenhouse"
GET_USER = f"{SERVICE}.GetUser"
INITIATE = f"{SERVICE}.InitiateAuth"
OF_SDKS = {
    "content-type",
    "x-amz-target",
    "x-amz-user-agent",
    "amz-sdk-invocation-id",
    "amz-sdk-request",
    "cache-control",
}


async def kind_of(answer: ClientResponse) -> tuple[int, str]:
    """Status and error of a refusal, which says its name twice."""
    said = json.loads(await answer.read())
    assert answer.headers["x-amzn-ErrorType"] == said["__type"]
    assert (answer.content_type, answer.headers["Cache-Control"]) == (MEDIA_TYPE, "no-store")
    return answer.status, said["__type"]


def login_body(person: dict[str, Any], **more: object) -> bytes:
    given = {"USERNAME": person["email"], "PASSWORD": person["password"]}
    return json.dumps(
        {"AuthFlow": "USER_PASSWORD_AUTH", "ClientId": "tokenhouse", "AuthParameters": given} | more
    ).encode()


# --- bodies


def padded(length: int) -> bytes:
    """An InitiateAuth of this many bytes, which a stranger sends."""
    body = login_body({"email": "nobody@example.com", "password": "x"}, Padding="")
    return body.replace(b'"Padding": ""', b'"Padding": "%s"' % (b"x" * (length - len(body))))


async def test_a_body_may_have_64_kib(ground: Ground) -> None:
    assert len(padded(MAX_BYTES)) == 64 * 1024
    assert await kind_of(await ground.cognito.send(INITIATE, padded(MAX_BYTES))) == (400, "NotAuthorizedException")


@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_a_longer_body_is_too_large_whatever_it_says_of_its_length(ground: Ground, framing: str) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b" " * (16 * 1024)

    body: Any = chunks() if framing == "chunked" else padded(MAX_BYTES + 1)
    answer = await ground.cognito.send(INITIATE, body)
    assert await kind_of(answer) == (413, "RequestEntityTooLargeException")


async def test_calls_of_the_api_take_no_more_than_before(ground: Ground) -> None:
    answer = await ground.client.post("/auth/login", {"email": "a@b.example", "password": "x" * 17_000})
    assert answer.status == 413


async def test_an_empty_body_is_an_empty_object(ground: Ground) -> None:
    for body in (b"", b"{}"):
        with pytest.raises(
            CognitoFailure, match=r"InvalidParameter: 1 validation error detected: Value null at 'accessToken'"
        ):
            await checked("GetUser", await ground.cognito.send(GET_USER, body))


@pytest.mark.parametrize(
    "body",
    [
        b"null",
        b"[]",
        b'"text"',
        b"7",
        b"{",
        b"\xff\xfe{}",
        b'{"AccessToken": NaN}',
        b'{"AccessToken": 7}',
        b'{"AccessToken": true}',
        b'{"AccessToken": ["x"]}',
        b'{"AccessToken": {"x": "y"}}',
        b'{"AccessToken": "\\ud800"}',
        b'{"x": ' * 40 + b"0" + b"}" * 40,
    ],
)
async def test_what_is_no_object_of_the_right_types_is_no_request(ground: Ground, body: bytes) -> None:
    assert await kind_of(await ground.cognito.send(GET_USER, body)) == (400, "SerializationException")


@pytest.mark.parametrize(
    "wrong",
    [
        {"AuthParameters": "USERNAME=x"},
        {"AuthParameters": {"USERNAME": 7}},
        {"AuthParameters": {"USERNAME": ["x"]}},
        {"ClientMetadata": ["x"]},
        {"AnalyticsMetadata": "x"},
        {"UserContextData": {"IpAddress": 7}},
        {"AuthFlow": ["USER_PASSWORD_AUTH"]},
    ],
)
async def test_a_member_of_another_type_is_told_before_what_it_breaks(ground: Ground, wrong: dict[str, Any]) -> None:
    refusal = await ground.cognito.refused("InitiateAuth", **({"ClientId": "-" * 200} | wrong))
    assert refusal.kind == "Serialization"


async def test_null_is_absent_in_members_in_maps_and_in_structures(ground: Ground) -> None:
    person = await ground.client.sign_up()
    parameters = {"USERNAME": person["email"], "PASSWORD": person["password"], "DEVICE_KEY": None, "SECRET_HASH": None}
    answer = await ground.cognito.call(
        "InitiateAuth",
        AuthFlow="USER_PASSWORD_AUTH",
        ClientId="tokenhouse",
        AuthParameters=parameters,
        ClientMetadata=None,
        Session=None,
        AnalyticsMetadata={"AnalyticsEndpointId": None},
    )
    assert answer["AuthenticationResult"]["AccessToken"]
    refusal = await ground.cognito.refused("GetUser", AccessToken=None)
    assert refusal.message.endswith("Value null at 'accessToken' failed to satisfy constraint: Member must not be null")


async def test_members_of_later_models_are_ignored(ground: Ground) -> None:
    person = await ground.client.sign_up()
    answer = await ground.cognito.send(INITIATE, login_body(person, FromTheFuture={"a": [1, None]}, authFlow=7))
    assert (await checked("InitiateAuth", answer))["AuthenticationResult"]["IdToken"]


def told(operation: str, **members: object) -> list[str]:
    """What a body breaks of an operation's shape."""
    return [str(one) for one in broken(INPUTS[operation], members)]


async def test_every_fault_of_a_request_is_told_at_once(ground: Ground) -> None:
    refusal = await ground.cognito.refused("InitiateAuth", AuthFlow="MAGIC", ClientId="", Session="short")
    assert refusal.kind == "InvalidParameter"
    head, _, faults = refusal.message.partition(" validation errors detected: ")
    assert int(head) == len(faults.split("; ")) == 4
    paths = re.findall(r"Value(?: \S+)? at '(\w+)' failed to satisfy constraint: Member must ", faults)
    assert sorted(paths) == ["authFlow", "clientId", "clientId", "session"]


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("DeleteUserAttributes", {"AccessToken": "x", "UserAttributeNames": [""] * 21_000}),
        ("SignUp", {"ClientId": "tokenhouse", "Username": "a@example.com", "UserAttributes": [{}] * 21_000}),
        ("RevokeUserSession", {"AccessToken": "x", "SessionId": "y" * 60_000}),
    ],
)
async def test_a_refusal_is_shorter_than_a_long_request(
    ground: Ground, operation: str, members: dict[str, Any]
) -> None:
    body = json.dumps(members, separators=(",", ":")).encode()
    answer = await ground.cognito.send(f"{SERVICE}.{operation}", body)
    assert (answer.status, answer.headers["x-amzn-ErrorType"]) == (400, "InvalidParameterException")
    assert len(await answer.read()) < len(body) / 4


async def test_attributes_without_end_are_refused_in_a_few_words(ground: Ground) -> None:
    for names in (["nickname"] * 1_500, [f"custom:{number}" for number in range(1_500)]):
        attributes = [{"Name": name, "Value": "x"} for name in names]
        refusal = await ground.cognito.refused(
            "SignUp",
            ClientId="tokenhouse",
            Username="a@example.com",
            Password="SecurePass1!",
            UserAttributes=attributes,
        )
        assert refusal.kind == "InvalidParameter"
        assert len(refusal.message) < 5_000


def test_a_value_may_break_several_rules_at_once() -> None:
    faults = told("UpdateAuthEventFeedback", UserPoolId="no pool", Username="", EventId="a b" * 20, FeedbackValue="No")
    paths = [re.search(r" at '(\w+)' failed to satisfy constraint: Member must ", one) for one in faults]
    assert sorted(path[1] for path in paths if path) == [
        "eventId",
        "eventId",
        "feedbackToken",
        "feedbackValue",
        "userPoolId",
        "username",
        "username",
    ]


def test_what_a_list_holds_is_told_by_its_place() -> None:
    named = [{"Name": "given_name", "Value": "Ada"}, {"Value": "x"}, {"Name": "n" * 33, "Value": "secret" * 500}, None]
    length = "failed to satisfy constraint: Member must have length less than or equal to"
    assert told("UpdateUserAttributes", AccessToken="x", UserAttributes=named) == [
        "Value null at 'userAttributes.2.member.name' failed to satisfy constraint: Member must not be null",
        f"Value '{'n' * 33}' at 'userAttributes.3.member.name' {length} 32",
        f"Value at 'userAttributes.3.member.value' {length} 2048",
        "Value null at 'userAttributes.4.member' failed to satisfy constraint: Member must not be null",
    ]


SECRETS: dict[str, Any] = {
    "AccessToken": "Se cret",
    "RefreshToken": "Se cret",
    "Token": "Se cret",
    "Password": "Se cret",
    "PreviousPassword": "Se cret",
    "ProposedPassword": "Se cret",
    "ConfirmationCode": "Se cret",
    "Code": "Se cret",
    "UserCode": "Se cret",
    "SecretHash": "Se cret",
    "ClientSecret": "Se cret",
    "ClientId": "Se cret",
    "Username": "Se cret",
    "Session": "Se cret",
    "FeedbackToken": "Se cret",
}


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_no_message_repeats_what_must_not_be_read(ground: Ground, operation: str) -> None:
    refusal = await ground.cognito.refused(operation, **SECRETS)
    assert "Se cret" not in refusal.message


# --- header fields and paths


async def test_the_pool_s_own_path_serves_the_same(ground: Ground) -> None:
    person = await ground.client.sign_up()
    pool = CognitoClient(ground.client.http, f"/{POOL}")
    tokens = await pool.log_in(person["email"], person["password"])
    assert (await pool.call("GetUser", AccessToken=tokens["AccessToken"]))["Username"] == person["userId"]
    answer = await CognitoClient(ground.client.http, "/eu-central-1_other").send(GET_USER, b"{}")
    assert answer.status == 404


async def test_credentials_and_fields_of_aws_are_ignored(ground: Ground) -> None:
    person = await ground.client.sign_up()
    strange = {
        "Authorization": "AWS4-HMAC-SHA256 Credential=AKIA/20260101/eu-central-1/cognito-idp/aws4_request, Signature=0",
        "x-api-key": "no key of ours",
        "X-Amz-Date": "20260101T000000Z",
        "X-Amz-Security-Token": "x",
        "X-Amz-User-Agent": "aws-amplify/6",
        "amz-sdk-invocation-id": "2b6ed0f7-1f25-4a0c-9d3c-0d2a4f4e9b57",
        "amz-sdk-request": "attempt=1; max=3",
        "Content-Type": "text/plain;charset=UTF-8",
        "Cookie": "a=b",
    }
    answer = await ground.cognito.send(INITIATE, login_body(person), **strange)
    assert (await checked("InitiateAuth", answer))["AuthenticationResult"]["RefreshToken"]


async def test_every_answer_has_a_request_id_and_takes_a_good_one_of_the_client(ground: Ground) -> None:
    ids = {
        (await ground.cognito.send(target, b"{}")).headers["x-amzn-RequestId"] for target in (GET_USER, INITIATE, "")
    }
    assert len(ids) == 3
    answer = await ground.cognito.send(GET_USER, b"{}", **{"X-Request-Id": "mine-1"})
    assert answer.headers["x-amzn-RequestId"] == answer.headers["X-Request-Id"] == "mine-1"


@pytest.mark.parametrize("path", ["/", f"/{POOL}"])
async def test_only_post_is_answered_there(ground: Ground, path: str) -> None:
    for method in ("GET", "PUT", "DELETE", "HEAD"):
        answer = await ground.client.http.request(method, path)
        assert (answer.status, answer.headers["Allow"]) == (405, "POST")


# --- the pool's documents


async def test_the_key_set_and_the_discovery_document_are_below_the_pool(ground: Ground) -> None:
    at_the_root = await ground.client.get("/.well-known/jwks.json")
    in_the_pool = await ground.client.get(f"/{POOL}/.well-known/jwks.json")
    assert await at_the_root.json() == await in_the_pool.json()
    document = await (await ground.client.get(f"/{POOL}/.well-known/openid-configuration")).json()
    assert document["issuer"] == ground.fakes.application.issuer
    assert document["id_token_signing_alg_values_supported"] == ["RS256"]


@pytest.mark.parametrize("name", ["jwks.json", "openid-configuration"])
async def test_they_are_cached_asked_for_by_their_tag_and_by_head(ground: Ground, name: str) -> None:
    path = f"/{POOL}/.well-known/{name}"
    whole = await ground.client.get(path)
    assert (whole.status, whole.headers["Cache-Control"]) == (200, "public, max-age=300")
    head = await ground.client.http.head(path)
    assert (head.status, await head.read(), head.headers["ETag"]) == (200, b"", whole.headers["ETag"])
    again = await ground.client.get(path, **{"If-None-Match": whole.headers["ETag"]})
    assert (again.status, await again.read()) == (304, b"")
    assert (await ground.client.get(f"/eu-central-1_other/.well-known/{name}")).status == 404
    assert (await ground.client.post(path, {})).status == 405


async def test_they_need_no_clock(ground: Ground) -> None:
    ground.fakes.application.clock.note("the clock of this instance is 60 s ahead")
    for name in ("jwks.json", "openid-configuration"):
        assert (await ground.client.get(f"/{POOL}/.well-known/{name}")).status == 200


# --- pages


def listed(field: str) -> set[str]:
    return {name.strip().lower() for name in field.split(",")}


@pytest.mark.parametrize("path", ["/", f"/{POOL}"])
async def test_a_listed_page_may_send_what_the_sdks_send_and_read_what_they_read(
    make_ground: MakeGround, path: str
) -> None:
    ground = await make_ground(server={"cors_origins": [PAGE]})
    preflight = await ground.client.http.options(
        path,
        headers={
            "Origin": PAGE,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": ",".join(sorted(OF_SDKS)),
        },
    )
    assert (preflight.status, preflight.headers["Access-Control-Allow-Origin"]) == (204, PAGE)
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    assert listed(preflight.headers["Access-Control-Allow-Headers"]) >= OF_SDKS
    client = CognitoClient(ground.client.http, path)
    for origin, allowed in ((PAGE, PAGE), ("https://evil.example.com", None)):
        answer = await client.send(GET_USER, b"{}", Origin=origin)
        assert answer.headers.get("Access-Control-Allow-Origin") == allowed
        if allowed:
            assert listed(answer.headers["Access-Control-Expose-Headers"]) >= {"x-amzn-requestid", "x-amzn-errortype"}
    documents = await ground.client.get(f"/{POOL}/.well-known/jwks.json", Origin=PAGE)
    assert documents.headers["Access-Control-Allow-Origin"] == PAGE


async def test_a_page_reads_the_refusal_of_a_body_that_is_too_large(make_ground: MakeGround) -> None:
    ground = await make_ground(server={"cors_origins": [PAGE]})
    answer = await ground.cognito.send(INITIATE, padded(MAX_BYTES + 1), Origin=PAGE)
    assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (413, PAGE)


# --- where the endpoint is off


@pytest.mark.parametrize("path", ["/", f"/{POOL}"])
async def test_with_the_endpoint_off_its_paths_are_those_of_nothing(on_fakes: MakeOnFakes, path: str) -> None:
    fakes = await on_fakes(server={"cors_origins": [PAGE]})
    answer = await CognitoClient(fakes.client.http, path).send(GET_USER, b"{}")
    assert (answer.status, answer.content_type) == (404, "application/problem+json")
    assert (await fakes.client.get(path)).status == 404
    assert (await fakes.client.get(f"/{POOL}/.well-known/jwks.json")).status == 404


async def test_the_api_answers_the_same_with_the_endpoint_on(on_fakes: MakeOnFakes) -> None:
    answers = []
    for is_enabled in (False, True):
        fakes = await on_fakes(cognito={"enabled": is_enabled}, tokens={"client_id": "tokenhouse"})
        person = await fakes.client.sign_up(email=f"ada-{is_enabled}@example.com")
        tokens = await fakes.client.log_in(person)
        me = await fakes.client.me(tokens)
        wrong = await fakes.client.post("/auth/login", {"email": person["email"], "password": "Wrong-pass1"})
        nowhere = await fakes.client.get("/nowhere")
        told = [
            {name: one.headers[name] for name in one.headers if name not in ("Date", "X-Request-Id")}
            for one in (me, wrong, nowhere)
        ]
        answers.append((sorted(tokens), sorted(await me.json()), [(one.status) for one in (me, wrong, nowhere)], told))
    off, on = answers
    assert off[:3] == on[:3]
    assert [set(one) for one in off[3]] == [set(one) for one in on[3]]


# --- any body

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=6,
)
PARAMETERS = st.sampled_from(
    [
        "ANSWER",
        "CREDENTIAL",
        "EMAIL_OTP_CODE",
        "PASSWORD",
        "PASSWORD_CLAIM_SECRET_BLOCK",
        "PASSWORD_CLAIM_SIGNATURE",
        "PREFERRED_CHALLENGE",
        "REFRESH_TOKEN",
        "SECRET_HASH",
        "SOFTWARE_TOKEN_MFA_CODE",
        "SRP_A",
        "TIMESTAMP",
        "USERNAME",
    ]
)


@st.composite
def bodies(draw: st.DrawFn, operation: str) -> bytes:
    """Mostly members that the operation has, with values that are right in shape more often than not."""
    takes = OPERATIONS[operation].takes
    members: dict[str, Any] = {}
    for name, shape in takes.members.items():
        choices = getattr(shape, "choices", ())
        right = (
            st.sampled_from(choices) if choices else st.sampled_from(["tokenhouse", "a@b.example", "x" * 24, "123456"])
        )
        kind = type(shape).__name__
        if kind == "Texts":
            right = st.dictionaries(PARAMETERS, st.text(max_size=40), max_size=6)
        elif kind == "Flag":
            right = st.booleans()
        elif kind == "Number":
            right = st.integers(0, 20)
        elif kind == "ListOf":
            right = st.lists(
                st.fixed_dictionaries({"Name": st.text(min_size=1, max_size=9), "Value": st.text(max_size=9)})
            )
        elif kind in ("Structure", "Document"):
            right = st.fixed_dictionaries({}, optional={"Enabled": st.booleans(), "id": st.text(max_size=9)})
        if draw(st.integers(0, 9)):
            members[name] = draw(right if draw(st.integers(0, 7)) else VALUES)
    return json.dumps(members).encode()


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_no_body_makes_a_defect(make_ground: MakeGround, operation: str) -> None:
    """Every answer is the operation's own, or an error that it declares; it is never a 500."""
    ground = await make_ground({"srp": True}, throttle={"enabled": False}, passwords={"bcrypt_rounds": 4})
    person = await ground.client.sign_up()
    token = (await ground.cognito.log_in(person["email"], person["password"]))["AccessToken"]
    found: list[bytes] = []

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(bodies(operation), st.sampled_from(["a member", "a stranger"]))
    def collect(body: bytes, sender: str) -> None:
        members = json.loads(body)
        if sender == "a member" and "AccessToken" in OPERATIONS[operation].takes.members:
            members["AccessToken"] = token
        found.append(json.dumps(members).encode())

    collect()
    for body in [*found, b"\x00", b'{"a":1,"a":2}', b'{"AccessToken":"' + b"9" * 60_000 + b'"}']:
        answer = await ground.cognito.send(f"{SERVICE}.{operation}", body)
        assert answer.status in (200, 400), (answer.status, body)
        if answer.status == 400:
            with pytest.raises(CognitoFailure):
                await checked(operation, answer)


async def test_the_id_token_of_one_door_is_one_of_the_other(ground: Ground) -> None:
    person = await ground.client.sign_up()
    tokens = await ground.cognito.log_in(person["email"], person["password"])
    assert (await ground.client.me({"idToken": tokens["IdToken"]})).status == 200
    assert bearer({"idToken": tokens["IdToken"]})["Authorization"].startswith("Bearer ")

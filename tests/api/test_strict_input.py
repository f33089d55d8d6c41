"""Part C of the wire contract: what comes in is judged strictly, in a fixed order, and never echoed."""

import json
from collections.abc import AsyncIterator

import pytest

from tests.conftest import Client, problem
from tests.support.builders import sign_up_body

SECRET = "Marker-9f3a-Secret1!"
JSON = {"Content-Type": "application/json"}


async def refused(client: Client, body: bytes, path: str = "/auth/login", **headers: str) -> tuple[int, str]:
    answer = await client.http.post(path, data=body, headers={**JSON, **headers})
    text = await answer.text()
    assert SECRET not in text
    return answer.status, problem(text)["code"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"null",
        b"{} {}",
        b"\xef\xbb\xbf{}",
        b'{"email":"a","email":"b"}',
        b'{"a":{"b":1,"b":2}}',
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":1e999}',
        b'{"a":' + b"9" * 301 + b"}",
        b'{"a":0.' + b"9" * 301 + b"}",
        b'{"a":"\\ud800"}',
        b'{"\\udfff":1}',
        b'{"a":"\xff"}',
        b'{"a":"\x00"}',
        b'{"a":' + b"[" * 32 + b"]" * 32 + b"}",
        b'{"a":' * 33 + b"1" + b"}" * 33,
        b"[" * 8000 + b"]" * 8000,
        b"{'a':1}",
        '{"email":"a"}'.encode("utf-16"),
    ],
)
async def test_a_body_that_is_not_one_json_object_is_refused(client: Client, body: bytes) -> None:
    assert await refused(client, body) == (400, "malformed_json")


async def test_json_at_its_bounds_is_read(client: Client) -> None:
    bounds = {"email": "a", "password": "b", "deep": json.loads("[" * 31 + "]" * 31), "long": int("9" * 300)}
    assert (await refused(client, json.dumps(bounds).encode()))[1] == "invalid_credentials"


@pytest.mark.parametrize(
    "media_type",
    [
        "text/plain",
        "application/xml",
        "application/jsonx",
        "application/x-www-form-urlencoded",
        "",
        "application/json; charset=utf-16",
        "application/json; charset=foo",
        "application/json; charset=utf-8; charset=x",
    ],
)
async def test_another_media_type_is_refused(client: Client, media_type: str) -> None:
    assert await refused(client, b"{}", **{"Content-Type": media_type}) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "media_type", ["application/json", "Application/JSON;charset=UTF-8", 'application/json ; charset="utf-8"']
)
async def test_json_in_utf8_is_taken_however_it_is_spelt(client: Client, media_type: str) -> None:
    assert await refused(client, b"{}", **{"Content-Type": media_type}) == (422, "invalid_fields")


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "identity"])
async def test_a_content_encoding_is_refused(client: Client, encoding: str) -> None:
    assert await refused(client, b"{}", **{"Content-Encoding": encoding}) == (415, "unsupported_media_type")


async def test_a_body_of_16_kib_is_read_and_one_byte_more_is_not(client: Client) -> None:
    body = b'{"email":"a","password":"b","x":"' + b"x" * (16 * 1024 - 35) + b'"}'
    assert len(body) == 16 * 1024
    assert await refused(client, body) == (401, "invalid_credentials")
    assert await refused(client, body + b" ") == (413, "body_too_large")


async def test_a_chunked_body_is_bounded_too(client: Client) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * 1024

    answer = await client.http.post("/auth/login", data=chunks(), headers=JSON)
    assert answer.status == 413


async def test_media_type_is_judged_before_size_and_size_before_content(client: Client) -> None:
    assert (await refused(client, b"x" * 20_000, **{"Content-Type": "text/plain"}))[0] == 415
    assert (await refused(client, b"x" * 20_000))[0] == 413


async def test_the_credential_is_judged_before_the_body(client: Client) -> None:
    assert await refused(client, b"not json", path="/auth/logout", **{"Content-Type": "text/plain"}) == (
        401,
        "invalid_token",
    )


@pytest.mark.parametrize("value", [None, 7, True, [], {}, "", "   ", "\u3000"])
@pytest.mark.parametrize(
    ("path", "field"), [("/auth/login", "password"), ("/auth/login", "email"), ("/auth/refresh", "refreshToken")]
)
async def test_a_required_string_must_be_one_and_not_blank(
    client: Client, path: str, field: str, value: object
) -> None:
    answer = await client.post(path, {"email": "a", "password": "b"} | {field: value})
    said = problem(await answer.text())
    assert (answer.status, said["code"]) == (422, "invalid_fields")
    assert [one["field"] for one in said["errors"]] == [field]


async def test_every_broken_field_is_named_at_once_and_none_is_echoed(client: Client) -> None:
    answer = await client.post("/auth/signup", {"email": SECRET, "password": "marker-9f3a", "lastName": "x" * 101})
    text = await answer.text()
    said = problem(text)
    assert said["status"] == answer.status == 422
    assert [(one["field"], one["code"]) for one in said["errors"]] == [
        ("email", "invalid_email"),
        ("password", "no_uppercase"),
        ("firstName", "missing"),
        ("lastName", "too_long"),
    ]
    assert SECRET not in text
    assert "marker-9f3a" not in text


@pytest.mark.parametrize(
    "email",
    [
        "plain",
        "a@b",
        "a@localhost",
        "a@example.com.",
        "a@[127.0.0.1]",
        "a@127.0.0.1",
        "a b@example.com",
        "a@exa mple.com",
        "\u00e4@example.com",
        '"a b"@example.com',
        ".a@example.com",
        "a..b@example.com",
        "a@-example.com",
        "a@b@example.com",
        "a" * 65 + "@example.com",
        "a@" + "b" * 64 + ".com",
        "a@" + ("b" * 60 + ".") * 4 + "example.com",
        "a\u202eb@example.com",
        "a@ex\u200bample.com",
        "a@example.com\u3002",
        "a\0@example.com",
    ],
)
async def test_what_is_no_address_cannot_sign_up_and_is_a_stranger_at_login(client: Client, email: str) -> None:
    answer = await client.post("/auth/signup", sign_up_body(email=email))
    assert answer.status == 422
    assert [one["field"] for one in problem(await answer.text())["errors"]] == ["email"]
    answer = await client.post("/auth/login", {"email": email, "password": SECRET})
    assert problem(await answer.text())["code"] == "invalid_credentials"


@pytest.mark.parametrize(
    "email",
    ["ada+tag@example.com", "o'hara@example.co.uk", "a@x.local", "A@M\u00dcNCHEN.example", "a@xn--mnchen-3ya.example"],
)
async def test_an_unusual_but_good_address_signs_up_and_logs_in(client: Client, email: str) -> None:
    await client.log_in(await client.sign_up(email=email))


async def test_a_domain_is_the_same_in_unicode_and_in_a_labels(client: Client) -> None:
    await client.sign_up(email="ada@m\u00fcnchen.example")
    assert (await client.post("/auth/signup", sign_up_body(email="ada@xn--mnchen-3ya.example"))).status == 409


@pytest.mark.parametrize("name", ["a\u202eb", "a\u200bb", "a\nb", "a\0b", "a\u2028b", "\u2066", "x" * 101, "  "])
@pytest.mark.parametrize("field", ["firstName", "lastName"])
async def test_a_name_holds_nothing_invisible(client: Client, field: str, name: str) -> None:
    answer = await client.post("/auth/signup", sign_up_body(**{field: name}))
    assert [one["field"] for one in problem(await answer.text())["errors"]] == [field]


@pytest.mark.parametrize(
    "name",
    [
        "\u3164",
        "\u2800",
        "\u115f",
        "\u1160",
        "\uffa0",
        "\ufe0f",
        "\u034f",
        "\u17b4",
        "\u180b",
        "\U0001d159",
        "\U00013441",
        "\U000e0101",
        "\U000e01ff",
        "\u2065",
        "\u3164 \u2800\ufe0f",
        "\u0301",
    ],
    ids=ascii,
)
@pytest.mark.parametrize("field", ["firstName", "lastName"])
async def test_a_name_has_at_least_one_character_that_is_seen(client: Client, field: str, name: str) -> None:
    answer = await client.post("/auth/signup", sign_up_body(**{field: name}))
    [broken] = problem(await answer.text())["errors"]
    assert (answer.status, broken["field"], broken["code"]) == (422, field, "no_visible_character")


@pytest.mark.parametrize(
    "name",
    [
        "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627",  # Persian Ali-Reza: between letters that join
        "\u0645\u0647\u200c\u0633\u0627",
        "\u0639\u0644\u06cc\u0650\u200c\u064e\u0631\u0636\u0627",  # vowel signs around it are passed over
        "\u0dc1\u0dca\u200d\u0dbb\u0dd3",  # Sinhala Sri: after a virama
        "\u0930\u093e\u091c\u0915\u094d\u200d\u0937",
        "\u0915\u094d\u200c\u0937\u092e\u093e",
        "\u0d05\u0d28\u0d3f\u0d32\u0d4d\u200d",  # Malayalam Anil: a chillu ends the word
        "\u2764\ufe0f Ada",  # a variation selector beside what is seen
    ],
    ids=ascii,
)
async def test_a_name_is_spelt_with_the_joiners_that_its_script_needs(client: Client, name: str) -> None:
    tokens = await client.log_in(await client.sign_up(firstName=name))
    assert tokens["firstName"] == name


@pytest.mark.parametrize(
    "name",
    [
        "A\u200cB",
        "A\u200dB",
        "\u200cAda",
        "\u200d",
        "Ada\u200d",
        "\u200d\u0dca",
        "\u0639\u0644\u06cc\u200d\u0631",
        "\u0631\u200c\u0631",  # reh joins to nothing after it
        "\u0639\u200c",
        "\u0639\u200c Ada",
        "\u0dc1\u0dca\u200d\u200d",
        "\u0dc1\u0dca\u200b\u0dbb",
        "\u0378\u200c",
        "\U0001f469\u200d\U0001f4bb",
    ],
    ids=ascii,
)
async def test_a_joiner_where_no_script_needs_one_is_an_invisible_character(client: Client, name: str) -> None:
    answer = await client.post("/auth/signup", sign_up_body(firstName=name))
    [broken] = problem(await answer.text())["errors"]
    assert (answer.status, broken["code"]) == (422, "invisible_character")


@pytest.mark.parametrize(
    "name", ["A", "x" * 100, "Jos\u00e9 Mar\u00eda", "\u674e", "O'Brien-Smith", "'; DROP TABLE users; --", "<b>"]
)
async def test_names_of_people_are_taken_as_they_are(client: Client, name: str) -> None:
    tokens = await client.log_in(await client.sign_up(lastName=name))
    assert tokens["lastName"] == name


@pytest.mark.parametrize(
    "password", ["Aa1!" + "\u00e9" * 252, "P\u00e4ss w\u00f6rt 1!", "Aa1\u20acxxxx", "\U0001d400Aa1!xxx"]
)
async def test_any_printable_password_within_the_rules_works(client: Client, password: str) -> None:
    await client.log_in(await client.sign_up(password=password))


@pytest.mark.parametrize(
    "password", ["x", "short1!", "no-such-Password1", "\0", "\x07Aa1!aaaa", "x" * 5000, "\U0001f600" * 500]
)
async def test_login_judges_any_password_by_its_hash_alone(client: Client, password: str) -> None:
    person = await client.sign_up()
    answer = await client.post("/auth/login", {"email": person["email"], "password": password})
    assert problem(await answer.text())["code"] == "invalid_credentials"


async def test_unknown_fields_are_ignored(client: Client) -> None:
    person = await client.sign_up(userId="mine", apiKey="ak_mine", disabledAt="now", first_name="Eve")
    assert person["apiKey"] != "ak_mine"
    assert (await client.log_in(person))["firstName"] == "Ada"


@pytest.mark.parametrize(
    ("headers", "status", "code"), [({}, 415, "unsupported_media_type"), (JSON, 400, "malformed_json")]
)
@pytest.mark.parametrize("path", ["/auth/signup", "/auth/login", "/auth/refresh"])
async def test_a_body_that_is_missing_is_called_missing(
    client: Client, path: str, headers: dict[str, str], status: int, code: str
) -> None:
    answer = await client.http.post(path, headers=headers, skip_auto_headers=["Content-Type"])
    said = problem(await answer.text())
    assert (answer.status, said["code"]) == (status, code)
    assert said["detail"].startswith("The body is missing")

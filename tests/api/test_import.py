"""Accounts that move in from files of other systems, and log in."""

import base64
import hashlib
import json
from typing import Any

import bcrypt
import pytest

from service.domain.foreign_hashes.elsewhere import marker_of
from service.domain.transfer.imports import BATCH
from service.domain.transfer.models import ImportReport
from service.domain.transfer.sources import CHUNK
from tests.conftest import ROOT, OnFakes
from tests.support import foreign_vectors as vectors
from tests.support.moving import ID, KEY, firebase, keycloak, lines, run_import

ADA = "ada@example.com"
BCRYPT = bcrypt.hashpw(vectors.PASSWORD.encode(), bcrypt.gensalt(4)).decode()
KEYCLOAK_HASH = hashlib.pbkdf2_hmac("sha512", vectors.PASSWORD.encode(), b"0123456789abcdef", 2100, 64)
KEYCLOAK_CREDENTIAL = {
    "type": "password",
    "secretData": json.dumps(
        {"value": base64.b64encode(KEYCLOAK_HASH).decode(), "salt": base64.b64encode(b"0123456789abcdef").decode()}
    ),
    "credentialData": json.dumps({"hashIterations": 2100, "algorithm": "pbkdf2-sha512"}),
}
DJANGO_USER: dict[str, Any] = {
    "model": "auth.user",
    "pk": 7,
    "fields": {
        "password": vectors.DJANGO["pbkdf2_sha256"],
        "last_login": None,
        "username": "ada",
        "first_name": "Ada",
        "last_name": "Lovelace",
        "email": ADA,
        "is_active": True,
        "date_joined": "2024-02-01T10:00:00Z",
        "groups": [1],
    },
}
GOTRUE_USER = {
    "id": ID,
    "email": ADA,
    "encrypted_password": BCRYPT.replace("$2b$", "$2a$"),
    "email_confirmed_at": "2024-02-01 10:00:00+00",
    "created_at": "2024-02-01 10:00:00.123+00",
    "raw_user_meta_data": {"full_name": "Ada Lovelace"},
    "banned_until": None,
}
GOTRUE_TABLE = (
    "id,email,encrypted_password,email_confirmed_at,created_at,raw_user_meta_data,banned_until,deleted_at\n"
    f"{ID},{ADA},{GOTRUE_USER['encrypted_password']},2024-02-01 10:00:00+00,2024-02-01 10:00:00+00,"
    '"{""full_name"": ""Ada Lovelace""}",,\n'
).encode()
KEYCLOAK_USER = {
    "id": ID,
    "username": "ada",
    "email": ADA,
    "emailVerified": True,
    "enabled": True,
    "createdTimestamp": 1_706_781_600_000,
    "firstName": "Ada",
    "lastName": "Lovelace",
    "credentials": [{"type": "otp", "secretData": "{}", "credentialData": "{}"}, KEYCLOAK_CREDENTIAL],
    "groups": ["/staff/admins"],
}
AUTH0_USER = {
    "_id": {"$oid": "65bb"},
    "user_id": "auth0|65bb",
    "email": ADA,
    "email_verified": True,
    "passwordHash": BCRYPT,
    "name": "Ada Lovelace",
    "created_at": "2024-02-01T10:00:00.000Z",
}
FIREBASE_USER = {
    "localId": "u1",
    "email": ADA,
    "emailVerified": True,
    "displayName": "Ada Lovelace",
    "passwordHash": vectors.FIREBASE_HASH,
    "salt": vectors.FIREBASE_SALT,
    "createdAt": "1706781600000",
}
OURS = {
    "id": ID,
    "email": ADA,
    "firstName": "Ada",
    "lastName": "Lovelace",
    "passwordHash": BCRYPT,
    "emailVerified": True,
    "groups": ["staff"],
    "createdAt": "2024-02-01T10:00:00+00:00",
}
FILES: dict[str, tuple[str, bytes, str]] = {
    "jsonl": ("jsonl", lines(OURS), vectors.PASSWORD),
    "django, lines": ("django", lines(DJANGO_USER), vectors.PASSWORD),
    "django, an array": ("django", json.dumps([DJANGO_USER], indent=1).encode(), vectors.PASSWORD),
    "gotrue, lines": ("gotrue", lines(GOTRUE_USER), vectors.PASSWORD),
    "gotrue, a table": ("gotrue", GOTRUE_TABLE, vectors.PASSWORD),
    "gotrue, from firebase": (
        "gotrue",
        lines({**GOTRUE_USER, "encrypted_password": vectors.GOTRUE_FIREBASE}),
        vectors.FIREBASE_PASSWORD,
    ),
    "keycloak": ("keycloak", keycloak(KEYCLOAK_USER), vectors.PASSWORD),
    "auth0": ("auth0", lines(AUTH0_USER), vectors.PASSWORD),
    "firebase": ("firebase", firebase(FIREBASE_USER), vectors.FIREBASE_PASSWORD),
}
KEEPS_IDS = {"jsonl", "gotrue", "keycloak"}


def account(fakes: OnFakes, email: str = ADA) -> Any:
    return next(user for user in fakes.users.rows.values() if user.canonical_email == email)


@pytest.mark.parametrize(("name", "content", "password"), FILES.values(), ids=FILES.keys())
async def test_somebody_of_each_system_logs_in_with_the_old_password(
    fakes: OnFakes, name: str, content: bytes, password: str
) -> None:
    report, refusals = await run_import(fakes, content, name, key=KEY)
    assert (report, list(refusals)) == (ImportReport(added=1), [])
    user = account(fakes)
    assert (user.first_name, user.last_name, user.created_at.year) == ("Ada", "Lovelace", 2024)
    assert (str(user.id) == ID) == (name in KEEPS_IDS)
    assert (user.email_verified_at is None) == (name == "django")
    wrong = await fakes.client.post("/auth/login", {"email": ADA, "password": "Wrong-Pass1!"})
    assert wrong.status == 401
    tokens = await fakes.client.log_in({"email": ADA, "password": password})
    assert account(fakes).password_hash.startswith("$bcrypt-sha256$")
    me = await (await fakes.client.me(tokens)).json()
    assert me["email"] == ADA


async def test_groups_and_what_keycloak_s_paths_become(fakes: OnFakes) -> None:
    await run_import(fakes, keycloak(KEYCLOAK_USER), "keycloak")
    assert account(fakes).groups == ("staff.admins",)


@pytest.mark.parametrize("name", FILES)
async def test_the_same_file_twice_adds_nothing(fakes: OnFakes, name: str) -> None:
    form, content, _ = FILES[name]
    await run_import(fakes, content, form, key=KEY)
    before = dict(fakes.users.rows)
    assert (await run_import(fakes, content, form, key=KEY))[0] == ImportReport(there_already=1)
    assert fakes.users.rows == before


@pytest.mark.parametrize(
    "content",
    [
        (
            "cognito:username,name,given_name,family_name,email,email_verified,phone_number,cognito:mfa_enabled\n"
            f"ada,Ada Lovelace,Ada,Lovelace,{ADA},TRUE,+4912345,FALSE\n"
        ).encode(),
        json.dumps(
            {
                "Users": [
                    {
                        "Username": ID,
                        "Attributes": [
                            {"Name": "email", "Value": ADA},
                            {"Name": "email_verified", "Value": "true"},
                            {"Name": "given_name", "Value": "Ada"},
                            {"Name": "family_name", "Value": "Lovelace"},
                            {"Name": "phone_number", "Value": "+4912345"},
                            {"Name": "sub", "Value": ID},
                        ],
                        "UserCreateDate": "2024-02-01T10:00:00.123000+00:00",
                        "Enabled": True,
                        "UserStatus": "CONFIRMED",
                    }
                ]
            }
        ).encode(),
    ],
    ids=["table", "list-users"],
)
async def test_somebody_of_cognito_has_no_password_and_may_be_mailed_a_reset(on_fakes: Any, content: bytes) -> None:
    fakes = await on_fakes(mail={"url": "smtp://127.0.0.1:1", "sender": "a@example.com"})
    report, _ = await run_import(fakes, content, "cognito", send_reset=True)
    assert report == ImportReport(added=1, without_password=1)
    user = account(fakes)
    assert (user.password_hash, user.first_name, user.email_verified_at is None) == (marker_of(ADA), "Ada", False)
    assert fakes.users.attributes[user.id]["phone_number"] == "+4912345"
    [row] = fakes.outbox.rows.values()
    assert (row.mail.kind, row.mail.recipient) == ("reset", ADA)
    await run_import(fakes, content, "cognito", send_reset=True)
    assert len(fakes.outbox.rows) == 1


async def test_nobody_with_a_password_or_closed_is_mailed_a_reset(fakes: OnFakes) -> None:
    closed = {"email": "closed@example.com", "disabled": True}
    report, _ = await run_import(fakes, lines(OURS, closed), send_reset=True)
    assert report == ImportReport(added=2, without_password=1)
    assert not fakes.outbox.rows
    assert account(fakes, "closed@example.com").disabled_at is not None


async def test_a_dry_run_adds_nothing_and_counts_what_would_be(fakes: OnFakes) -> None:
    people = [{"email": f"ada{number}@example.com"} for number in range(BATCH + 1)]
    report, refusals = await run_import(fakes, lines(*people, people[0], {"email": "?"}), dry=True, send_reset=True)
    assert (report.added, report.there_already, report.refused) == (BATCH + 1, 1, 1)
    assert [refusal.line for refusal in refusals] == [BATCH + 3]
    assert not fakes.users.rows
    assert not fakes.outbox.rows


async def test_each_new_account_is_in_the_audit_trail_and_those_there_are_not(fakes: OnFakes) -> None:
    await run_import(fakes, lines(OURS))
    await run_import(fakes, lines(OURS, {"email": "eve@example.com"}))
    await fakes.application.audit.write()
    since = fakes.ambient.now().replace(year=2020)
    events = [entry.event for entry in await fakes.application.audit.trail.latest(since, 10)]
    assert sorted(
        (one.name.value, one.reason, str(one.user_id)) for one in events if one.reason == "imported"
    ) == sorted(("user_created", "imported", str(account(fakes, email).id)) for email in (ADA, "eve@example.com"))


# --- what is refused


@pytest.mark.parametrize(
    ("later", "reason"),
    [
        (
            {"email": "ADA@example.com"},
            "'ADA@example.com' is the address of an account already, spelt 'ada@example.com'",
        ),
        (
            {"email": ADA, "id": "00000000-0000-4000-8000-000000000001"},
            f"its address is of an account with another id: {ID}",
        ),
        ({"email": "eve@example.com", "id": ID}, "its id is"),
    ],
)
@pytest.mark.parametrize("at_once", [True, False])
async def test_what_meets_an_earlier_account_is_named(
    fakes: OnFakes, later: dict[str, Any], reason: str, *, at_once: bool
) -> None:
    if not at_once:
        await run_import(fakes, lines(OURS))
    _, refusals = await run_import(fakes, lines(OURS, later))
    [refusal] = refusals
    assert refusal.line == 2
    assert refusal.reason.startswith(reason)
    assert len(fakes.users.rows) == 1


async def test_an_exact_copy_of_a_line_is_there_already(fakes: OnFakes) -> None:
    copy = {"email": "eve@example.com"}
    report, _ = await run_import(fakes, lines(OURS, OURS, copy, copy))
    assert report == ImportReport(added=2, there_already=2, without_password=1)


BROKEN: dict[str, tuple[bytes, str]] = {
    "no JSON": (b"{", "no JSON"),
    "another kind of JSON": (b"[1", "no JSON"),
    "a list": (b'"x"', "no JSON object"),
    "depth": (b'{"email":' + b"[" * 200_000, "no JSON"),
    "a line of 2 MiB": (b'{"email":"' + b"a" * (2 << 20), "longer than 1 MiB"),
    "a number of a million digits": (b'{"email":' + b"1" * 500_000 + b"}", "no JSON"),
    "NUL in the line": (b'{"email":"a\0@example.com"}', "no JSON"),
    "NUL in a name": (b'{"email":"a@example.com","firstName":"A\\u0000"}', "NUL"),
    "half a pair": (b'{"email":"a@example.com","firstName":"A\\ud800"}', "no UTF-8"),
    "no UTF-8": (b'{"email":"a@example.com","firstName":"\xff"}', "no UTF-8"),
    "a member twice": (b'{"email":"a@example.com","email":"b@example.com"}', "a member is there twice"),
    "a member twice, within": (b'{"email":"a@example.com","attributes":{"name":"a","name":"b"}}', "twice"),
    "a time of 1e999": (b'{"email":"a@example.com","createdAt":1e999}', "createdAt is no time"),
    "a time that is no number": (b'{"email":"a@example.com","createdAt":NaN}', "createdAt is no time"),
    "disabled by 1e999": (b'{"email":"a@example.com","disabled":1e999}', "neither true nor false"),
    "a hash of a number": (b'{"email":"a@example.com","passwordHash":1e999}', "passwordHash is no text"),
    "NUL in a hash": (
        b'{"email":"a@example.com","passwordHash":"$django-bcrypt-sha256$t=2b,r=5$'
        + b"." * 22
        + b"$"
        + b"\\u0000" * 31
        + b'"}',
        "no PHC string",
    ),
    "NUL in a key of an attribute": (b'{"email":"a@example.com","attributes":{"a\\u0000":"b"}}', "NUL"),
    "no address": (b"{}", "no e-mail address"),
    "a bad address": (b'{"email":"ada"}', "no e-mail address that can have an account"),
    "an address that is no text": (b'{"email":["ada@example.com"]}', "email is no text"),
    "an invisible name": (b'{"email":"a@example.com","firstName":"\\u200b"}', "first name must"),
    "a long name": (b'{"email":"a@example.com","lastName":"' + b"a" * 101 + b'"}', "last name must"),
    "a bad group": (b'{"email":"a@example.com","groups":["a b"]}', "group"),
    "groups of numbers": (b'{"email":"a@example.com","groups":[1]}', "no list of texts"),
    "too many groups": (
        json.dumps({"email": "a@example.com", "groups": [f"g{n}" for n in range(101)]}).encode(),
        "100 groups",
    ),
    "a bad language": (b'{"email":"a@example.com","language":"de_DE; DROP"}', "language"),
    "a bad time": (b'{"email":"a@example.com","createdAt":"yesterday"}', "createdAt is no time"),
    "a time beyond all": (b'{"email":"a@example.com","createdAt":1e300}', "createdAt is no time"),
    "neither true nor false": (b'{"email":"a@example.com","disabled":"maybe"}', "neither true nor false"),
    "a bad attribute": (b'{"email":"a@example.com","attributes":{"birthdate":"soon"}}', "birthdate"),
    "claims that are no object": (b'{"email":"a@example.com","claims":[1]}', "claims is no object"),
    "a claim of the contract's": (b'{"email":"a@example.com","claims":{"sub":"x"}}', "its claims break a rule"),
    "a claim with a fraction": (b'{"email":"a@example.com","claims":{"rate":1e999}}', "its claims break a rule"),
    "a claim that Postgres cannot keep": (
        b'{"email":"a@example.com","claims":{"plan":"a\\u0000"}}',
        "its claims break a rule",
    ),
    "claims of 2 kB": (
        json.dumps({"email": "a@example.com", "claims": {"plan": "x" * 2_000}}).encode(),
        "more than 1000 bytes",
    ),
    "attributes that are no texts": (b'{"email":"a@example.com","attributes":{"nickname":1}}', "no object of texts"),
    "bcrypt of cost 31": (b'{"email":"a@example.com","passwordHash":"$2b$31$' + b"." * 53 + b'"}', "cost is 31"),
    "pbkdf2 of 10^9": (
        b'{"email":"a@example.com","passwordHash":"$pbkdf2-sha256$i=1000000000$c2FsdHNhbHQ$' + b"A" * 43 + b'"}',
        "i is 1000000000",
    ),
    "argon2 of 4 GB": (
        b'{"email":"a@example.com","passwordHash":"$argon2id$v=19$m=4194304,t=1,p=1$c2FsdHNhbHQ$' + b"A" * 43 + b'"}',
        "m is 4194304",
    ),
    "a password in clear": (b'{"email":"a@example.com","passwordHash":"SecurePass1!"}', "no PHC string"),
}


@pytest.mark.parametrize(("line", "reason"), BROKEN.values(), ids=BROKEN.keys())
async def test_a_bad_line_is_refused_by_number_and_the_others_are_taken(
    fakes: OnFakes, line: bytes, reason: str
) -> None:
    content = lines({"email": "first@example.com"}) + line + b"\n\n" + lines({"email": "last@example.com"})
    report, refusals = await run_import(fakes, content)
    [refusal] = refusals
    assert refusal.line == 2
    assert reason in refusal.reason
    assert "SecurePass1!" not in refusal.reason
    assert report.added == 2
    assert {user.email for user in fakes.users.rows.values()} == {"first@example.com", "last@example.com"}


async def test_a_line_that_is_cut_off_is_refused(fakes: OnFakes) -> None:
    report, refusals = await run_import(fakes, lines(OURS) + lines({"email": "eve@example.com"})[:-5])
    assert (report.added, [refusal.line for refusal in refusals]) == (1, [2])


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("keycloak", keycloak(KEYCLOAK_USER, {"email": "eve@example.com"})[:-40], 0),
        ("keycloak", b'{"realm": "main"}', 1),
        ("keycloak", b'{"realm": "main", "users": {}}', 1),
        ("keycloak", b"", 1),
        ("firebase", b'{"users": [\n{"email": "a@example.com"}\n{"email": "b@example.com"}]}', 3),
        ("firebase", b'{"users": [\n' + b"[" * 100_000, 2),
        ("firebase", b'{"users": [\n"' + b"a" * (3 << 20) + b'"]}', 2),
        ("firebase", b'{"users": [1, 2', 1),
        ("django", b'[{"pk": 1,', 1),
        ("cognito", b'email,name\n"ada', 2),
        ("cognito", b"email,name,email\na@example.com,Ada,b@example.com\n", 1),
        ("jsonl", json.dumps({"email": ADA}).encode("utf-16"), 1),
        ("cognito", f"email,name\n{ADA},Ada\n".encode("utf-16"), 1),
        ("firebase", json.dumps({"users": [{"email": ADA}]}).encode("utf-16-le").join([b"\xff\xfe", b""]), 1),
        ("cognito", b"email,name\n" + b'"' + b"a\n" * 100_000, 2),
        ("cognito", b"email,name\n" + b"a" * (2 << 20), 2),
        ("cognito", b'email,name\n"' + b'\n","' * 600_000, (1 << 18) + 2),  # one row of many fields, without end
    ],
)
async def test_a_document_that_breaks_off_is_refused_from_there_on(
    fakes: OnFakes, name: str, content: bytes, line: int
) -> None:
    report, refusals = await run_import(fakes, content, name, key=KEY)
    assert "nothing behind it is read" in refusals[-1].reason
    if line:
        assert refusals[-1].line == line
    assert report.added == len(fakes.users.rows)


async def test_rows_that_do_not_fit_their_header_are_refused_one_by_one(fakes: OnFakes) -> None:
    content = b'\xef\xbb\xbfemail,name\na@example.com\nb@example.com,B,C\n\nc@example.com,C\n"d@exam\nple.com",D\ne@example.com,E\n'
    report, refusals = await run_import(fakes, content, "cognito")
    assert [refusal.line for refusal in refusals] == [2, 3, 6]
    assert report.added == 2


async def test_elements_that_are_no_objects_are_refused_one_by_one(fakes: OnFakes) -> None:
    content = b'[1,\n"two",\n{"email": "a@example.com"},\nnull]'
    report, refusals = await run_import(fakes, content)
    assert [refusal.line for refusal in refusals] == [1, 2, 4]
    assert report.added == 1


async def test_firebase_s_hashes_are_refused_without_the_project_s_key(fakes: OnFakes) -> None:
    _, refusals = await run_import(fakes, firebase(FIREBASE_USER, {"email": "eve@example.com"}), "firebase")
    [refusal] = refusals
    assert "--firebase-key" in refusal.reason


async def test_many_accounts_in_one_long_line_are_read(fakes: OnFakes) -> None:
    """Over the edges of what is read at once, with every character a different number of bytes."""
    people = [{"email": f"ada{number}@example.com", "displayName": f"Äda 山 {number}"} for number in range(3_000)]
    content = json.dumps({"kind": "x", "users": people}, ensure_ascii=False).encode()
    report, _ = await run_import(fakes, content, "firebase", key=KEY)
    assert report.added == 3_000
    assert account(fakes, "ada2999@example.com").first_name == "Äda 山"


async def test_an_empty_file_adds_nothing(fakes: OnFakes) -> None:
    for name in ("jsonl", "django", "auth0", "gotrue", "cognito"):
        assert (await run_import(fakes, b"", name))[0] == ImportReport()


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", -1e9, "1e9"])
async def test_a_time_that_nobody_believes_is_no_reason_to_refuse_or_to_fail(fakes: OnFakes, at: object) -> None:
    report, refusals = await run_import(fakes, lines({"email": ADA, "createdAt": at, "emailVerifiedAt": at}))
    if at == "1e9":
        assert [refusal.reason for refusal in refusals] == ["createdAt is no time"]
        return
    assert report.added == 1
    user = account(fakes)
    assert 1970 <= user.created_at.year <= fakes.ambient.now().year
    assert user.email_verified_at == user.created_at


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("jsonl", lines({**OURS, "disabled": True})),
        ("django", lines({**DJANGO_USER, "fields": {**DJANGO_USER["fields"], "is_active": False}})),
        ("gotrue", lines({**GOTRUE_USER, "banned_until": "2124-02-01 10:00:00+00"})),
        ("gotrue", lines({**GOTRUE_USER, "deleted_at": "2024-02-01 10:00:00+00"})),
        ("keycloak", keycloak({**KEYCLOAK_USER, "enabled": False})),
        ("auth0", lines({**AUTH0_USER, "blocked": True})),
        ("firebase", firebase({**FIREBASE_USER, "disabled": True})),
        (
            "cognito",
            json.dumps(
                {"Users": [{"Username": ADA, "Enabled": False, "Attributes": [{"Name": "email", "Value": ADA}]}]}
            ).encode(),
        ),
    ],
)
async def test_whoever_is_shut_out_of_the_old_system_is_shut_out_here(
    fakes: OnFakes, name: str, content: bytes
) -> None:
    report, _ = await run_import(fakes, content, name, key=KEY)
    assert report.added == 1
    assert account(fakes).disabled_at is not None


async def test_a_dry_run_knows_who_is_there(fakes: OnFakes) -> None:
    await run_import(fakes, lines(OURS))
    report, refusals = await run_import(fakes, lines(OURS, {"email": "ADA@example.com"}), dry=True)
    assert (report.added, report.there_already, len(refusals)) == (0, 1, 1)


async def test_a_number_over_the_edge_of_what_is_read_at_once_is_one_number(fakes: OnFakes) -> None:
    content = b"[" + b" " * (CHUNK - 3) + b'12345, {"email": "ada@example.com"}]'
    report, refusals = await run_import(fakes, content)
    assert (report.added, len(refusals)) == (1, 1)


async def test_an_export_is_in_the_audit_trail_before_its_first_line(fakes: OnFakes) -> None:
    await run_import(fakes, lines(OURS))
    async for line in fakes.application.exports.run(with_hashes=True):
        entries = await fakes.application.audit.trail.latest(fakes.ambient.now().replace(year=2020), 10)
        assert ("users_exported", "with_hashes") in [(one.event.name.value, one.event.reason) for one in entries]
        assert json.loads(line)["passwordHash"] == BCRYPT
        return
    pytest.fail("there was no line")


# --- what of a person arrives, as the real tools write it

PROFILES: dict[str, tuple[str, bytes, dict[str, str], str]] = {
    "django": ("django", lines(DJANGO_USER), {"preferred_username": "ada"}, ""),
    "gotrue": (
        "gotrue",
        lines(
            {
                **GOTRUE_USER,
                "instance_id": "00000000-0000-0000-0000-000000000000",
                "aud": "authenticated",
                "role": "authenticated",
                "phone": "4912345",
                "phone_confirmed_at": None,
                "raw_app_meta_data": {"provider": "email", "providers": ["email"]},
                "raw_user_meta_data": {
                    "sub": ID,
                    "email": ADA,
                    "full_name": "Ada Lovelace",
                    "avatar_url": "https://x.example/a.png",
                    "nickname": "Countess",
                    "locale": "de_AT",
                    "zoneinfo": "Europe/Vienna",
                    "email_verified": True,
                    "phone_verified": False,
                },
                "is_super_admin": None,
                "is_sso_user": False,
                "is_anonymous": False,
            }
        ),
        {
            "phone_number": "+4912345",
            "picture": "https://x.example/a.png",
            "nickname": "Countess",
            "locale": "de_AT",
            "zoneinfo": "Europe/Vienna",
        },
        "de-AT",
    ),
    "keycloak": (
        "keycloak",
        keycloak(
            {
                **KEYCLOAK_USER,
                "totp": True,
                "attributes": {
                    "locale": ["de"],
                    "phone_number": ["0660 / 123"],
                    "department": ["x"],
                    "picture": ["https://x.example/a.png"],
                },
                "disableableCredentialTypes": [],
                "requiredActions": [],
                "federatedIdentities": [{"identityProvider": "google", "userId": "1", "userName": ADA}],
                "realmRoles": ["default-roles-main"],
                "clientRoles": {"account": ["view-profile"]},
                "notBefore": 0,
            }
        ),
        {"preferred_username": "ada", "locale": "de", "picture": "https://x.example/a.png"},
        "de",
    ),
    "auth0, a job's": (
        "auth0",
        lines(
            {
                "user_id": "auth0|65bb",
                "email": ADA,
                "email_verified": True,
                "name": ADA,
                "given_name": "Ada",
                "family_name": "Lovelace",
                "nickname": "Countess",
                "picture": "https://x.example/a.png",
                "phone_number": "+4912345",
                "username": "ada",
                "created_at": "2024-02-01T10:00:00.000Z",
                "updated_at": "2024-02-01T10:00:00.000Z",
                "identities": [
                    {"connection": "Username-Password-Authentication", "provider": "auth0", "isSocial": False}
                ],
                "user_metadata": {"color": "red"},
            }
        ),
        {
            "nickname": "Countess",
            "picture": "https://x.example/a.png",
            "phone_number": "+4912345",
            "preferred_username": "ada",
        },
        "",
    ),
    "firebase": (
        "firebase",
        firebase(
            {
                "localId": "u1",
                "email": ADA,
                "emailVerified": True,
                "displayName": "Ada Lovelace",
                "photoUrl": "https://x.example/a.png",
                "phoneNumber": "+4912345",
                "lastSignedInAt": "1706781600000",
                "createdAt": "1706781600000",
                "customAttributes": '{"admin":true}',
                "providerUserInfo": [
                    {"providerId": "google.com", "rawId": "1", "email": ADA, "displayName": "Ada Lovelace"}
                ],
            }
        ),
        {"picture": "https://x.example/a.png", "phone_number": "+4912345"},
        "",
    ),
    "cognito": (
        "cognito",
        (
            "cognito:username,name,given_name,family_name,nickname,picture,locale,zoneinfo,birthdate,phone_number,email,"
            "email_verified,updated_at,cognito:mfa_enabled,custom:tier\n"
            f"ada,Ada Lovelace,Ada,Lovelace,Countess,,de-AT,Europe/Vienna,02/01/1985,+4912345,{ADA},true,,false,gold\n"
        ).encode(),
        {
            "name": "Ada Lovelace",
            "nickname": "Countess",
            "locale": "de-AT",
            "zoneinfo": "Europe/Vienna",
            "phone_number": "+4912345",
        },
        "de-AT",
    ),
}


@pytest.mark.parametrize(("name", "content", "profile", "language"), PROFILES.values(), ids=PROFILES.keys())
async def test_what_a_system_tells_of_a_person_arrives_as_far_as_its_rules_allow(
    fakes: OnFakes, name: str, content: bytes, profile: dict[str, str], language: str
) -> None:
    report, refusals = await run_import(fakes, content, name, key=KEY)
    assert (report.added, list(refusals)) == (1, [])
    user = account(fakes)
    assert fakes.users.attributes[user.id] == profile
    assert (user.first_name, user.last_name, user.language) == ("Ada", "Lovelace", language)


async def test_an_address_that_auth0_has_among_the_identifiers_alone_is_found(fakes: OnFakes) -> None:
    person = {
        "_id": {"$oid": "5dea"},
        "passwordHash": BCRYPT,
        "connection": "Username-Password-Authentication",
        "identifiers": [
            {"type": "username", "value": "ada", "verified": False},
            {"type": "email", "value": ADA, "verified": True},
        ],
    }
    await run_import(fakes, lines(person), "auth0")
    assert account(fakes).email_verified_at is not None
    await fakes.client.log_in({"email": ADA, "password": vectors.PASSWORD})


async def test_hashes_that_firebase_kept_back_are_refused_by_name(fakes: OnFakes) -> None:
    _, [refusal] = await run_import(
        fakes, firebase({**FIREBASE_USER, "passwordHash": "UkVEQUNURUQ="}), "firebase", key=KEY
    )
    assert "export it as an owner" in refusal.reason


async def test_a_ban_that_is_over_shuts_nobody_out(fakes: OnFakes) -> None:
    await run_import(fakes, lines({**GOTRUE_USER, "banned_until": "2024-02-01 10:00:00+00"}), "gotrue")
    assert account(fakes).disabled_at is None


@pytest.mark.parametrize("name", ["jsonl, lines", "jsonl, an array", "gotrue, a table", "firebase"])
async def test_a_byte_order_mark_and_the_line_ends_of_windows_change_nothing(fakes: OnFakes, name: str) -> None:
    contents = {
        "jsonl, lines": lines(OURS, {"email": "eve@example.com"}),
        "jsonl, an array": json.dumps([OURS, {"email": "eve@example.com"}], indent=1).encode(),
        "gotrue, a table": GOTRUE_TABLE
        + GOTRUE_TABLE.splitlines()[1].replace(b"ada@", b"eve@").replace(b"7b1f", b"7b1e"),
        "firebase": firebase(FIREBASE_USER, {"email": "eve@example.com"}),
    }
    content = b"\xef\xbb\xbf" + contents[name].replace(b"\n", b"\r\n")
    report, refusals = await run_import(fakes, content, name.partition(",")[0], key=KEY)
    assert (report.added, list(refusals)) == (2, [])
    assert account(fakes).created_at.year == 2024


async def test_an_account_whose_document_has_a_member_twice_is_refused_alone(fakes: OnFakes) -> None:
    content = b'{"users": [{"email": "a@example.com", "email": "b@example.com"},\n{"email": "c@example.com"}]}'
    report, [refusal] = await run_import(fakes, content, "firebase", key=KEY)
    assert (report.added, refusal.line, refusal.reason) == (1, 1, "a member is there twice")


async def test_a_dry_run_says_what_the_real_one_then_says(fakes: OnFakes) -> None:
    """Also of what meets a line that is batches away, which is in the table by then."""
    other = "00000000-0000-4000-8000-000000000001"
    given_up = "given-up@example.com"
    fakes.users.is_reserved = lambda canonical_email, _: canonical_email == given_up
    await run_import(fakes, lines({"email": "here@example.com"}))
    people = [{"email": f"ada{number}@example.com"} for number in range(2 * BATCH)]
    content = lines(
        {**OURS, "email": "Ada@Example.com"},
        *people,
        {"email": "ada@example.com"},
        {"email": "Ada@Example.com", "id": other},
        {"email": "Ada@Example.com", "id": ID},
        {"email": "Ada@Example.com"},
        {"email": "eve@example.com", "id": ID},
        {"email": "ADA7@example.com"},
        {"email": "Here@example.com"},
        {"email": "here@example.com"},
        {"email": given_up},
        {"email": given_up.title()},
        {"email": "eve@example.com", "claims": {"sub": "x"}},
    )
    before = dict(fakes.users.rows)
    rehearsed = await run_import(fakes, content, dry=True)
    assert fakes.users.rows == before
    assert await run_import(fakes, content) == rehearsed
    report, refusals = rehearsed
    assert (report.added, report.there_already, report.refused) == (2 * BATCH + 1, 3, 8)
    assert [one.line - 2 * BATCH for one in refusals] == [2, 3, 6, 7, 8, 10, 11, 12]


async def test_a_dump_that_django_itself_made_moves_in(fakes: OnFakes) -> None:
    """One user of each hasher; then one without a usable password, one that is not active, one without an address."""
    content = (ROOT / "tests" / "support" / "django_users.jsonl").read_bytes()
    report, refusals = await run_import(fakes, content, "django")
    assert (report.added, report.without_password, [one.line for one in refusals]) == (9, 2, [10])
    for number in range(len(vectors.DJANGO)):
        email = f"user{number}@example.com"
        assert not account(fakes, email).password_hash.startswith("$bcrypt-sha256$")
        wrong = await fakes.client.post("/auth/login", {"email": email, "password": vectors.PASSWORD + "x"})
        assert wrong.status == 401
        await fakes.client.log_in({"email": email, "password": vectors.PASSWORD})
        user = account(fakes, email)
        assert user.password_hash.startswith("$bcrypt-sha256$")
        assert (user.email, user.first_name, user.last_name) == (f"User{number}@Example.com", "Zoë", "O'Neil")
        assert fakes.users.attributes[user.id] == {"preferred_username": f"user{number}"}
    assert account(fakes, "gone@example.com").disabled_at is not None
    without = account(fakes, f"user{len(vectors.DJANGO)}@example.com")
    assert without.password_hash == ""  # of Django's unusable password no old system knows more


@pytest.mark.parametrize("name", ["phc", "ours"])
async def test_a_hash_that_is_ours_already_is_kept_as_it_is(fakes: OnFakes, name: str) -> None:
    person = await fakes.client.sign_up()
    mine = account(fakes, person["email"].lower()).password_hash
    stored = mine if name == "ours" else vectors.ARGON2["argon2id"]
    await run_import(fakes, lines({"email": ADA, "passwordHash": stored}))
    assert account(fakes).password_hash == stored
    if name == "ours":
        await fakes.client.log_in({"email": ADA, "password": person["password"]})
        assert account(fakes).password_hash == mine

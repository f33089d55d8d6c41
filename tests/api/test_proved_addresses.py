"""Proving an address: by a member nothing else happens, by anybody else the account changes hands."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from aiohttp import ClientResponse

from service.domain.mail.models import Letter
from service.operator_errors import ConfigurationError
from tests.api.test_forgotten_passwords import NEW, Story, another, code_of, is_wrong
from tests.conftest import MakeOnFakes, OnFakes, bearer, problem
from tests.support import passkeys
from tests.support.authenticators import SETTINGS
from tests.support.builders import NOON, part
from tests.support.postbox import MAIL, token_of

REQUIRED = MAIL | {"verification": "required"}


class Signed(Story):
    """Somebody who has signed up, and the mail that came of it."""

    letter: Letter
    tokens: dict[str, Any]

    async def verify(self, body: Mapping[str, object], **headers: str) -> ClientResponse:
        return await self.client.post("/auth/email/verify", body, **headers)

    @property
    def token(self) -> str:
        return token_of(self.letter)

    @property
    def is_proved(self) -> bool:
        return self.user.email_verified_at is not None


@pytest.fixture
async def signed(on_fakes: MakeOnFakes) -> Signed:
    fakes = await on_fakes(mail=MAIL)
    person = await fakes.client.sign_up()
    signed = Signed(fakes, person)
    signed.letter = await signed.postbox.one()
    signed.tokens = await fakes.client.log_in(person)
    return signed


async def untouched(signed: Signed) -> bool:
    """Whether nobody was put out of the account."""
    me = await signed.client.me(signed.tokens)
    by_key = await signed.client.get("/auth/me", **{"x-api-key": signed.person["apiKey"]})
    return (me.status, by_key.status) == (200, 200) and await signed.can_log_in(signed.person["password"])


async def test_a_sign_up_has_a_mail_as_its_consequence(signed: Signed) -> None:
    assert (signed.letter.recipient, signed.letter.template) == (signed.person["email"], "verify")
    assert (len(signed.letter.values["code"]), signed.letter.values["hours"]) == (8, "24")


async def test_without_mail_a_sign_up_has_none(fakes: OnFakes) -> None:
    await fakes.client.sign_up()
    assert fakes.outbox.rows == {}


async def test_a_member_proves_the_address_and_nothing_else_happens(signed: Signed) -> None:
    answer = await signed.verify({"token": signed.token}, **bearer(signed.tokens))
    assert (answer.status, await answer.json()) == (200, {"message": "The address is proved."})
    assert signed.is_proved
    assert await untouched(signed)
    assert ("user_updated", "email_verified") in signed.told()
    assert ("user_updated", "squatter_evicted") not in signed.told()
    assert await is_wrong(await signed.verify({"token": signed.token}, **bearer(signed.tokens)))


async def test_a_code_does_as_well_as_a_link(signed: Signed) -> None:
    body = {"email": signed.person["email"], "code": signed.letter.values["code"]}
    assert (await signed.verify(body, **bearer(signed.tokens))).status == 200
    assert signed.is_proved


async def test_the_password_does_as_well_as_a_session(signed: Signed) -> None:
    wrong = await signed.verify({"token": signed.token, "password": "Wrong-Pass1!"})
    assert await code_of(wrong) == (401, "invalid_credentials")
    assert not signed.is_proved
    assert (await signed.verify({"token": signed.token, "password": signed.person["password"]})).status == 200
    assert signed.is_proved
    assert await untouched(signed)


async def test_wrong_passwords_count_as_failed_logins(on_fakes: MakeOnFakes) -> None:
    fakes = await on_fakes(mail=MAIL, throttle={"exempt": [], "login_account_source": "1/5m"})
    signed = Signed(fakes, await fakes.client.sign_up())
    body = {"token": token_of(await signed.postbox.one()), "password": "Wrong-Pass1!"}
    assert [(await signed.verify(body)).status for _ in range(2)] == [401, 429]
    assert not await signed.can_log_in(signed.person["password"])


async def test_whoever_is_not_in_the_account_takes_it_over(signed: Signed) -> None:
    answer = await signed.verify({"token": signed.token, "newPassword": NEW})
    assert answer.status == 200
    assert (await answer.json())["message"].startswith("The address is proved. The password is changed.")
    assert signed.is_proved
    assert (await signed.client.refresh(signed.tokens)).status == 401
    assert (await signed.client.get("/auth/me", **{"x-api-key": signed.person["apiKey"]})).status == 401
    assert (await signed.can_log_in(NEW), await signed.can_log_in(signed.person["password"])) == (True, False)


@pytest.mark.parametrize("token", [None, "mv_wrong"])
async def test_a_link_alone_is_not_enough_and_what_is_is_said(signed: Signed, token: str | None) -> None:
    answer = await signed.verify({"token": token or signed.token})
    assert answer.status == 422
    (broken,) = problem(await answer.text())["errors"]
    assert (broken["field"], broken["code"]) == ("newPassword", "missing")
    assert broken["message"] == "send an id token of the account, its password, or a new one"
    assert not signed.is_proved


async def test_a_session_of_another_account_proves_nothing(signed: Signed) -> None:
    other = await signed.client.log_in(await signed.client.sign_up())
    assert await is_wrong(await signed.verify({"token": signed.token}, **bearer(other)))
    assert not signed.is_proved
    assert (await signed.verify({"token": signed.token}, **bearer(signed.tokens))).status == 200


@pytest.mark.parametrize("headers", [{"Authorization": "Bearer nonsense"}, {"x-api-key": "ak_nonsense"}])
async def test_a_credential_that_is_not_good_is_refused(signed: Signed, headers: dict[str, str]) -> None:
    assert await code_of(await signed.verify({"token": signed.token}, **headers)) == (401, "invalid_token")


async def test_a_code_for_an_address_outlives_a_change_of_the_password(signed: Signed) -> None:
    body = {"currentPassword": signed.person["password"], "newPassword": NEW}
    assert (await signed.client.post("/auth/password", body, **bearer(signed.tokens))).status == 200
    assert (await signed.verify({"token": signed.token}, **bearer(signed.tokens))).status == 200


async def test_a_code_is_good_for_a_day(signed: Signed) -> None:
    signed.fakes.ambient.advance(hours=24)
    tokens = await signed.client.log_in(signed.person)
    assert await is_wrong(await signed.verify({"token": signed.token}, **bearer(tokens)))


async def test_a_proof_can_be_asked_for(signed: Signed) -> None:
    signed.fakes.ambient.advance(hours=25)
    tokens = await signed.client.log_in(signed.person)
    answer = await signed.client.post("/auth/email/verification", None, **bearer(tokens))
    assert answer.status == 202
    letter = await signed.postbox.one()
    assert letter.values["code"] != signed.letter.values["code"]
    assert (await signed.verify({"token": token_of(letter)}, **bearer(tokens))).status == 200
    again = await signed.client.post("/auth/email/verification", None, **bearer(tokens))
    assert (again.status, await again.json()) == (202, await answer.json())
    assert await signed.postbox.collect() == []


async def test_a_mail_that_waits_while_the_address_is_proved_is_not_sent(signed: Signed) -> None:
    await signed.client.post("/auth/email/verification", None, **bearer(signed.tokens))
    signed.prove()
    assert await signed.postbox.collect() == []


async def test_the_id_token_tells_whether_the_address_is_proved(signed: Signed) -> None:
    await signed.verify({"token": signed.token}, **bearer(signed.tokens))
    tokens = await signed.client.log_in(signed.person)
    assert b'"email_verified":true' in part(tokens["idToken"], 1)


async def test_it_is_limited_how_many_mails_a_member_asks_for(on_fakes: MakeOnFakes) -> None:
    fakes = await on_fakes(mail=MAIL, throttle={"exempt": [], "mail_source": "1/1h"})
    tokens = await fakes.client.log_in(await fakes.client.sign_up())
    asked = [await fakes.client.post("/auth/email/verification", None, **bearer(tokens)) for _ in range(2)]
    assert [answer.status for answer in asked] == [202, 429]
    assert asked[-1].headers["RateLimit-Policy"] == '"mail-user";q=1;w=3600'
    other = await fakes.client.log_in(await fakes.client.sign_up())
    assert (await fakes.client.post("/auth/email/verification", None, **bearer(other))).status == 202


async def test_strangers_who_use_up_all_mails_keep_no_member_from_asking(on_fakes: MakeOnFakes) -> None:
    fakes = await on_fakes(mail=MAIL, throttle={"exempt": [], "mail_source": "2/1h", "mail_global": "1/1h"})
    person = await fakes.client.sign_up()
    tokens = await fakes.client.log_in(person)
    forgot = [await fakes.client.post("/auth/forgot", {"email": "nobody@example.com"}) for _ in range(2)]
    assert [answer.status for answer in forgot] == [202, 429]
    assert (await fakes.client.post("/auth/email/verification", None, **bearer(tokens))).status == 202
    change = {"newEmail": "next@example.com", "password": person["password"]}
    assert (await fakes.client.post("/auth/email", change, **bearer(tokens))).status == 202
    assert (await fakes.client.post("/auth/email", change, **bearer(tokens))).status == 429  # one row for both calls


async def test_members_who_ask_take_no_mails_from_strangers(on_fakes: MakeOnFakes) -> None:
    fakes = await on_fakes(mail=MAIL, throttle={"exempt": [], "mail_source": "1/1h", "mail_global": "1/1h"})
    for _ in range(3):
        tokens = await fakes.client.log_in(await fakes.client.sign_up())
        assert (await fakes.client.post("/auth/email/verification", None, **bearer(tokens))).status == 202
    assert (await fakes.client.post("/auth/forgot", {"email": "nobody@example.com"})).status == 202


@pytest.mark.parametrize("factor", [None, NOON])
async def test_a_proof_with_the_password_makes_a_network_known_only_where_that_is_a_whole_login(
    on_fakes: MakeOnFakes, factor: datetime | None
) -> None:
    fakes = await on_fakes(mail=MAIL, throttle={"exempt": [], "login_account_source": "3/5m"})
    signed = Signed(fakes, await fakes.client.sign_up())
    token = token_of(await signed.postbox.one())
    fakes.users.rows[signed.user.id] = replace(signed.user, second_factor_since=factor)
    assert (await signed.verify({"token": token, "password": "Wrong-Pass1!"})).status == 401
    assert (await signed.verify({"token": token, "password": signed.person["password"]})).status == 200
    known = [key async for key in fakes.redis.scan_iter("*:known:*")]
    assert len(known) == (0 if factor else 1)
    if factor:  # the wrong password counts on, and the right one does not count
        assert [(await log_in(signed, "Wrong-Pass1!")).status for _ in range(3)] == [401, 401, 429]


async def test_without_mail_nothing_of_it_is_offered(fakes: OnFakes) -> None:
    tokens = await fakes.client.log_in(await fakes.client.sign_up())
    asked = await fakes.client.post("/auth/email/verification", None, **bearer(tokens))
    assert await code_of(asked) == (501, "not_configured")
    for more in ({"newPassword": NEW}, {"password": "x"}, {}):
        sent = await fakes.client.post("/auth/email/verify", {"token": "x", **more}, **bearer(tokens))
        assert await code_of(sent) == (501, "not_configured")


# --- where a proof is required


@pytest.fixture
async def barred(on_fakes: MakeOnFakes) -> Signed:
    fakes = await on_fakes(mail=REQUIRED)
    barred = Signed(fakes, await fakes.client.sign_up())
    barred.letter = await barred.postbox.one()
    return barred


async def log_in(story: Story, password: str) -> ClientResponse:
    return await story.client.post("/auth/login", {"email": story.person["email"], "password": password})


async def test_a_login_waits_for_the_proof(barred: Signed) -> None:
    assert await code_of(await log_in(barred, barred.person["password"])) == (403, "email_not_verified")
    assert await code_of(await log_in(barred, "Wrong-Pass1!")) == (401, "invalid_credentials")
    assert [key async for key in barred.fakes.redis.scan_iter("th:session:*")] == []
    assert (await barred.verify({"token": barred.token, "password": barred.person["password"]})).status == 200
    assert (await log_in(barred, barred.person["password"])).status == 200


async def test_a_refused_login_brings_another_mail(barred: Signed) -> None:
    barred.fakes.ambient.advance(seconds=1)
    await log_in(barred, barred.person["password"])
    letter = await barred.postbox.one()
    assert letter.values["code"] != barred.letter.values["code"]
    assert await is_wrong(await barred.verify({"token": barred.token, "newPassword": NEW}))
    assert (await barred.verify({"token": token_of(letter), "newPassword": NEW})).status == 200
    await log_in(barred, "Wrong-Pass1!")
    assert await barred.postbox.collect() == []


async def test_a_refused_login_is_no_failed_one_and_its_mails_are_limited(on_fakes: MakeOnFakes) -> None:
    limits = {"exempt": [], "login_account_source": "2/5m", "mail_source": "1/1h"}
    fakes = await on_fakes(mail=REQUIRED, throttle=limits)
    barred = Signed(fakes, await fakes.client.sign_up())
    await barred.postbox.collect()
    assert [(await log_in(barred, barred.person["password"])).status for _ in range(4)] == [403] * 4
    assert len(await barred.postbox.collect()) == 1


async def test_a_forgotten_password_proves_the_address_too(barred: Signed) -> None:
    await barred.client.post("/auth/forgot", {"email": barred.person["email"]})
    assert (await barred.reset(await barred.postbox.one())).status == 200
    assert (await log_in(barred, NEW)).status == 200


async def test_a_refresh_asks_for_no_proof(barred: Signed) -> None:
    barred.prove()
    tokens = await barred.client.log_in(barred.person)
    barred.fakes.users.rows[barred.user.id] = replace(barred.user, email_verified_at=None)
    assert (await barred.client.refresh(tokens)).status == 200
    assert (await barred.client.me(tokens)).status == 200


async def test_a_mail_that_cannot_be_filed_does_not_change_the_answer(
    barred: Signed, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(barred.fakes.outbox, "add", fail)
    assert await code_of(await log_in(barred, barred.person["password"])) == (403, "email_not_verified")
    await barred.client.sign_up()


async def test_a_proof_that_no_mail_can_ask_for_stops_the_start(on_fakes: MakeOnFakes) -> None:
    with pytest.raises(ConfigurationError, match=r"^mail\.verification is required, but there is no mail: .*$"):
        await on_fakes(mail={"verification": "required"})


async def test_wrong_codes_of_members_are_counted_too(signed: Signed) -> None:
    code = signed.letter.values["code"]
    body = {"email": signed.person["email"], "code": another(code)}
    for _ in range(5):
        assert await is_wrong(await signed.verify(body, **bearer(signed.tokens)))
    assert await is_wrong(await signed.verify(body | {"code": code}, **bearer(signed.tokens)))


async def test_a_mail_that_came_first_is_no_way_into_an_account_that_is_proved(signed: Signed) -> None:
    assert (await signed.verify({"token": signed.token}, **bearer(signed.tokens))).status == 200
    assert await is_wrong(await signed.verify({"token": signed.token, "newPassword": NEW}))
    assert await untouched(signed)


async def test_where_a_proof_is_required_no_key_of_an_unproved_account_is_good(on_fakes: MakeOnFakes) -> None:
    fakes = await on_fakes(mail=MAIL | {"verification": "required"})
    person = await fakes.client.sign_up()
    story = Signed(fakes, person)
    token = token_of(await story.postbox.one())
    key = {"x-api-key": person["apiKey"]}
    for path in ("/auth/me", "/auth/verify"):
        assert (await fakes.client.get(path, **key)).status == 401
    assert (await story.verify({"token": token, "password": person["password"]})).status == 200
    assert (await fakes.client.get("/auth/verify", **key)).status in (200, 204)


async def test_where_a_proof_is_required_no_passkey_goes_around_it(on_fakes: MakeOnFakes) -> None:
    fakes = await on_fakes(mail=MAIL, passkeys=SETTINGS)
    person = await fakes.client.sign_up()
    device, _ = await passkeys.enrol(fakes.client, person, await fakes.client.log_in(person))
    assert (await passkeys.log_in_by(fakes.client, device)).status == 200
    application = fakes.application
    strict = replace(application.login.address_proof, is_required=True)
    object.__setattr__(application, "login", replace(application.login, address_proof=strict))
    refused = await passkeys.log_in_by(fakes.client, device)
    assert await code_of(refused) == (403, "email_not_verified")

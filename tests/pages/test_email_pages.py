"""Another e-mail address by the pages, and the proof of the one that there is."""

from tests.pages.conftest import MakeTown
from tests.support.account_pages import Person, enrol, is_signed_in
from tests.support.pages import Town
from tests.support.postbox import Postbox

PATH, CODE = "/account/email", "/account/email/code"
NEW = "new@example.com"


async def member_with_postbox(town: Town) -> tuple[Person, Postbox]:
    """The mail of the sign-up is read already."""
    person, postbox = await town.member(), Postbox(town.fakes.application)
    await postbox.collect()
    return person, postbox


async def test_the_address_is_changed_by_the_code_of_the_mail(town: Town) -> None:
    person, postbox = await member_with_postbox(town)
    elsewhere = town.another()
    await elsewhere.sign_in(person)
    page = await town.browser.get(PATH)
    asked = await town.browser.submit(page, PATH, newEmail=NEW, password=person["password"])
    assert asked.goes_to == CODE
    letter = await postbox.one()
    assert letter.recipient == NEW
    code = letter.values["code"]
    done = await town.browser.submit(await town.browser.follow(asked), CODE, code=f"{code[:4]} {code[4:]}")
    assert done.goes_to == f"{PATH}?done=1"
    shown = await town.browser.follow(done)
    assert NEW in shown.main
    assert "changed" in shown.status_words
    assert not await is_signed_in(elsewhere)
    assert (await town.another().sign_in(person | {"email": NEW})).goes_to == "/account"


async def test_an_address_with_an_account_gets_the_same_answer_and_no_mail(town: Town) -> None:
    other = await town.fakes.client.sign_up()
    person, postbox = await member_with_postbox(town)
    asked = await town.browser.post(PATH, {"newEmail": other["email"], "password": person["password"]})
    assert asked.goes_to == CODE
    assert await postbox.collect() == []


async def test_refusals_stand_beside_their_fields_and_no_mail_goes_out(town: Town) -> None:
    person, postbox = await member_with_postbox(town)
    wrong = await town.browser.post(PATH, {"newEmail": NEW, "password": "WrongPass1!"})
    assert (wrong.status, list(wrong.broken)) == (401, ["password"])
    assert wrong.page.inputs["newEmail"]["value"] == NEW
    bad = await town.browser.post(PATH, {"newEmail": "nobody", "password": person["password"]})
    assert (bad.status, bad.broken) == (422, {"newEmail": "This must be an e-mail address such as ada@example.com."})
    assert await postbox.collect() == []


async def test_a_wrong_code_of_the_mail_is_refused_beside_its_field(town: Town) -> None:
    person, postbox = await member_with_postbox(town)
    await town.browser.post(PATH, {"newEmail": NEW, "password": person["password"]})
    right = (await postbox.one()).values["code"]
    wrong = await town.browser.post(CODE, {"code": "00000000" if right != "00000000" else "11111111"})
    assert (wrong.status, wrong.focused) == (401, ["code"])
    assert list((await town.browser.post(CODE, {"code": " "})).broken) == ["code"]
    assert person["email"] in (await town.browser.get(PATH)).main


async def test_an_account_with_a_second_factor_needs_a_code_of_it(town: Town) -> None:
    person = await town.member()
    app = await enrol(town, person)
    assert "code" in (await town.browser.get(PATH)).page.inputs
    fields = {"newEmail": NEW, "password": person["password"]}
    assert (await town.browser.post(PATH, fields)).focused == ["code"]
    fields["code"] = app.code(town.fakes.ambient.now())
    assert (await town.browser.post(PATH, fields)).goes_to == CODE


async def test_the_proof_of_the_present_address_can_be_sent_again(town: Town) -> None:
    _, postbox = await member_with_postbox(town)
    page = await town.browser.get(PATH)
    sent = await town.browser.submit(page, f"{PATH}/proof")
    assert sent.goes_to == "/verify?sent=1"
    letter = await postbox.one()
    proved = await town.browser.post("/verify", {"email": letter.recipient, "code": letter.values["code"]})
    assert proved.goes_to == "/verify?done=1"
    assert [one.action for one in (await town.browser.get(PATH)).page.forms if "proof" in one.action] == []


async def test_mails_have_a_limit_here_too(make_town: MakeTown) -> None:
    town = await make_town(throttle={"exempt": [], "mail_source": "2/1h"})
    await town.member()
    statuses = [(await town.browser.post(f"{PATH}/proof")).status for _ in range(3)]
    assert statuses == [303, 303, 429]

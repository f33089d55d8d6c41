"""Sign-in and its second step."""

import pytest

from tests.support.pages import Browser, Town


async def test_signs_in_and_leads_to_the_account(town: Town, browser: Browser) -> None:
    person = await town.fakes.client.sign_up()
    signed_in = await browser.sign_in(person)
    assert (signed_in.status, signed_in.goes_to) == (303, "/account")
    account = await browser.follow(signed_in)
    assert account.status == 200
    assert person["email"] in account.main


@pytest.mark.parametrize("password", ["WrongPass1!", "", "x" * 300])
async def test_a_refusal_is_the_form_again_without_the_password(town: Town, browser: Browser, password: str) -> None:
    person = await town.fakes.client.sign_up()
    refused = await browser.sign_in(person | {"password": password})
    assert refused.status in (401, 422)
    assert refused.page.inputs["email"]["value"] == person["email"]
    assert refused.page.inputs["password"]["value"] == ""
    assert not password or password not in refused.text

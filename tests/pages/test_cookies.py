"""Cookies that another host, or another port of ours, put beside our own: `__Host-` keeps them from having our names."""

import asyncio

import pytest

from tests.pages.conftest import MakeTown
from tests.support.pages import NAVIGATION, Shown, Town

HTTPS = {"issuer": "https://accounts.example.com"}
INSIDE = {  # another cookie's value, in which ours seems to begin
    "a blank": "x=1 {}",
    "a tab": "x=1\t{}",
    "a comma": "x=1, {}",
    "quotes": 'x="1" {}',
    "a name with a blank": "x {}",
}
BESIDE = ("x=1; {}; y=2", "x=1;{}", 'x="a; {}; y=b"', "x; {}", 'x={{"a": 1}}; {}', "x=\xe9; {}")


async def account(town: Town, cookies: str) -> Shown:
    return await town.another().send("GET", "/account", NAVIGATION | {"Cookie": cookies})


@pytest.mark.parametrize("around", INSIDE.values(), ids=INSIDE)
async def test_a_cookie_inside_the_value_of_another_one_signs_nobody_in(make_town: MakeTown, around: str) -> None:
    """Sibling hosts may set `x`; with it they would sign a visitor in to an account of theirs."""
    town = await make_town(tokens=HTTPS)
    await town.member()
    theirs = f"__Host-tokenhouse={town.browser.session}"
    assert (await account(town, theirs)).status == 200
    assert (await account(town, around.format(theirs))).goes_to == "/sign-in?next=/account"


async def test_a_cookie_inside_another_one_does_not_take_the_place_of_ours(make_town: MakeTown) -> None:
    town = await make_town(tokens=HTTPS)
    await town.member()
    mine = f"__Host-tokenhouse={town.browser.session}"
    for cookies in (f"{mine}; x=1 __Host-tokenhouse=ps_theirs", f"x=1 __Host-tokenhouse=ps_theirs; {mine}"):
        assert (await account(town, cookies)).status == 200


@pytest.mark.parametrize("around", BESIDE)
async def test_other_cookies_beside_ours_do_no_harm(town: Town, around: str) -> None:
    await town.member()
    assert (await account(town, around.format(f"tokenhouse={town.browser.session}"))).status == 200


async def test_of_two_cookies_with_our_name_none_counts(town: Town) -> None:
    """By HTTP another port can set one for a longer path, and browsers send that one first."""
    await town.member()
    mine = f"tokenhouse={town.browser.session}"
    for cookies in (f"{mine}; tokenhouse=ps_theirs", f"tokenhouse=ps_theirs; {mine}"):
        assert (await account(town, cookies)).goes_to == "/sign-in?next=/account"


@pytest.mark.parametrize("path", ["/sign-in/code", "/sign-in/set-up", "/sign-in/set-up/confirm"])
async def test_bytes_that_are_no_text_are_no_cookie_and_no_defect(town: Town, path: str) -> None:
    """They reach us as lone surrogates, of which no digest can be made."""
    reader, writer = await asyncio.open_connection("127.0.0.1", town.fakes.client.port)
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nSec-Fetch-Site: same-origin\r\n".encode()
    form = b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 11\r\n"
    writer.write(head + form + b"Cookie: tokenhouse-challenge=ch_\xff; tokenhouse=ps_\xff\r\n\r\ncode=123456")
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 303 ")
    assert b"Location: /sign-in\r\n" in answer

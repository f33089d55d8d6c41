"""What every page and every file beside it is sent with, and what no page may hold. Generated from the table."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from service.operator_errors import ConfigurationError
from service.pages.page import Page
from service.pages.rendering import POLICY
from tests.conftest import MakeOnFakes
from tests.pages.conftest import MakeTown
from tests.support.page_recipes import FORMS, PAGES, FormOf, path_of
from tests.support.pages import Shown, Town

EXPECTED = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def require_headers(shown: Shown) -> None:
    for name, value in EXPECTED.items():
        assert shown.headers.getall(name) == [value], name
    assert "publickey-credentials-get=(self)" in shown.headers["Permissions-Policy"]
    assert "Access-Control-Allow-Origin" not in shown.headers
    assert shown.headers["X-Request-Id"]
    if shown.status != 303:
        assert shown.headers["Content-Type"] == "text/html; charset=utf-8"


def require_inert(shown: Shown) -> None:
    """No script or style in the page, nothing of another host, one heading, a label for each field."""
    for tag, said in shown.page.elements:
        assert tag != "style"
        assert tag != "script" or said.get("src", "").startswith("/static/")
        assert not {name for name in said if name.startswith("on") or name == "style"}, (tag, said)
        for name in ("src", "href", "action"):
            if name in said:
                assert re.match(r"/(?!/)|#", said[name]), said
        if tag == "form":
            assert said["method"] == "post"
    assert shown.page.tags["h1"]
    labels = {said["for"] for tag, said in shown.page.elements if tag == "label" and "for" in said}
    for name, said in shown.page.inputs.items():
        if said.get("type", "submit") not in ("hidden", "submit"):
            assert said["id"] in labels, name


def test_the_policy_lets_nothing_in_that_is_not_ours() -> None:
    parts = dict(part.strip().split(" ", 1) for part in POLICY.split(";"))
    assert parts["default-src"] == "'none'"
    assert parts["form-action"] == "'self'"
    assert parts["frame-ancestors"] == "'none'"
    assert parts["base-uri"] == "'none'"
    assert parts["script-src"] == parts["style-src"] == "'self'"
    assert "unsafe" not in POLICY
    assert "http" not in POLICY


@pytest.mark.parametrize("page", PAGES, ids=lambda one: one.path)
async def test_each_page_is_sent_with_what_protects_it(town: Town, page: Page) -> None:
    await town.member()
    for browser in (town.browser, town.another()):
        shown = await browser.get(path_of(page.path))
        require_headers(shown)
        if shown.status != 303:
            require_inert(shown)


@pytest.mark.parametrize("form", FORMS, ids=lambda one: one.path)
async def test_so_is_each_refusal(town: Town, form: FormOf) -> None:
    await town.member()
    for headers in ({}, {"Sec-Fetch-Site": "cross-site"}):
        shown = await town.browser.post(path_of(form.path), {}, **headers)
        require_headers(shown)
        if shown.status != 303:
            require_inert(shown)


async def test_static_files_are_kept_for_ever_under_names_that_change(town: Town) -> None:
    shown = await town.browser.get("/sign-in")
    links = [said["href"] for tag, said in shown.page.elements if tag == "link" and said.get("rel") == "stylesheet"]
    assert links
    for link in links:
        file = await town.browser.get(link)
        assert file.status == 200
        assert file.headers["Content-Type"] == "text/css"
        assert file.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert file.headers["X-Content-Type-Options"] == "nosniff"
        assert file.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert "http" not in file.text
        assert (await town.browser.send("HEAD", link, {})).status == 200


@pytest.mark.parametrize("path", ["/static/house.css", "/static/", "/static/..%2fpage.py", "/static/house.0.css"])
async def test_other_names_are_no_files(town: Town, path: str) -> None:
    assert (await town.browser.get(path)).status == 404


# --- brand


async def test_the_brand_is_the_operators(make_town: MakeTown, tmp_path: Path) -> None:
    logo, style = tmp_path / "mark.SVG", tmp_path / "own.css"
    logo.write_text('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>')
    style.write_text("body { color: red }")
    town = await make_town({"brand": " Ada & <Co> ", "logo": str(logo), "stylesheet": str(style)})
    shown = await town.browser.get("/sign-in")
    assert shown.page.tags["title"] == ["Sign in · Ada & <Co>"]
    assert "<Co>" not in shown.text
    links = [said["href"] for tag, said in shown.page.elements if tag == "link"]
    assert [link.split(".")[0] for link in links] == ["/static/house", "/static/stylesheet"]  # the last one wins
    (source,) = [said["src"] for tag, said in shown.page.elements if tag == "img"]
    image = await town.browser.get(source)
    assert image.headers["Content-Type"] == "image/svg+xml"
    assert "sandbox" in image.headers["Content-Security-Policy"]  # opened by itself, it runs nothing


BAD: Mapping[str, tuple[str, str, bytes | None]] = {
    "a missing logo": ("logo", "none.svg", None),
    "a missing style sheet": ("stylesheet", "none.css", None),
    "a logo of another kind": ("logo", "logo.gif", b"GIF89a"),
    "a page as the logo": ("logo", "logo.html", b"<html>"),
    "a style sheet of another kind": ("stylesheet", "style.js", b""),
    "too large a logo": ("logo", "logo.png", b"x" * (1024 * 1024 + 1)),
}


@pytest.mark.parametrize("what", BAD)
async def test_a_file_that_is_not_usable_stops_the_start_with_one_line(
    on_fakes: MakeOnFakes, tmp_path: Path, what: str
) -> None:
    setting, name, content = BAD[what]
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigurationError) as refused:
        await on_fakes(pages={"enabled": True, setting: str(tmp_path / name)})
    assert str(refused.value).startswith(f"pages.{setting}: ")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("brand", ["", "   ", "x" * 65])
async def test_a_brand_is_a_short_name(on_fakes: MakeOnFakes, brand: str) -> None:
    with pytest.raises(ValueError, match="brand"):
        await on_fakes(pages={"enabled": True, "brand": brand})

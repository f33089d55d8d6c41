"""A browser without scripts: it keeps cookies, sends what a browser sends, and reads what a page shows."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from html.parser import HTMLParser
from http.cookies import Morsel, SimpleCookie
from typing import Any, Self

import pyotp
from aiohttp import ClientResponse, ClientSession
from multidict import CIMultiDictProxy

from service.settings import TokenSettings, origin_of
from tests.conftest import OnFakes
from tests.support.builders import PASSWORD

ORIGIN = origin_of(TokenSettings().issuer)
AS_BROWSERS_DO = {"Sec-Fetch-Site": "same-origin", "Origin": ORIGIN}
NAVIGATION = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Sec-Fetch-Mode": "navigate"}
VOID = frozenset({"input", "img", "meta", "link", "br", "hr"})


@dataclass
class ShownForm:
    """A form of a page: where it goes, and what it holds as the page stands."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[str] = field(default_factory=list)


class Reader(HTMLParser):
    """What tests ask of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[ShownForm] = []
        self.ids: dict[str, list[str]] = {}  # texts by the id of the element around them
        self.roles: dict[str, list[str]] = {}
        self.tags: dict[str, list[str]] = {}
        self.links: dict[str, str] = {}  # hrefs by their texts
        self.focused: list[str] = []
        self.inputs: dict[str, Mapping[str, str]] = {}
        self.elements: list[tuple[str, Mapping[str, str]]] = []
        self._open: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        self.elements.append((tag, said))
        if tag == "form":
            self.forms.append(ShownForm(said.get("action", ""), said.get("method", "get")))
        if "name" in said and tag in ("input", "textarea", "select", "button"):
            self.inputs[said["name"]] = said
            is_unchecked = said.get("type") in ("checkbox", "radio") and "checked" not in said
            if self._is_in("form") and tag != "button" and not is_unchecked:
                self.forms[-1].fields[said["name"]] = said.get("value", "")
        if "autofocus" in said:
            self.focused.append(said.get("name", ""))
        if tag not in VOID:
            self._open.append((tag, said))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not (text := " ".join(data.split())):
            return
        for tag, said in self._open:
            self.tags.setdefault(tag, []).append(text)
            for kind, texts in (("id", self.ids), ("role", self.roles)):
                if kind in said:
                    texts.setdefault(said[kind], []).append(text)
            if tag == "a" and "href" in said:
                self.links[text] = said["href"]
            if tag == "button" and self._is_in("form"):
                self.forms[-1].buttons.append(text)

    def _is_in(self, tag: str) -> bool:
        return any(one == tag for one, _ in self._open)


@dataclass
class Shown:
    """An answer, and the page in it."""

    status: int
    headers: CIMultiDictProxy[str]
    text: str
    cookies: dict[str, Morsel[str]]

    def __post_init__(self) -> None:
        self.page = Reader()
        self.page.feed(self.text)

    @classmethod
    async def of(cls, answer: ClientResponse) -> Self:
        cookies: dict[str, Morsel[str]] = {}
        for line in answer.headers.getall("Set-Cookie", []):
            cookies.update(SimpleCookie(line))
        return cls(answer.status, answer.headers, await answer.text(errors="replace"), cookies)

    @property
    def goes_to(self) -> str:
        """Where a 303 leads to; empty for all else."""
        return self.headers.get("Location", "") if self.status == 303 else ""

    @property
    def heading(self) -> str:
        return " ".join(self.page.tags.get("h1", []))

    @property
    def refusal(self) -> str:
        """The words above the form; empty where nothing was refused."""
        return " ".join(self.page.roles.get("alert", []))

    @property
    def status_words(self) -> str:
        return " ".join(self.page.roles.get("status", []))

    @property
    def broken(self) -> dict[str, str]:
        """The words beside the fields that were refused."""
        return {
            name.removesuffix("-error"): " ".join(texts)
            for name, texts in self.page.ids.items()
            if name.endswith("-error")
        }

    @property
    def focused(self) -> list[str]:
        return self.page.focused

    @property
    def main(self) -> str:
        return " ".join(self.page.tags.get("main", []))

    def form(self, action: str, number: int = 0) -> ShownForm:
        """That with this action; `number` of several."""
        return [one for one in self.page.forms if one.action == action][number]


class Browser:
    """One person's browser at one instance. `origin` is the service's own."""

    def __init__(self, http: ClientSession, origin: str = ORIGIN) -> None:
        self._http = http
        self._own = AS_BROWSERS_DO | {"Origin": origin}
        self.cookies: dict[str, str] = {}

    def copy(self) -> "Browser":
        """Another browser with the same cookies."""
        other = Browser(self._http, self._own["Origin"])
        other.cookies = dict(self.cookies)
        return other

    async def get(self, path: str, **headers: str) -> Shown:
        return await self.send("GET", path, NAVIGATION | headers)

    async def post(self, path: str, fields: Mapping[str, str] | None = None, **headers: str) -> Shown:
        """Of a page of ours. Fields go as they are, so a test may send what no page would."""
        return await self.send("POST", path, NAVIGATION | self._own | headers, fields or {})

    async def send(
        self, method: str, path: str, headers: Mapping[str, str], fields: Mapping[str, str] | None = None
    ) -> Shown:
        """Exactly these headers, the cookies, and a form. Redirects are not followed."""
        sent = dict(headers)
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        async with self._http.request(method, path, data=fields, headers=sent, allow_redirects=False) as answer:
            shown = await Shown.of(answer)
        for name, morsel in shown.cookies.items():
            if morsel["max-age"] == "0":
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = morsel.value
        return shown

    async def follow(self, shown: Shown) -> Shown:
        """Where a 303 leads to, to its end."""
        while to := shown.goes_to:
            shown = await self.get(to)
        return shown

    async def submit(self, shown: Shown, action: str, /, **fields: str) -> Shown:
        """The form of a page with what it holds, and these fields filled in."""
        return await self.post(action, shown.form(action).fields | fields)

    # --- what people do

    async def sign_up(self, person: Mapping[str, Any]) -> Shown:
        names = ("email", "firstName", "lastName", "password")
        return await self.submit(await self.get("/sign-up"), "/sign-up", **{one: person[one] for one in names})

    async def sign_in(self, person: Mapping[str, Any], following: str = "") -> Shown:
        page = await self.get(f"/sign-in?next={following}" if following else "/sign-in")
        return await self.submit(page, "/sign-in", email=person["email"], password=person.get("password", PASSWORD))

    async def sign_in_with_code(self, person: Mapping[str, Any], code: str) -> Shown:
        """Both steps."""
        step = await self.follow(await self.sign_in(person))
        return await self.submit(step, "/sign-in/code", code=code)

    @property
    def session(self) -> str:
        """The token of the session's cookie; empty when signed out."""
        return next((value for name, value in self.cookies.items() if name.endswith("tokenhouse")), "")


@dataclass(frozen=True)
class Town:
    """The service on fakes with its pages, a browser, and the API beside it."""

    fakes: OnFakes
    browser: Browser

    def another(self) -> Browser:
        """A browser that was never here."""
        return Browser(self.fakes.client.http, self.browser._own["Origin"])

    async def member(self) -> dict[str, Any]:
        """Somebody who signed up by the API, and is signed in by the browser."""
        person = await self.fakes.client.sign_up()
        shown = await self.browser.sign_in(person)
        assert shown.goes_to == "/account", (shown.status, shown.text)
        return person

    def code(self, uri: str, steps: int = 0) -> str:
        """What an authenticator app shows now."""
        totp = pyotp.parse_uri(uri)
        assert isinstance(totp, pyotp.TOTP)
        return totp.at(self.fakes.ambient.now(), counter_offset=steps)


async def everything(fakes: OnFakes) -> dict[str, Any]:
    """All that the stores hold, to be compared: every fake's rows, and every key of Redis with its value and end."""
    held = {name: _plain(one) for name, one in vars_of(fakes.application.backends).items() if name != "redis"}
    return held | {f"redis {key!r}": await _value(fakes.redis, key) for key in sorted(await fakes.redis.keys())}


async def _value(redis: Any, key: object) -> object:
    reads = {
        b"string": redis.get,
        b"hash": redis.hgetall,
        b"set": redis.smembers,
        b"zset": lambda one: redis.zrange(one, 0, -1, withscores=True),
        b"list": lambda one: redis.lrange(one, 0, -1),
    }
    return await redis.pexpiretime(key), await reads[await redis.type(key)](key)


def vars_of(one: object) -> dict[str, object]:
    if is_dataclass(one) and not isinstance(one, type):
        return {part.name: getattr(one, part.name) for part in fields(one)}
    return dict(getattr(one, "__dict__", {}))


def _plain(one: object, around: tuple[int, ...] = ()) -> object:
    """Values instead of objects that change."""
    if id(one) in around:
        return "..."
    around = (*around, id(one))
    if isinstance(one, Mapping):
        return {repr(name): _plain(value, around) for name, value in one.items()}
    if isinstance(one, list | tuple | set | frozenset):
        return sorted(repr(_plain(value, around)) for value in one)
    if type(one).__module__.partition(".")[0] == "tests":
        return {name: _plain(value, around) for name, value in vars_of(one).items() if not callable(value)}
    return repr(one)

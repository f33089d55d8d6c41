"""Browsers for pages, as far as their requests go: the cookie of a session, and where a form came from."""

import re
from dataclasses import dataclass, field
from html import unescape

from aiohttp import ClientResponse

from service.domain.models import Visitor
from service.domain.second_factors.models import NO_PROOF, Proof
from tests.conftest import Client, OnFakes
from tests.support.builders import PASSWORD

OWN = {"Sec-Fetch-Site": "same-origin"}
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"


@dataclass
class PageBrowser:
    """`cookie` is that of the session; empty for whoever is not signed in."""

    client: Client
    cookie: str = ""
    sent: dict[str, str] = field(default_factory=lambda: dict(OWN))

    async def get(self, path: str) -> ClientResponse:
        return await self.client.http.get(path, headers=self._headers(), allow_redirects=False)

    async def post(self, path: str, form: dict[str, str] | None = None, **headers: str) -> ClientResponse:
        """`headers` replace those that say where the form came from."""
        sent = self._headers() | (headers or self.sent)
        return await self.client.http.post(path, data=form or {"": ""}, headers=sent, allow_redirects=False)

    async def text(self, path: str, status: int = 200) -> str:
        answer = await self.get(path)
        text = await answer.text()
        assert answer.status == status, text
        return text

    def _headers(self) -> dict[str, str]:
        cookie = {"Cookie": f"tokenhouse={self.cookie}"} if self.cookie else {}
        return {"User-Agent": FIREFOX} | cookie


async def signed_in(fakes: OnFakes, email: str, proof: Proof = NO_PROOF) -> PageBrowser:
    """A browser with a session of its own."""
    visitor = Visitor("192.0.2.7", FIREFOX)
    opened = await fakes.application.page_sessions.login.with_password(email, PASSWORD, visitor, proof=proof)
    return PageBrowser(fakes.client, opened.refresh_token)


def words_of(html: str) -> str:
    """What can be read of a page."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html.partition("<body>")[2])).split())

"""What tests that are generated from the table of pages need to know of a page that its row does not say.

A page whose path holds a parameter, or whose form only works with certain fields, has a line here.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from service.pages.page import Action, Page
from service.pages.routes import ALL

SAMPLE_ID = "00000000-0000-4000-8000-000000000001"
ANY_FIELDS: Mapping[str, str] = {  # what makes most forms do something
    "email": "grace@example.com",
    "password": "SecurePass1!",
    "newPassword": "Another-Pass2!",
    "currentPassword": "SecurePass1!",
    "firstName": "Grace",
    "lastName": "Hopper",
    "name": "laptop",
    "code": "123456",
}
FIELDS: Mapping[str, Mapping[str, str]] = {}  # of single forms, by their whole paths
JSON = frozenset({"/account/export", "/sign-in/passkey-options"})  # a file, and what a script asks for
QUERIES: Mapping[str, str] = {}  # with which a page shows more, by its path


class FormOf(NamedTuple):
    page: Page
    path: str  # as the table has it
    action: Action

    @property
    def fields(self) -> Mapping[str, str]:
        return {**ANY_FIELDS, **FIELDS.get(self.path, {})}


def path_of(page_path: str) -> str:
    """With something in place of each parameter."""
    return "/".join(SAMPLE_ID if part.startswith("{") else part for part in page_path.split("/"))


def forms() -> Iterator[FormOf]:
    for page in ALL:
        for suffix, action in page.forms.items():
            yield FormOf(page, f"{page.path.rstrip('/')}{suffix}" or "/", action)


FORMS = list(forms())
PAGES = list(ALL)
ACCOUNT = [one for one in ALL if one.path.startswith("/account")]
ADMIN = [one for one in ALL if one.path.startswith("/admin")]  # see test_admin_pages.py: not there for who is none
OPEN = [one for one in ALL if one not in (*ACCOUNT, *ADMIN)]

"""A page: what it shows, who may see it, and the forms on it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from aiohttp import web

from service.pages.context import Asked, AskedBy
from service.pages.forms import Form
from service.pages.rendering import Values

Load = Callable[[Asked], Awaitable[Values | web.Response]]
Submit = Callable[[Asked, Form], Awaitable[web.Response]]
LoadFor = Callable[[AskedBy], Awaitable[Values | web.Response]]
SubmitFor = Callable[[AskedBy, Form], Awaitable[web.Response]]


class Action(NamedTuple):
    """What a form does. `hashes`: it takes a place in the password queue. `is_free`: its page is not looked up before,
    so the limit of that does not keep anybody from it; a refusal stands by itself.
    """

    submit: Submit
    hashes: bool = False
    is_free: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """`forms` are by what follows the path; their refusals are shown on the page."""

    path: str
    template: str
    load: Load
    forms: Mapping[str, Action] = field(default_factory=dict)

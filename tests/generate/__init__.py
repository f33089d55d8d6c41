"""The pages that are made from the code. Each module has a FILE and a `text()`."""

from pathlib import Path
from typing import Protocol, cast

from tests.generate import api, catalogue, cli, configuration, errors, rooms


class Page(Protocol):
    FILE: Path

    def text(self) -> str:
        """What the file should hold."""


PAGES: tuple[Page, ...] = tuple(cast("Page", one) for one in (api, catalogue, cli, configuration, errors, rooms))

"""The pages that are made from the code are those that the command writes."""

import pytest

from tests.generate import PAGES, Page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.FILE.name)
def test_a_page_is_as_the_command_writes_it(page: Page) -> None:
    assert page.FILE.read_text(encoding="utf-8") == page.text(), "run `make pages`"

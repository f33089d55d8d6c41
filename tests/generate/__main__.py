"""`make pages`: writes every page, and part of a page, that is made from the code."""

from tests.generate import PAGES

for page in PAGES:
    page.FILE.write_text(page.text(), encoding="utf-8")

"""docs/errors.md: every code of a refusal and of a field, as the code has them."""

import re

import yaml

from service.api.openapi import error_codes
from service.broken_fields import FieldCode
from tests.conftest import ROOT
from tests.generate.errors import FILE

CODE = [
    *(ROOT / "service" / "admin").glob("*.py"),
    *(ROOT / "service" / "api").glob("*.py"),
    *(ROOT / "service" / "http").glob("*.py"),
    *(ROOT / "service" / "domain").rglob("*.py"),
]


def test_the_page_lists_every_code() -> None:
    rows = set(re.findall(r"^\| `(\w+)` \|", FILE.read_text(encoding="utf-8"), re.MULTILINE))
    assert rows == {*error_codes(), *map(str, FieldCode)}


def test_a_field_is_refused_with_a_code_of_the_list_alone_and_each_is_used() -> None:
    texts = {f"{file.parent.name}/{file.name}": file.read_text(encoding="utf-8") for file in CODE}
    everything = "".join(texts.values())
    assert texts["http/fields.py"].count("PydanticCustomError(") == 1  # where a member of the list is its argument
    # Parameters of a query are refused as a whole, without a code for each.
    assert {name for name, text in texts.items() if "PydanticCustomError(" in text} == {
        "http/fields.py",
        "http/query.py",
    }
    assert not re.search(r'BrokenField\([^,)]*,\s*"', everything)
    for code in FieldCode:
        assert f"FieldCode.{code.name}" in everything, code


def test_the_proxy_of_the_containers_refuses_with_codes_of_the_page() -> None:
    text = (ROOT / "deploy" / "proxy" / "haproxy.cfg").read_text(encoding="utf-8")
    codes = {yaml.safe_load(body)["code"] for body in re.findall(r"lf-string '(.+)'$", text, re.MULTILINE)}
    assert codes
    assert codes <= set(error_codes())

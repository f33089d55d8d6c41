"""What the OpenAPI document says of each call is what the call takes and answers."""

import json
import re
from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator

from service.admin.examples import ADMIN_BODIES
from service.admin.routes import ADMIN_OPERATIONS
from service.api.operation import Operation
from tests.admin.conftest import Program
from tests.admin.test_scopes import DOCUMENT
from tests.admin.town import Town
from tests.conftest import ROOT

PROBLEM = "application/problem+json"


def schema_of(part: dict[str, Any]) -> OAS31Validator:
    return OAS31Validator(part["schema"] | {"components": DOCUMENT["components"]})


def said_of(one: Operation) -> dict[str, Any]:
    found: dict[str, Any] = DOCUMENT["paths"][one.path][one.method.lower()]
    return found


@pytest.mark.parametrize("one", ADMIN_OPERATIONS, ids=lambda one: f"{one.method} {one.path}")
async def test_what_is_shown_works_when_it_is_tried(program: Program, one: Operation) -> None:
    said, town = said_of(one), await Town.of(program)
    body = said["requestBody"]["content"]["application/json"]["example"] if "requestBody" in said else None
    answer = await program.call(one.method, town.path(one), body)
    assert answer.status == int(one.about.returns.status), await answer.text()
    documented = said["responses"][str(answer.status)]
    if "content" in documented:
        shown = documented["content"]["application/json"]
        answered = await answer.json()
        for value in (answered, shown["example"]):
            schema_of(shown).validate(value)
        assert set(answered) <= set(shown["example"])
    else:
        assert await answer.read() == b""


@pytest.mark.parametrize("one", ADMIN_OPERATIONS, ids=lambda one: f"{one.method} {one.path}")
def test_each_refusal_that_is_printed_has_an_example_of_its_shape(one: Operation) -> None:
    for status, answer in said_of(one)["responses"].items():
        for code, shown in answer.get("content", {}).get(PROBLEM, {}).get("examples", {}).items():
            assert (shown["value"]["code"], shown["value"]["status"]) == (code, int(status))
            schema_of(answer["content"][PROBLEM]).validate(shown["value"])


def test_an_example_of_a_body_is_what_its_schema_reads() -> None:
    for shape, example in ADMIN_BODIES.items():
        read = shape.model_validate_json(json.dumps(example))
        assert read.model_dump(mode="json", by_alias=True, exclude_none=True) == example


async def test_a_call_reads_its_query_after_the_token(program: Program) -> None:
    answer = await program.fakes.client.get("/admin/users?limit=0")
    assert answer.status == 401


def test_the_page_has_every_call_with_its_scope_in_the_order_of_the_routes() -> None:
    page = (ROOT / "docs/admin.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([A-Z]+) (/admin\S*)` \| `([a-z:]+)` \|", page, re.MULTILINE)
    assert rows == [(one.method, one.path, one.scopes[0]) for one in ADMIN_OPERATIONS]

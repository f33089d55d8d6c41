"""What a handler declares to OpenAPI is what it reads and answers."""

import ast
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.conftest import ROOT

API = sorted(file for room in ("admin", "api") for file in (ROOT / "service" / room).glob("*.py"))


class Handler(NamedTuple):
    file: str
    name: str
    declared: dict[str, str]  # by keyword of the Description, as source text
    calls: list[ast.Call]

    def __str__(self) -> str:
        return f"{self.file}:{self.name}"

    def arguments_of(self, *functions: str) -> list[list[str]]:
        """Of each call of one of these functions, as source text."""
        called = [(ast.unparse(one.func), one) for one in self.calls]
        return [[ast.unparse(each) for each in one.args] for function, one in called if function in functions]


def handlers() -> Iterator[Handler]:
    for file in API:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.AsyncFunctionDef):
                for one in node.decorator_list:
                    if isinstance(one, ast.Call) and ast.unparse(one.func) == "Description":
                        declared = {keyword.arg or "": ast.unparse(keyword.value) for keyword in one.keywords}
                        calls = [call for call in ast.walk(node) if isinstance(call, ast.Call)]
                        yield Handler(f"{file.parent.name}/{file.name}", node.name, declared, calls)


HANDLERS = list(handlers())


def test_the_handlers_are_found() -> None:
    assert len(HANDLERS) > 20


@pytest.mark.parametrize("handler", HANDLERS, ids=str)
def test_the_declared_body_is_the_body_read(handler: Handler) -> None:
    read = [arguments[1] for arguments in handler.arguments_of("read", "read_optional", "read_form")]
    assert read == ([handler.declared["takes"]] if "takes" in handler.declared else [])
    assert bool(handler.arguments_of("read_form")) == (handler.declared.get("takes_form") == "True")


@pytest.mark.parametrize("handler", HANDLERS, ids=str)
def test_the_declared_query_is_the_query_read(handler: Handler) -> None:
    read = [arguments[1] for arguments in handler.arguments_of("query.read")]
    assert read == ([handler.declared["query"]] if "query" in handler.declared else [])


@pytest.mark.parametrize("handler", HANDLERS, ids=str)
def test_the_declared_answer_is_the_answer_made(handler: Handler) -> None:
    made = [arguments[0].partition("(")[0].removesuffix(".of") for arguments in handler.arguments_of("json_response")]
    names = [name for name in made if name.startswith("schemas.")]
    for name in names:
        assert name in handler.declared["returns"]
    assert len(names) == len(made) or "schemas." in handler.declared["returns"]
    assert (handler.declared["returns"] == "NOTHING") == (
        bool(handler.arguments_of("no_content")) and "media_type" not in handler.declared["returns"]
    )

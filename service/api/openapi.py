"""The OpenAPI 3.1 document, made from the route table and the payload types."""

import json
import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from service.api.operations import Access, Operation
from service.api.payloads import Payload, Problem
from service.api.queries import READING, NoQuery
from service.api.replies import PROBLEM, STATUS
from service.errors import (
    AuthError,
    BodyTooLargeError,
    InvalidFieldsError,
    InvalidRequestError,
    InvalidTokenError,
    MalformedJsonError,
    MalformedQueryError,
    MalformedRequestError,
    UnsupportedMediaTypeError,
)

BODY_REFUSALS = (MalformedJsonError, BodyTooLargeError, UnsupportedMediaTypeError, InvalidFieldsError)
FORM_REFUSALS = (InvalidRequestError, BodyTooLargeError, UnsupportedMediaTypeError)
GUARD_REFUSALS = (MalformedRequestError, InvalidTokenError)
SECURITY_SCHEMES = {
    "idToken": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "The idToken of a login."},
    "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
    "resourceServer": {"type": "http", "scheme": "basic", "description": "A client of the `introspection` settings."},
}


@cache
def document(operations: tuple[Operation, ...]) -> bytes:
    """The same table makes the same document; it is made once."""
    wanted: list[tuple[type[BaseModel], JsonSchemaMode]] = [(Problem, "serialization")]
    wanted += [(one.takes, "validation") for one in operations if one.takes]
    wanted += [(one.returns.body, "serialization") for one in operations if one.returns.body]
    references, schemas = models_json_schema(wanted, ref_template="#/components/schemas/{model}")
    paths: dict[str, Any] = {}
    for one in operations:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, references)
    return json.dumps({
        "openapi": "3.1.1",
        "info": {
            "title": "Tokenhouse",
            "version": "1",
            "description": "Sign up, log in, refresh, log out. Errors are RFC 9457 problems with a stable `code`.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": schemas["$defs"], "securitySchemes": SECURITY_SCHEMES},
    }).encode()  # fmt: skip


def _operation(one: Operation, references: Any) -> dict[str, Any]:  # noqa: ANN401 - pydantic's mapping of schema references
    refusals = [*one.refuses]
    if one.takes:
        refusals += FORM_REFUSALS if one.takes_form else BODY_REFUSALS
    if one.access is not Access.OPEN:
        refusals += (MalformedRequestError,) if one.access is Access.RESOURCE_SERVER else GUARD_REFUSALS
    if one.method not in READING or one.query is not NoQuery:
        refusals.append(MalformedQueryError)
    good: dict[str, Any] = {"description": "Done"}
    if one.returns.body:
        good["content"] = {one.returns.media_type: {"schema": references[one.returns.body, "serialization"]}}
    elif one.returns.media_type:
        good["content"] = {one.returns.media_type: {}}
    said: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "_", f"{one.method.lower()}{one.path}").strip("_"),
        "summary": one.summary,
        "responses": {str(int(one.returns.status)): good, **_problems(refusals, references)},
    }
    if one.takes:
        media_types = ["application/json", *(["application/x-www-form-urlencoded"] if one.takes_form else [])]
        content = {media_type: {"schema": references[one.takes, "validation"]} for media_type in media_types}
        said["requestBody"] = {"required": True, "content": content}
    if one.access is not Access.OPEN:
        said["security"] = [{scheme: []} for scheme in one.access.value]
    if parameters := [*_of_the_path(one.path), *_of_the_query(one.query)]:
        said["parameters"] = parameters
    return said


def _of_the_path(path: str) -> list[dict[str, Any]]:
    names = re.findall(r"{(\w+)}", path)
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]


def _of_the_query(query: type[Payload]) -> list[dict[str, Any]]:
    schema = query.model_json_schema()
    required = schema.get("required", [])
    return [
        {
            "name": name, "in": "query", "required": name in required, "description": field.pop("description"),
            "schema": {key: value for key, value in field.items() if key != "title"},
        }
        for name, field in schema.get("properties", {}).items()
    ]  # fmt: skip


def _problems(refusals: Sequence[type[AuthError]], references: Any) -> dict[str, Any]:  # noqa: ANN401 - as above
    by_status: dict[str, dict[str, None]] = {}  # a set that keeps its order: two refusals may share a code
    for refusal in refusals:
        by_status.setdefault(str(int(STATUS[refusal])), {})[f"`{refusal.code}`"] = None
    schema = references[Problem, "serialization"]
    return {
        status: {"description": ", ".join(codes), "content": {PROBLEM: {"schema": schema}}}
        for status, codes in sorted(by_status.items())
    }

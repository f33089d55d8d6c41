"""The OpenAPI 3.1 document, generated from the route table and the schemas."""

import json
import re
from collections.abc import Iterable
from functools import cache
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from service.api.description import Tag
from service.api.examples import EXAMPLES, OTHER_BODIES, PROBLEM_MEMBERS, PROBLEM_MEMBERS_OF_CALLS, Examples
from service.api.header_descriptions import HEADERS, NOW_AND_THEN, OF_EACH_ANSWER, OF_REFUSALS
from service.api.operation import Access, Operation
from service.api.problems import REFUSALS, detail_of, status_of
from service.errors import (
    AuthError,
    InsufficientScopeError,
    InvalidAdminTokenError,
    InvalidFieldsError,
    InvalidTokenError,
    OverloadedError,
    RateLimitedError,
    UnavailableError,
)
from service.http import errors as transport
from service.http.errors import (
    BodyTimeoutError,
    BodyTooLargeError,
    HttpError,
    InvalidRequestError,
    MalformedJsonError,
    MalformedQueryError,
    MalformedRequestError,
    UnsupportedFormError,
    UnsupportedMediaTypeError,
)
from service.http.problems import INTERNAL, INTERNAL_CODE, PROBLEM
from service.http.query import READING, AddedQuery, NoQuery
from service.http.schema import Problem, Schema
from service.version import installed_version

BODY_REFUSALS = (
    MalformedJsonError,
    BodyTimeoutError,
    BodyTooLargeError,
    UnsupportedMediaTypeError,
    InvalidFieldsError,
)
FORM_REFUSALS = (InvalidRequestError, BodyTimeoutError, BodyTooLargeError, UnsupportedFormError)
GUARD_REFUSALS = (InvalidTokenError,)
ADMIN_REFUSALS = (InvalidAdminTokenError, InsufficientScopeError, RateLimitedError, UnavailableError)
OF_ANY_CALL = (MalformedRequestError, OverloadedError)  # malformed HTTP; too many connections
SECURITY_SCHEMES = {
    "idToken": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "The idToken of a login."},
    "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "The apiKey of a login."},
    "adminToken": {
        "type": "http",
        "scheme": "bearer",
        "description": "Made by `tokenhouse admin-tokens new`, with the scopes that the calls name.",
    },
    "resourceServer": {"type": "http", "scheme": "basic", "description": "A client of the `introspection` settings."},
}


@cache
def document(operations: tuple[Operation, ...], shown: Examples = EXAMPLES) -> bytes:
    """Generated once per route table."""
    wanted: list[tuple[type[BaseModel], JsonSchemaMode]] = [(Problem, "serialization")]
    wanted += [(one.about.takes, "validation") for one in operations if one.about.takes]
    wanted += [(one.about.returns.body, "serialization") for one in operations if one.about.returns.body]
    references, schemas = models_json_schema(wanted, ref_template="#/components/schemas/{model}")
    problems: dict[str, Any] = {}
    paths: dict[str, Any] = {}
    tags = [tag for tag in Tag if any(one.about.tag is tag for one in operations)]
    schemes = {scheme for one in operations for scheme in one.access.value}
    for one in sorted(operations, key=lambda one: tags.index(one.about.tag)):
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, references, problems, shown)
    schemas["$defs"]["Problem"]["properties"]["code"]["enum"] = error_codes()
    return json.dumps(
        {
            "openapi": "3.1.1",
            "info": {
                "title": "Tokenhouse",
                "version": installed_version() or "0",
                "description": "Sign up, log in, refresh, log out. Errors are RFC 9457 problems with a stable `code`.",
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "servers": [{"url": "/"}],
            "tags": [{"name": tag.value[0], "description": tag.value[1]} for tag in tags],
            "paths": paths,
            "components": {
                "schemas": schemas["$defs"] | problems,
                "headers": dict(HEADERS),
                "securitySchemes": {name: one for name, one in SECURITY_SCHEMES.items() if name in schemes},
            },
        }
    ).encode()


def error_codes() -> list[str]:
    """Every `code` of a problem document."""
    return sorted({refusal.code for refusal in all_refusals()} | {INTERNAL_CODE})


def all_refusals() -> list[type[AuthError]]:
    """The HTTP errors, and the domain errors that have a row in REFUSALS."""
    of_transport = [one for one in vars(transport).values() if isinstance(one, type) and issubclass(one, HttpError)]
    return [*(one for one in of_transport if one is not HttpError), *REFUSALS]


def refusals_of(one: Operation) -> list[type[AuthError]]:
    """All errors of a call: those it declares, and those of its body, guard, query and the transport."""
    refusals = [*one.about.refuses, *OF_ANY_CALL]
    if one.about.takes:
        refusals += FORM_REFUSALS if one.about.takes_form else BODY_REFUSALS
    if one.access is Access.ADMIN:
        refusals += ADMIN_REFUSALS
        refusals += () if one.about.takes or one.method in READING else BODY_REFUSALS
    elif one.access not in (Access.OPEN, Access.RESOURCE_SERVER):
        refusals += GUARD_REFUSALS
    if one.method not in READING or not issubclass(one.about.query, NoQuery | AddedQuery):
        refusals.append(MalformedQueryError)
    return list(dict.fromkeys(refusals))


def _operation(
    one: Operation,
    references: Any,  # noqa: ANN401 - pydantic's mapping of schema references
    problems: dict[str, Any],
    examples: Examples,
) -> dict[str, Any]:
    call = one.about
    described: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "_", f"{one.method.lower()}{one.path}").strip("_"),
        "tags": [call.tag.value[0]],
        "summary": call.summary,
        "description": call.description,
        "responses": _answers(one, references, examples) | _problems(one, problems),
    }
    if one.about.takes:
        media_types = ["application/json", *(["application/x-www-form-urlencoded"] if one.about.takes_form else [])]
        shown = {"schema": references[one.about.takes, "validation"], "example": examples.bodies[one.about.takes]}
        described["requestBody"] = {
            "required": not one.about.body_is_optional,
            "content": dict.fromkeys(media_types, shown),
        }
    if one.access is not Access.OPEN:
        described["security"] = [{scheme: list(one.scopes)} if scheme else {} for scheme in one.access.value]
    if parameters := [*_of_the_path(one.path, examples), *_of_the_query(one.about.query)]:
        described["parameters"] = parameters
    return described


def _of_the_path(path: str, examples: Examples) -> list[dict[str, Any]]:
    shown = examples.path_parameters
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}, "example": shown[name]}
        for name in re.findall(r"{(\w+)}", path)
    ]


def _of_the_query(query: type[Schema]) -> list[dict[str, Any]]:
    schema = query.model_json_schema()
    required = schema.get("required", [])
    return [
        {
            "name": name,
            "in": "query",
            "required": name in required,
            "description": field.pop("description"),
            "schema": {key: value for key, value in field.items() if key != "title"},
        }
        for name, field in schema.get("properties", {}).items()
    ]


def _answers(one: Operation, references: Any, examples: Examples) -> dict[str, Any]:  # noqa: ANN401 - as above
    call = one.about
    good: dict[str, Any] = {"description": "Done", "headers": _headers((*OF_EACH_ANSWER, *call.sends), required=True)}
    good["headers"] |= _headers(call.may_send, required=False)
    if one.about.returns.body:
        schema = references[one.about.returns.body, "serialization"]
        own = {"message": call.returns.message} if call.returns.message else {}
        shown = {**examples.bodies[one.about.returns.body], **own}
        good["content"] = {one.about.returns.media_type: {"schema": schema, "example": shown}}
    elif one.path in OTHER_BODIES:
        example = OTHER_BODIES[one.path]
        kind = "string" if isinstance(example, str) else "object"
        media_types = one.about.returns.media_type, *one.about.returns.other_media_types
        good["content"] = {each: {"schema": {"type": kind}, "example": example} for each in media_types}
    answers = {str(int(one.about.returns.status)): good}
    if call.not_modified:
        answers["304"] = {"description": "Not modified", "headers": good["headers"]}
    return answers


def _problems(one: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    """The error responses by status. Adds a named schema for each set of codes to `schemas`."""
    by_status: dict[str, dict[str, str]] = {"500": {INTERNAL_CODE: INTERNAL}}
    for refusal in refusals_of(one):
        by_status.setdefault(str(int(status_of(refusal))), {})[refusal.code] = detail_of(refusal)
    answers = {}
    for status, codes in sorted(by_status.items()):
        name = "Or".join("".join(word.title() for word in code.split("_")) for code in sorted(codes)) + "Problem"
        schemas[name] = {
            "allOf": [
                {"$ref": "#/components/schemas/Problem"},
                {
                    "type": "object",
                    "properties": {"code": {"type": "string", "enum": sorted(codes)}},
                    "required": ["code"],
                },
            ]
        }
        reference = {"$ref": f"#/components/schemas/{name}"}
        examples = {code: {"value": _example(int(status), code, message, one.path)} for code, message in codes.items()}
        headers = _headers((*OF_EACH_ANSWER, *OF_REFUSALS.get(status, ())), required=True)
        answers[status] = {
            "description": ", ".join(f"`{code}`" for code in codes),
            "headers": headers | _headers(NOW_AND_THEN.get(status, ()), required=False),
            "content": {PROBLEM: {"schema": reference, "examples": examples}},
        }
    return answers


def _example(status: int, code: str, message: str, path: str) -> dict[str, Any]:
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": message,
        "code": code,
        "requestId": "OnX9P-eCI_mf4axWtpVLttyg",
        **PROBLEM_MEMBERS.get(code, {}),
        **PROBLEM_MEMBERS_OF_CALLS.get((path, code), {}),
    }


def _headers(names: Iterable[str], *, required: bool) -> dict[str, Any]:
    return {name: HEADERS[name] | {"required": required} for name in names}

"""Cognito's protocol, as `service/cognito` declares it, is that of the service model that every SDK of AWS is made from."""

import inspect
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape

from service import errors
from service.cognito import errors as cognito_errors
from service.cognito import refusals
from service.cognito.declared import DECLARED
from service.cognito.inputs import INPUTS
from service.cognito.operations import OPERATIONS
from service.cognito.refusals import OF_THE_PROTOCOL, TABLE
from service.cognito.shapes import Document, Flag, ListOf, Number, Structure, Text, Texts
from service.cognito.signed_operations import SIGNED
from service.domain.limits.throttle import POLICIES
from service.errors import AuthError
from service.shown_policy import ShownPolicy
from tests.conftest import ROOT
from tests.support.cognito import service_model, unsigned_operations

NEVER_RAISED = re.compile(r"Lambda|UserLambda|Sms|EmailRole")  # of what this service has not
KINDS: Mapping[str, tuple[type, ...]] = {
    "boolean": (Flag,),
    "integer": (Number,),
    "list": (ListOf,),
    "map": (Texts,),
    "string": (Text,),
    "structure": (Structure, Document),
}
README = (ROOT / "service" / "cognito" / "README.md").read_text(encoding="utf-8")


def test_the_operations_are_those_that_need_no_signature() -> None:
    assert set(INPUTS) == set(DECLARED) == set(unsigned_operations())
    assert set(service_model().operation_names) == set(INPUTS) | SIGNED
    assert not set(INPUTS) & SIGNED


@pytest.mark.parametrize("operation", unsigned_operations())
def test_an_operation_declares_the_errors_of_the_model(operation: str) -> None:
    shapes = service_model().operation_model(operation).error_shapes
    known = {shape.name.removesuffix("Exception") for shape in shapes if not NEVER_RAISED.search(shape.name)}
    assert DECLARED[operation] == known


@pytest.mark.parametrize("operation", unsigned_operations())
def test_an_input_has_the_members_and_constraints_of_the_model(operation: str) -> None:
    """Ours may be stricter about what is kept out of messages, and about nothing else."""
    theirs = service_model().operation_model(operation).input_shape
    assert isinstance(theirs, StructureShape)
    assert list(differences(INPUTS[operation], theirs, operation)) == []


def differences(held: object, theirs: Shape, path: str) -> Iterator[str]:
    if not isinstance(held, KINDS[theirs.type_name]):
        yield f"{path}: {type(held).__name__} is no {theirs.type_name}"
        return
    ours: Any = held
    match theirs:
        case StructureShape():
            yield from in_structure(ours, theirs, path)
        case ListShape():
            yield from differences(ours.of, theirs.member, f"{path}[]")
        case MapShape():
            if (theirs.key.type_name, theirs.value.type_name) != ("string", "string"):
                yield f"{path} is no map of texts"
        case StringShape():
            yield from in_text(ours, theirs, path)
        case _ if theirs.type_name == "integer":
            if (ours.least, ours.most) != (theirs.metadata.get("min"), theirs.metadata.get("max")):
                yield f"{path} has other bounds"


def in_text(ours: Text, theirs: StringShape, path: str) -> Iterator[str]:
    """Ours may keep more values out of messages than the model does."""
    facts = theirs.metadata
    held = ours.least, ours.most, ours.pattern, tuple(sorted(ours.choices))
    wanted = facts.get("min", 0), facts.get("max"), facts.get("pattern", ""), tuple(sorted(theirs.enum))
    if held != wanted:
        yield f"{path}: {held} is not {wanted}"
    if facts.get("sensitive") and not ours.is_sensitive:
        yield f"{path} is sensitive"


def in_structure(ours: Any, theirs: StructureShape, path: str) -> Iterator[str]:
    if isinstance(ours, Document):
        if not theirs.is_document_type:
            yield f"{path} is no document"
        return
    if set(ours.members) != set(theirs.members):
        yield f"{path}: {set(ours.members) ^ set(theirs.members)}"
    if ours.required != set(theirs.required_members):
        yield f"{path}: {ours.required ^ set(theirs.required_members)} required or not"
    for name in set(ours.members) & set(theirs.members):
        yield from differences(ours.members[name], theirs.members[name], f"{path}.{name}")


# --- refusals


def refusals_of_the_domain() -> list[type[AuthError]]:
    """Those of `service/errors.py` that a handler of this protocol may meet."""
    found = [one for _, one in inspect.getmembers(errors, inspect.isclass) if issubclass(one, AuthError)]
    leaves = [one for one in found if not any(other is not one and issubclass(other, one) for other in found)]
    return [one for one in {*leaves, *TABLE} if one.__module__ == "service.errors"]


# What no handler of this protocol meets, what handlers turn into a challenge, or what is answered with another status
ELSEWHERE = {
    "ApiKeyNotFoundError",
    "DeliveryNotFoundError",
    "FactorExistsError",
    "FactorSetupRequiredError",
    "IdTakenError",
    "InsufficientScopeError",
    "InvalidAccessTokenError",
    "InvalidClientError",
    "MisfitError",
    "TokenMismatchError",
    "UserNotFoundError",
}


def test_every_refusal_of_the_domain_has_words_in_this_protocol() -> None:
    worded = {one for one in refusals_of_the_domain() if any(base in TABLE for base in one.__mro__)}
    assert {one.__name__ for one in refusals_of_the_domain()} - {one.__name__ for one in worded} == ELSEWHERE


def wordings() -> Iterator[tuple[str, str]]:
    """Kind and text of each row that is not computed."""
    for row in TABLE.values():
        if not callable(row):
            yield from row


def test_every_wording_is_an_error_that_some_operation_declares() -> None:
    everything = frozenset[str]().union(*DECLARED.values()) | OF_THE_PROTOCOL
    assert {kind for kind, _ in wordings()} <= everything


@pytest.mark.parametrize("operation", OPERATIONS)
def test_limits_and_overloads_can_be_said_by_every_operation(operation: str) -> None:
    """Whatever an operation does, it may be one too many. NotAuthorized, after which Amplify throws its tokens away, is
    for failed logins alone.
    """
    rendered = refusals.CognitoErrors(OPERATIONS[operation])
    assert {*OPERATIONS[operation].declares} & {"TooManyRequests", "LimitExceeded", "Forbidden"}
    for name in POLICIES:
        policy = ShownPolicy(f"{name}-source", 1, timedelta(hours=1), 0, timedelta(hours=1))
        limited = errors.RateLimitedError(timedelta(seconds=1), policy)
        assert rendered.refusal(limited, "r-1").status == 400, name
        assert (rendered.name_of(limited) == "NotAuthorizedException") <= name.startswith("login"), name
    overloaded = errors.OverloadedError()
    assert rendered.refusal(overloaded, "r-1").status == 400
    assert rendered.name_of(overloaded) != "NotAuthorizedException"


def test_refusals_of_this_protocol_alone_are_one_kind_of_error() -> None:
    own = [one for _, one in inspect.getmembers(cognito_errors, inspect.isclass) if issubclass(one, AuthError)]
    assert all(issubclass(one, cognito_errors.CognitoError) for one in own if one is not AuthError)


# --- the page beside the code


def test_the_page_lists_every_operation_with_what_it_stands_on() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\w[^|]*) \| [^|]+ \|$", README, re.MULTILINE)
    assert [name for name, _ in rows] == sorted(INPUTS)
    assert {name for name, needs in rows if needs == "access token"} == {
        name for name, shape in INPUTS.items() if "AccessToken" in shape.required
    }
    assert {name for name, needs in rows if needs == "client"} == {
        name for name, shape in INPUTS.items() if "ClientId" in shape.required
    }

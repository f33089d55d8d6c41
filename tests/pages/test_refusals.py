"""Every refusal has its words for people."""

import re
from datetime import timedelta
from http import HTTPStatus

import pytest

from service import errors
from service.api.problems import REFUSALS as OF_THE_API
from service.errors import AuthError, RateLimitedError
from service.http import errors as transport
from service.http.errors import HttpError
from service.pages.errors import OtherOriginError
from service.pages.forms import Form
from service.pages.refusals import REFUSALS, refused, status_of

OF_PROGRAMS = {  # refusals of credentials and calls that are for programs alone
    errors.KeyNotAcceptedError,
    errors.InvalidAdminTokenError,
    errors.InsufficientScopeError,
    errors.InvalidRefreshTokenError,
    errors.InvalidAccessTokenError,
    errors.TokenMismatchError,
    errors.InvalidClientError,
    errors.DeliveryNotFoundError,
    errors.IdTakenError,
}
HTTP = [  # what can become of a form before it is read; the others are about JSON
    transport.NotFoundError,
    transport.MalformedRequestError,
    transport.UnsupportedFormError,
    transport.MissingFormError,
    transport.BodyTooLargeError,
    transport.BodyTimeoutError,
    OtherOriginError,
]
TECHNICAL = re.compile(r"JSON|GET|POST|token|header|`|x-www|Content-Type|credential", re.IGNORECASE)


def test_every_refusal_that_pages_can_meet_has_a_row() -> None:
    kinds = {one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, AuthError)}
    without = {one for one in kinds - {AuthError} if not any(base in REFUSALS for base in one.__mro__)}
    assert without <= OF_PROGRAMS


@pytest.mark.parametrize("kind", REFUSALS, ids=lambda kind: kind.__name__)
def test_its_status_is_that_of_the_api(kind: type[AuthError]) -> None:
    assert REFUSALS[kind].status == OF_THE_API[kind].status


@pytest.mark.parametrize("kind", REFUSALS, ids=lambda kind: kind.__name__)
def test_its_words_are_sentences_for_people(kind: type[AuthError]) -> None:
    words = REFUSALS[kind].words
    assert words[0].isupper()
    assert words.endswith((".", "{wait}."))
    assert not TECHNICAL.search(words), words


@pytest.mark.parametrize("kind", HTTP, ids=lambda kind: kind.__name__)
def test_what_http_refuses_is_said_in_words_of_people_too(kind: type[HttpError]) -> None:
    shown = refused(kind())
    assert not TECHNICAL.search(shown.words), shown.words
    assert shown.fields == {}
    assert status_of(kind()) == kind.status


def test_a_form_of_another_site_is_forbidden() -> None:
    assert status_of(OtherOriginError()) == HTTPStatus.FORBIDDEN


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.1, "a second"),
        (1, "a second"),
        (2, "2 seconds"),
        (89, "89 seconds"),
        (90, "2 minutes"),
        (3600, "60 minutes"),
        (7200, "2 hours"),
    ],
)
def test_a_wait_is_said_as_people_say_it(seconds: float, said: str) -> None:
    words = refused(RateLimitedError(timedelta(seconds=seconds))).words
    assert words == f"Too many attempts. Try again in {said}."


def test_secrets_are_never_shown_again() -> None:
    """Whatever a template asks for."""
    sent = {"email": "a", "password": "b", "newPassword": "c", "code": "d", "currentPassword": "e"}
    assert dict(Form(sent).shown) == {"email": "a"}
    assert Form(sent).shown["password"] == ""

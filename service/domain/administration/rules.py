"""The rules for accounts that operators open: those of sign-up, but that names may be empty."""

from collections.abc import Iterator, Sequence

from service.broken_fields import BrokenField, FieldCode
from service.domain.accounts import names
from service.domain.accounts.groups import SHAPE, TOO_MANY, fit
from service.domain.administration.models import NewUser
from service.domain.credentials import emails
from service.domain.passwords.policy import broken_rules
from service.errors import InvalidFieldsError


def require_good(new: NewUser) -> None:
    """Raises InvalidFieldsError."""
    if broken := tuple(_broken(new)):
        raise InvalidFieldsError(broken)


def require_good_password(password: str) -> None:
    """Raises InvalidFieldsError."""
    if broken := tuple(_broken_password(password)):
        raise InvalidFieldsError(broken)


def _broken(new: NewUser) -> Iterator[BrokenField]:
    try:
        emails.canonical(new.email)
    except emails.InvalidEmailError:
        yield BrokenField("email", FieldCode.INVALID_EMAIL, "must be an e-mail address such as ada@example.com")
    for field, name in (("first_name", new.first_name), ("last_name", new.last_name)):
        if name and (broken := names.broken_rule(name)):
            yield BrokenField(field, *broken)
    if new.password is not None:
        yield from _broken_password(new.password)
    yield from _broken_groups(new.groups)


def _broken_password(password: str) -> Iterator[BrokenField]:
    for code, message in broken_rules(password):
        yield BrokenField("password", code, message)


def _broken_groups(groups: Sequence[str]) -> Iterator[BrokenField]:
    if not all(map(SHAPE.fullmatch, groups)):
        yield BrokenField("groups", FieldCode.OUT_OF_RANGE, "must be names of A-Z a-z 0-9 . _ : -")
    elif not fit(set(groups)):
        yield BrokenField("groups", FieldCode.OUT_OF_RANGE, TOO_MANY)

"""What an account that moves in must be like: as one that signs up, as far as its file tells."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from service.ambient import Ambient
from service.domain.accounts import account_claims, attributes, names
from service.domain.accounts.groups import SHAPE as GROUP
from service.domain.accounts.groups import TOO_MANY, fit
from service.domain.credentials import emails
from service.domain.models import User
from service.domain.transfer.models import MovedUser, RefusedRecordError
from service.errors import InvalidFieldsError

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)  # of times that are believed
LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}", re.ASCII)
UNKEPT = re.compile("[\0\ud800-\udfff]")  # Postgres takes neither NUL nor half a surrogate pair


@dataclass(frozen=True, slots=True)
class Checked:
    line: int
    user: User
    attributes: Mapping[str, str]
    has_id: bool  # of its own, from the file


def check(line: int, moved: MovedUser, ambient: Ambient) -> Checked:
    """Raises RefusedRecordError."""
    _require_text(moved)
    first, last = (_name(member, text) for member, text in (("first", moved.first_name), ("last", moved.last_name)))
    if moved.language and not LANGUAGE.fullmatch(moved.language):
        raise RefusedRecordError("its language is no language tag")
    now = ambient.now()
    verified_at = moved.email_verified_at or (now if moved.is_verified else None)
    canonical_email = _canonical(moved.email)
    user = User(
        id=moved.id or ambient.new_uuid(),
        email=moved.email,
        canonical_email=canonical_email,
        first_name=first,
        last_name=last,
        password_hash=moved.stored_for(canonical_email),
        api_key_sealed=b"",
        created_at=max(EARLIEST, min(moved.created_at or now, now)),
        password_changed_at=now,
        disabled_at=now if moved.is_disabled or (moved.is_disabled_until or now) > now else None,
        email_verified_at=verified_at and max(EARLIEST, min(verified_at, now)),
        groups=_groups(moved.groups),
        language=moved.language,
        claims=_claims(moved.claims),
        must_prove_address=moved.must_prove_address,
    )
    return Checked(line, user, _attributes(moved.attributes), moved.id is not None)


def _require_text(moved: MovedUser) -> None:
    texts = (moved.email, moved.first_name, moved.last_name, moved.language, *moved.groups)
    texts += (*moved.attributes, *moved.attributes.values())
    if any(map(UNKEPT.search, texts)):
        raise RefusedRecordError("it has a NUL, or bytes that are no UTF-8")


def _canonical(email: str) -> str:
    if not email:
        raise RefusedRecordError("it has no e-mail address")
    try:
        return emails.canonical(email)
    except emails.InvalidEmailError as error:
        raise RefusedRecordError("it has no e-mail address that can have an account") from error


def _name(which: str, text: str) -> str:
    if text and (broken := names.broken_rule(text)):
        raise RefusedRecordError(f"its {which} name {broken[1]}")
    return text


def _groups(given: Sequence[str]) -> tuple[str, ...]:
    if not fit(set(given)):
        raise RefusedRecordError(f"it has too many groups: {TOO_MANY}")
    if not all(map(GROUP.fullmatch, given)):
        raise RefusedRecordError("a group is not 1 to 64 of A-Z a-z 0-9 . _ : -")
    return tuple(sorted(set(given)))


def _attributes(given: Mapping[str, str]) -> Mapping[str, str]:
    try:
        return attributes.parsed((name, text) for name, text in given.items() if name in attributes.KEPT and text).kept
    except InvalidFieldsError as error:
        raise RefusedRecordError(f"its attributes break a rule: {error.broken[0].field or 'their names'}") from error


def _claims(given: Mapping[str, object]) -> str:
    try:
        return account_claims.written(given)
    except account_claims.InvalidClaimsError as error:
        raise RefusedRecordError(
            f"its claims break a rule of claims, or take more than {account_claims.MOST_BYTES} bytes"
        ) from error

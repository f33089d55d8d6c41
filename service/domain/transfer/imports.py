"""Accounts that move in: checked, and added in batches; the same file may be run again after any interruption."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import blake2b
from uuid import UUID

from service.ambient import Ambient
from service.domain.accounts import attributes, names
from service.domain.accounts.groups import MOST as MOST_GROUPS
from service.domain.accounts.groups import SHAPE as GROUP
from service.domain.credentials import emails
from service.domain.credentials.api_keys import ApiKeys
from service.domain.events.audit_trail import Audit
from service.domain.events.security_events import Event, Events, Name, Reason
from service.domain.models import User
from service.domain.transfer.models import (
    BrokenFileError,
    Holder,
    ImportReport,
    MovedUser,
    NewRow,
    OnRefusal,
    RefusedLine,
    RefusedRecordError,
)
from service.domain.transfer.ports import Moves
from service.errors import InvalidFieldsError

BATCH = 1_000
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)  # of times that are believed
LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}", re.ASCII)
UNKEPT = re.compile("[\0\ud800-\udfff]")  # Postgres takes neither NUL nor half a surrogate pair
Read = Iterable[tuple[int, MovedUser | RefusedRecordError]]


@dataclass(frozen=True, slots=True)
class Checked:
    line: int
    user: User
    attributes: Mapping[str, str]
    has_id: bool  # of its own, from the file


@dataclass(frozen=True, slots=True, kw_only=True)
class Imports:
    moves: Moves
    api_keys: ApiKeys
    ambient: Ambient
    events: Events
    audit: Audit

    async def run(
        self, read: Read, on_refusal: OnRefusal, *, dry: bool = False, send_reset: bool = False
    ) -> ImportReport:
        """What was added before an outage stays, and is there already the next time. Raises a store's outage.

        With `dry` nothing is added. With `send_reset` each new account without a password is mailed a reset.
        """
        one = _Run(self, on_refusal, dry=dry, send_reset=send_reset)
        batch: list[Checked] = []
        try:
            for line, moved in read:
                if (checked := one.checked(line, moved)) is not None:
                    batch.append(checked)
                if len(batch) == BATCH:
                    await one.add(batch)
                    batch.clear()
        except BrokenFileError as broken:
            one.refuse(broken.line, f"{broken}; nothing behind it is read")
        await one.add(batch)
        return one.report

    def check(self, line: int, moved: MovedUser) -> Checked:
        """Raises RefusedRecordError."""
        _require_text(moved)
        first, last = (_name(member, text) for member, text in (("first", moved.first_name), ("last", moved.last_name)))
        if moved.language and not LANGUAGE.fullmatch(moved.language):
            raise RefusedRecordError("its language is no language tag")
        now = self.ambient.now()
        verified_at = moved.email_verified_at or (now if moved.is_verified else None)
        canonical_email = _canonical(moved.email)
        user = User(
            id=moved.id or self.ambient.new_uuid(),
            email=moved.email,
            canonical_email=canonical_email,
            first_name=first,
            last_name=last,
            password_hash=moved.stored_for(canonical_email),
            api_key_sealed=b"",
            created_at=max(EARLIEST, min(moved.created_at or now, now)),
            password_changed_at=now,
            disabled_at=now if moved.is_disabled else None,
            email_verified_at=verified_at and max(EARLIEST, min(verified_at, now)),
            groups=_groups(moved.groups),
            language=moved.language,
            must_prove_address=moved.must_prove_address,
        )
        return Checked(line, user, _attributes(moved.attributes), moved.id is not None)


class _Run:
    def __init__(self, imports: Imports, on_refusal: OnRefusal, *, dry: bool, send_reset: bool) -> None:
        self.report = ImportReport()
        self._imports = imports
        self._on_refusal = on_refusal
        self._dry = dry
        self._send_reset = send_reset
        self._seen: set[bytes] = set()

    def checked(self, line: int, moved: MovedUser | RefusedRecordError) -> Checked | None:
        if isinstance(moved, RefusedRecordError):
            self.refuse(line, str(moved))
            return None
        try:
            return self._imports.check(line, moved)
        except RefusedRecordError as refused:
            self.refuse(line, str(refused))
            return None

    async def add(self, batch: Sequence[Checked]) -> None:
        if not batch:
            return
        fresh = await self._unheld(self._once(batch))
        if not self._dry and fresh:
            rows = [self._row(one) for one in fresh]
            added = await self._imports.moves.add(rows)
            self._tell(added)
            left_out = [one for one in fresh if one.user.id not in added]
            fresh = [one for one in fresh if one.user.id in added]
            for one in await self._unheld(left_out):  # signed up meanwhile; but of others there is no trace
                self.refuse(one.line, "its address was given up lately, and its owner can still take it back")
            await self._imports.audit.write()
        elif self._dry:
            fresh = self._first(fresh)
        self.report.added += len(fresh)
        self.report.without_password += sum(not one.user.has_password for one in fresh)

    def _once(self, batch: Sequence[Checked]) -> list[Checked]:
        """Without those whose address or id is of an earlier line of the batch."""
        addresses: dict[str, Checked] = {}
        ids: dict[UUID, Checked] = {}
        kept = []
        for one in batch:
            if (other := addresses.get(one.user.canonical_email)) is not None:
                self._meet(one, Holder(other.user.id, other.user.email, other.user.canonical_email))
            elif (other := ids.get(one.user.id)) is not None:
                self.refuse(one.line, f"its id is that of line {other.line}")
            else:
                addresses[one.user.canonical_email] = ids[one.user.id] = one
                kept.append(one)
        return kept

    def _first(self, batch: Sequence[Checked]) -> list[Checked]:
        """Without those of earlier batches, which would be there by now. Sixteen bytes of each are remembered."""
        kept = []
        for one in batch:
            digests = {
                blake2b(key, digest_size=16).digest() for key in (one.user.canonical_email.encode(), one.user.id.bytes)
            }
            if digests & self._seen:
                self.report.there_already += 1
            else:
                self._seen |= digests
                kept.append(one)
        return kept

    async def _unheld(self, batch: Sequence[Checked]) -> list[Checked]:
        """Without those whose address or id an account has."""
        if not batch:
            return []
        held = await self._imports.moves.holders(
            [one.user.canonical_email for one in batch], [one.user.id for one in batch]
        )
        addresses, ids = {one.canonical_email: one for one in held}, {one.id for one in held}
        free = []
        for one in batch:
            if (holder := addresses.get(one.user.canonical_email)) is not None:
                self._meet(one, holder)
            elif one.user.id in ids:
                self.refuse(one.line, "its id is of an account with another address")
            else:
                free.append(one)
        return free

    def _meet(self, one: Checked, holder: Holder) -> None:
        if one.user.email != holder.email:
            self.refuse(one.line, f"{one.user.email!r} is the address of an account already, spelt {holder.email!r}")
        elif one.has_id and one.user.id != holder.id:
            self.refuse(one.line, f"its address is of an account with another id: {holder.id}")
        else:
            self.report.there_already += 1

    def _row(self, one: Checked) -> NewRow:
        _, sealed, digest = self._imports.api_keys.make(one.user.id)
        is_mailed = self._send_reset and not one.user.has_password and one.user.disabled_at is None
        mail = self._imports.ambient.new_uuid() if is_mailed else None
        user = replace(one.user, api_key_sealed=sealed)
        return NewRow(user=user, api_key_digest=digest, attributes=one.attributes, reset_mail=mail)

    def _tell(self, added: Iterable[UUID]) -> None:
        for user_id in added:
            self._imports.events.emit(Event(Name.USER_CREATED, reason=Reason.IMPORTED, user_id=user_id))

    def refuse(self, line: int, reason: str) -> None:
        self.report.refused += 1
        self._on_refusal(RefusedLine(line, reason))


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
        raise RefusedRecordError("its e-mail address is none that can have an account") from error


def _name(which: str, text: str) -> str:
    if text and (broken := names.broken_rule(text)):
        raise RefusedRecordError(f"its {which} name {broken[1]}")
    return text


def _groups(given: Sequence[str]) -> tuple[str, ...]:
    if len(set(given)) > MOST_GROUPS:
        raise RefusedRecordError(f"it has more than {MOST_GROUPS} groups")
    if not all(map(GROUP.fullmatch, given)):
        raise RefusedRecordError("a group is not 1 to 64 of A-Z a-z 0-9 . _ : -")
    return tuple(sorted(set(given)))


def _attributes(given: Mapping[str, str]) -> Mapping[str, str]:
    try:
        return attributes.parsed((name, text) for name, text in given.items() if name in attributes.KEPT and text).kept
    except InvalidFieldsError as error:
        raise RefusedRecordError(f"its attributes break a rule: {error.broken[0].field or 'their names'}") from error

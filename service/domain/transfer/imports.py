"""Accounts that move in: checked, and added in batches; the same file may be run again after any interruption."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from service.ambient import Ambient
from service.domain.credentials.api_keys import ApiKeys
from service.domain.events.audit_trail import Audit
from service.domain.events.security_events import Event, Events, Name, Reason
from service.domain.transfer.checks import Checked, check
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
from service.domain.transfer.rehearsal import Rehearsal

BATCH = 1_000
Read = Iterable[tuple[int, MovedUser | RefusedRecordError]]


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
        one.tell_refusals()
        return one.report


class _Run:
    def __init__(self, imports: Imports, on_refusal: OnRefusal, *, dry: bool, send_reset: bool) -> None:
        self.report = ImportReport()
        self._imports = imports
        self._on_refusal = on_refusal
        self._dry = dry
        self._send_reset = send_reset
        self._refused: list[RefusedLine] = []
        self._moves = Rehearsal(imports.moves) if dry else imports.moves

    def checked(self, line: int, moved: MovedUser | RefusedRecordError) -> Checked | None:
        if isinstance(moved, RefusedRecordError):
            self.refuse(line, str(moved))
            return None
        try:
            return check(line, moved, self._imports.ambient)
        except RefusedRecordError as refused:
            self.refuse(line, str(refused))
            return None

    async def add(self, batch: Sequence[Checked]) -> None:
        if not batch:
            return
        if fresh := self._once(await self._unheld(batch)):
            added = await self._moves.add([self._row(one) for one in fresh])
            if not self._dry:
                self._tell(added)
            left_out = [one for one in fresh if one.user.id not in added]
            fresh = [one for one in fresh if one.user.id in added]
            for one in await self._unheld(left_out):  # signed up meanwhile; but of others there is no trace
                self.refuse(one.line, "its address was given up lately, and its owner can still take it back")
        self.report.added += len(fresh)
        self.report.without_password += sum(not one.user.has_password for one in fresh)
        self.tell_refusals()

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

    async def _unheld(self, batch: Sequence[Checked]) -> list[Checked]:
        """Without those whose address or id an account has."""
        if not batch:
            return []
        held = await self._moves.holders([one.user.canonical_email for one in batch], [one.user.id for one in batch])
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
        _, sealed, digest = ("", b"", b"") if self._dry else self._imports.api_keys.make(one.user.id)
        is_mailed = self._send_reset and not one.user.has_password and one.user.disabled_at is None
        mail = self._imports.ambient.new_uuid() if is_mailed else None
        user = replace(one.user, api_key_sealed=sealed)
        entry = self._imports.audit.entry(_event(user.id))
        return NewRow(user=user, api_key_digest=digest, attributes=one.attributes, entry=entry, reset_mail=mail)

    def _tell(self, added: Iterable[UUID]) -> None:
        for user_id in added:
            self._imports.events.emit(_event(user_id))

    def refuse(self, line: int, reason: str) -> None:
        self.report.refused += 1
        self._refused.append(RefusedLine(line, reason))
        if len(self._refused) == BATCH:
            self.tell_refusals()

    def tell_refusals(self) -> None:
        """In the order of their lines, though those of a batch are found in several looks at it."""
        for one in sorted(self._refused, key=lambda one: one.line):
            self._on_refusal(one)
        self._refused.clear()


def _event(user_id: UUID) -> Event:
    """In the trail from the account's own transaction on: nobody is here of whom the trail does not know."""
    return Event(Name.USER_CREATED, reason=Reason.IMPORTED, user_id=user_id, is_stored=True)

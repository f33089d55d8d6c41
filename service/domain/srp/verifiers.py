"""Verifiers: made where a password is typed, sealed, and good for one user, password and user pool."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import structlog

from service.ambient import Ambient
from service.domain.credentials.made_up_ids import MadeUpIds
from service.domain.events.security_events import Event, Events, Name, Reason
from service.domain.seals import Purpose, Seals
from service.domain.srp import arithmetic
from service.domain.srp.group import BYTES, MODULUS
from service.domain.srp.models import SrpIdentity, StoredVerifier, VerifiedAccount
from service.domain.srp.ports import VerifierStore
from service.operator_errors import DamagedDataError

SALT_BYTES = 16
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Making:
    """A verifier that is made together with the hash of the same password, in the same place of the hash queue."""

    user_id: UUID
    salt: bytes
    compute: Callable[[], bytes] = field(repr=False)
    made: bytes = field(default=b"", repr=False)

    def __call__(self) -> None:
        try:
            self.made = self.compute()
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, the password is right
            log.error("no verifier for SRP was made", user_id=str(self.user_id), error=type(error).__name__)


class Verifiers:
    """With the setting off none is made, looked for or accepted.

    Salts are derived from the secret, those of accounts and those of unknown addresses alike: so none of them tells an
    account from a stranger's guess, nor changes when a verifier or a password does.
    """

    def __init__(
        self,
        store: VerifierStore,
        seals: Seals,
        ambient: Ambient,
        *,
        pool_id: str,
        is_on: bool,
        outages: tuple[type[Exception], ...],
        events: Events,
    ) -> None:
        self.store = store
        self.pool_id = pool_id
        self.is_on = is_on
        self._seals = seals
        self._made_up = MadeUpIds(seals)
        self._outages = outages
        self._events = events
        self._nobody = ambient.new_uuid()
        decoy = ambient.random_bytes(BYTES)
        self._decoy = seals.seal(Purpose.SRP_VERIFIER_SEAL, decoy, self._owner(self._nobody))

    @property
    def pool_name(self) -> str:
        """The part of the pool's id that clients hash."""
        return self.pool_id.partition("_")[2]

    # --- making them

    def make(self, user_id: UUID, password: str) -> Making | None:
        """For `Passwords.hash` and `match`; None with the setting off."""
        if not self.is_on:
            return None
        salt, name = self._salt(user_id), self.pool_name
        return Making(user_id, salt, lambda: arithmetic.verifier_of(name, user_id, password, salt))

    async def lacks(self, canonical_email: str) -> bool:
        """Whether the next right password of this address should be made a verifier of."""
        if not self.is_on:
            return False
        try:
            account = await self.store.by_email(canonical_email)
        except self._outages as error:
            _note(None, error)
            return False
        return account is not None and not self._is_as_made_now(account.verifier)

    async def keep(self, making: Making | None, password_changed_at: datetime) -> None:
        """Nobody waits in vain for an outage: without a verifier the next login with the password makes it."""
        if making is None or not making.made:
            return
        sealed = self._seals.seal(Purpose.SRP_VERIFIER_SEAL, making.made, self._owner(making.user_id))
        verifier = StoredVerifier(
            user_id=making.user_id,
            pool_id=self.pool_id,
            salt=making.salt,
            sealed=sealed,
            password_changed_at=password_changed_at,
        )
        try:
            await self.store.put(verifier)
        except self._outages as error:
            _note(making.user_id, error)

    async def remove_all(self) -> int:
        """For an operator who has switched the setting off; how many there were."""
        count = await self.store.remove_all()
        self._events.emit(Event(Name.USER_UPDATED, reason=Reason.VERIFIERS_REMOVED))
        return count

    # --- using them

    async def identify(self, user_id: UUID | None, canonical_email: str) -> tuple[SrpIdentity, VerifiedAccount | None]:
        """By the id if there is one, or else by the address. One look-up and the same work, whoever that is."""
        by_id = self.store.by_id(user_id) if user_id else None
        account = await (by_id or self.store.by_email(canonical_email))
        known_id = account.user_id if account else user_id or self._made_up.of(canonical_email)
        usable = self.usable(account)
        return SrpIdentity(
            user_id=known_id,
            account=account.canonical_email if account else canonical_email,
            salt=usable.salt if usable else self._salt(known_id),
            verifier=self.open(usable),
        ), account

    def usable(self, account: VerifiedAccount | None) -> StoredVerifier | None:
        """The verifier of an account, if it counts with these settings."""
        if account is None or account.verifier is None:
            return None
        held = account.verifier
        is_ours = held.pool_id == self.pool_id and self._seals.knows(Purpose.SRP_VERIFIER_SEAL, held.sealed)
        return held if is_ours else None

    def open(self, held: StoredVerifier | None) -> int:
        """The decoy where there is none, or where it does not open."""
        try:
            sealed, owner = (held.sealed, held.user_id) if held else (self._decoy, self._nobody)
            return self._open(sealed, owner)
        except DamagedDataError as error:
            log.error("a verifier does not open", user_id=str(held and held.user_id), error=type(error).__name__)
            return self._open(self._decoy, self._nobody)

    def _open(self, sealed: bytes, owner: UUID) -> int:
        opened = self._seals.open(Purpose.SRP_VERIFIER_SEAL, sealed, self._owner(owner))
        return int.from_bytes(opened, "big") % MODULUS

    def _is_as_made_now(self, held: StoredVerifier | None) -> bool:
        is_current = held is not None and self._seals.is_current(Purpose.SRP_VERIFIER_SEAL, held.sealed)
        return is_current and held is not None and held.pool_id == self.pool_id

    def _owner(self, user_id: UUID) -> str:
        return owner_of(user_id, self.pool_id)

    def _salt(self, user_id: UUID) -> bytes:
        """Clients drop leading zeros, some before they hash it: so there are none."""
        digest = self._seals.steady_digest(Purpose.DECOY, f"salt {user_id}")
        return bytes([digest[0] & 0x3F | 0x40]) + digest[1:SALT_BYTES]


def owner_of(user_id: UUID, pool_id: str) -> str:
    """What a seal is bound to."""
    return f"{user_id}|{pool_id}"


def _note(user_id: UUID | None, error: Exception) -> None:
    log.warning("no verifier for SRP was stored", user_id=user_id and str(user_id), error=type(error).__name__)

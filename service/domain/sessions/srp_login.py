"""Login by a proof that the client has the password (SRP), in two steps; what follows is that of every login."""

import asyncio
import base64
import hmac
import re
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from uuid import UUID

from service.ambient import Ambient
from service.broken_fields import BrokenField, FieldCode
from service.domain.credentials import emails
from service.domain.credentials.made_up_ids import named_id
from service.domain.events.security_events import Event, Events, Name, Outcome, Reason
from service.domain.models import User, Visitor
from service.domain.second_factors.models import NO_PROOF
from service.domain.sessions.login import Login
from service.domain.sessions.models import SignedIn
from service.domain.srp import arithmetic
from service.domain.srp.blocks import Exchange, SecretBlocks, decoded
from service.domain.srp.group import MODULUS
from service.domain.srp.models import StoredVerifier
from service.domain.srp.timestamps import time_of
from service.domain.srp.verifiers import Verifiers
from service.errors import InvalidCredentialsError, InvalidFieldsError, NotConfiguredError

NUMBER = re.compile(r"[0-9a-fA-F]{1,1024}", re.ASCII)
SECRET_BYTES = 32  # of b: as many bits as the group's strength asks for, at a tenth of the cost of a full size
DRIFT = timedelta(minutes=5)  # of clients' clocks


@dataclass(frozen=True, slots=True, kw_only=True)
class SrpChallenge:
    """What a client needs to prove that it has the password. It looks the same for unknown accounts."""

    user_id: UUID
    salt: str  # hexadecimal, as the next
    server_value: str
    block: str  # base64


@dataclass(frozen=True, slots=True, kw_only=True)
class SrpProof:
    """As the client sent it."""

    block: str = field(repr=False)
    timestamp: str
    signature: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SrpLogin:
    login: Login
    verifiers: Verifiers
    blocks: SecretBlocks
    ambient: Ambient
    events: Events

    async def start(self, username: str, client_value: str, visitor: Visitor, client_id: str = "") -> SrpChallenge:
        """`username`: an id or an e-mail address; `client_value`: A, hexadecimal.

        Raises NotConfiguredError, InvalidFieldsError, OverloadedError or UnavailableError.
        """
        self._require_on()
        value = _client_value(client_value)
        user_id, account = named(username)
        secret = int.from_bytes(self.ambient.random_bytes(SECRET_BYTES), "big") or 1
        with self.login.passwords.reserve(visitor, account) as place:
            identity, _ = await self.verifiers.identify(user_id, account)
            server_value = await place.compute(partial(arithmetic.public_value, identity.verifier, secret))
        exchange = Exchange(
            user_id=identity.user_id,
            account=identity.account,
            client_id=client_id,
            began_at=self.ambient.now(),
            secret=secret,
            mixed=arithmetic.scrambler(value, server_value),
            client_value=value,
        )
        return SrpChallenge(
            user_id=identity.user_id,
            salt=identity.salt.hex(),
            server_value=f"{server_value:x}",
            block=base64.b64encode(self.blocks.seal(exchange)).decode(),
        )

    async def finish(self, username: str, shown: SrpProof, visitor: Visitor, client_id: str = "") -> SignedIn:
        """Counts as a login. `username` is that of the first step, or the id that its answer named.

        Raises NotConfiguredError, and as `Login.with_password` does.
        """
        self._require_on()
        block = decoded(shown.block)
        exchange = self.blocks.open(block)
        if exchange is None or not self._is_about(exchange, username, client_id, shown.timestamp):
            # No limit counts this: nothing is guessed by it.
            raise self._refused(exchange, Reason.CHALLENGE_OVER, event=Name.REFUSED)
        login = self.login
        with login.passwords.reserve(visitor, exchange.account) as place:
            async with login.throttle.login(exchange.account, visitor) as attempt:
                user, (identity, known), _ = await asyncio.gather(
                    login.users.by_id(exchange.user_id),
                    self.verifiers.identify(exchange.user_id, exchange.account),
                    login.revocation.require_good_key(login.tokens),
                )
                if not await self.blocks.use(block, exchange):
                    raise self._refused(exchange, Reason.CHALLENGE_OVER)
                is_right = await place.compute(partial(self._is_right, exchange, identity.verifier, block, shown))
                why = _why_not(user, self.verifiers.usable(known), is_right=is_right)
                if user is None or why:
                    raise self._refused(exchange, why, user)
                signed_in = await login.complete(user, NO_PROOF, visitor, attempt, client_id=client_id)
        self.events.emit(Event(Name.LOGGED_IN, user_id=user.id, session_id=signed_in.session_id))
        return signed_in

    def _require_on(self) -> None:
        if not self.verifiers.is_on:
            raise NotConfiguredError("srp")

    def _is_about(self, exchange: Exchange, username: str, client_id: str, timestamp: str) -> bool:
        """Whether the block is good for this user, client and time."""
        user_id, account = named(username)
        is_of_user = user_id == exchange.user_id if user_id else account == exchange.account
        signed_at = time_of(timestamp)
        is_in_time = signed_at is not None and abs(self.ambient.now() - signed_at) <= DRIFT
        return is_of_user and client_id == exchange.client_id and is_in_time and self.blocks.is_fresh(exchange)

    def _is_right(self, exchange: Exchange, verifier: int, block: bytes, shown: SrpProof) -> bool:
        """In the hash queue."""
        key = arithmetic.session_key(exchange.client_value, verifier, exchange.mixed, exchange.secret)
        pool = self.verifiers.pool_name
        expected = arithmetic.signature(key, pool, exchange.user_id, block, shown.timestamp)
        return hmac.compare_digest(expected, decoded(shown.signature))

    def _refused(
        self, exchange: Exchange | None, why: Reason, user: User | None = None, event: Name = Name.LOGIN_FAILED
    ) -> InvalidCredentialsError:
        """One answer for all. Why it is, for event sinks and the log only."""
        account = self.events.account(exchange.account) if exchange else ""
        user_id = user.id if user else None
        self.events.emit(Event(event, Outcome.FAILURE, why, user_id, account=account))
        return InvalidCredentialsError(why, user_id=user_id)


def named(username: str) -> tuple[UUID | None, str]:
    """The id, where one is named, and the address in its canonical form: for an id, as `Usernames` makes one of it."""
    return named_id(username), emails.for_look_up(username)


def _client_value(text: str) -> int:
    """A. One that is 0 modulo the modulus would make the key known without the password. Raises InvalidFieldsError."""
    value = int(text, 16) if NUMBER.fullmatch(text) else 0
    if not 0 < value < MODULUS:
        wrong = BrokenField("clientValue", FieldCode.OUT_OF_RANGE, "Send a number of the group, in hexadecimal.")
        raise InvalidFieldsError([wrong])
    return value


def _why_not(user: User | None, verifier: StoredVerifier | None, *, is_right: bool) -> Reason:
    if user is None:
        return Reason.UNKNOWN_EMAIL
    if verifier is None:
        return Reason.NO_VERIFIER
    if not is_right:
        return Reason.WRONG_PASSWORD
    if user.disabled_at:
        return Reason.DISABLED
    is_of_this_password = verifier.password_changed_at == user.password_changed_at
    return Reason.NONE if is_of_this_password else Reason.CHANGED_MEANWHILE

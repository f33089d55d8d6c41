"""Signing key rotation: by age, by command, and to replace a revoked key."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

import structlog

from service.ambient import Ambient
from service.domain.clock_watch import ClockWatch
from service.domain.events.security_events import Event, Events, Name, Reason
from service.domain.signing.key_states import KILLED_FOR, KeyState, gone_at, in_state, is_standby, state_of
from service.domain.signing.keyring import KeyRing
from service.domain.signing.longest_lifetimes import LongestLifetimes
from service.domain.signing.models import StoredKey
from service.domain.signing.ports import SigningKeys
from service.settings import KeySettings

log = structlog.get_logger(__name__)


class NoSuchKeyError(Exception):
    """No key has this `kid`."""


class KeyRotation:
    """At any time one key signs, and a successor is already published."""

    def __init__(
        self,
        ring: KeyRing,
        stored: SigningKeys,
        *,
        settings: KeySettings,
        lifetimes: LongestLifetimes,
        ambient: Ambient,
        events: Events,
        clock: ClockWatch,
    ) -> None:
        self._ring = ring
        self._stored = stored
        self.settings = settings  # replaced on reload
        self._lifetimes = lifetimes
        self._ambient = ambient
        self._events = events
        self._clock = clock

    async def all(self) -> list[tuple[StoredKey, KeyState]]:
        """Every key with its state, the newest first."""
        await self._ring.load()
        now = self._ambient.now()
        return [(key, state_of(key, now, self._lifetimes.token)) for key in self._ring.rows]

    async def rotate(self, *, at_once: bool = False) -> StoredKey:
        """Activate the next key once every verifier has fetched it, or `at_once`; returns that key.

        A rotation that is already planned is kept, or brought forward with `at_once`.
        """
        await self.ensure_keys()
        await self._hand_over(lambda _: True, at_once=at_once)
        return next((key for key in self._planned() if not at_once), self._ring.in_state(KeyState.ACTIVE)[0])

    async def retire(self, kid: str) -> KeyState:
        """Plan the retirement of a key if it is active; returns its state before. Raises NoSuchKeyError."""
        await self._ring.load()
        state = state_of(_named(self._ring.rows, kid), self._ambient.now(), self._lifetimes.token)
        if state is KeyState.ACTIVE:
            await self.rotate()
        return state

    async def replace_revoked(self, kid: str) -> None:
        """Revoke a key in Postgres and activate a successor if needed. The caller must also deny its tokens.

        Raises NoSuchKeyError.
        """
        await self.ensure_keys()
        _named(self._ring.rows, kid)
        await self._stored.change(lambda keys: self._revoked(keys, kid))
        self._events.emit(Event(Name.KEY_KILLED, key_id=kid))

    async def maintain(self) -> None:
        """Runs once a minute on every instance: reload keys, rotate by age, delete keys that are long gone."""
        before = self._ring.jwks
        await self.ensure_keys()
        if self._is_due(self._ring.rows):
            await self._hand_over(self._is_due)
        await self._forget()
        if self._ring.jwks != before:
            log.info("signing keys changed", signing=self._ring.signing.kid)

    async def run_forever(self, least: float = 45.0, more: float = 13.0) -> None:
        """Call `maintain` for as long as the service runs.

        The pause is `least` seconds plus a random part of `more`, so that instances started together spread out.
        """
        while True:
            await asyncio.sleep(least + more * self._ambient.random_bytes(1)[0] / 256)
            await self.try_to_maintain()

    async def try_to_maintain(self) -> None:
        try:
            await self.maintain()
        except Exception as error:  # noqa: BLE001 - retried in a minute
            log.error("signing keys not read", error=type(error).__name__)

    async def _hand_over(self, wanted: Callable[[Sequence[StoredKey]], bool], *, at_once: bool = False) -> None:
        """Plan the rotation, if it is still `wanted` once the lock on the keys is held."""
        planned: list[StoredKey] = []

        def plan(keys: Sequence[StoredKey]) -> Sequence[StoredKey]:
            planned[:] = self._succession(keys, at_once=at_once) if wanted(keys) else []
            return planned

        await self._stored.change(plan)
        if planned:
            how = Reason.AT_ONCE if at_once else Reason.PLANNED
            self._events.emit(Event(Name.KEY_ROTATED, reason=how, key_id=planned[0].kid, source=""))
        await self.ensure_keys()

    def _succession(self, keys: Sequence[StoredKey], *, at_once: bool) -> list[StoredKey]:
        """The changed rows: the successor (the planned one, or else the oldest) and the keys it replaces."""
        now = self._ambient.now()
        following = self._in_state(keys, KeyState.NEXT)
        successor = next((key for key in following if key.activates_at), next(iter(following), None))
        if successor is None:
            return []  # another instance or command has rotated already
        time = now if at_once else successor.activates_at or max(now, successor.ready_at or now)
        followed = self._in_state(keys, KeyState.ACTIVE)
        return [replace(successor, activates_at=time), *(replace(key, retires_at=time) for key in followed)]

    def _revoked(self, keys: Sequence[StoredKey], kid: str) -> list[StoredKey]:
        now = self._ambient.now()
        victim, others = _named(keys, kid), [key for key in keys if key.kid != kid]
        if victim.killed_at:
            return []
        changed = [replace(victim, killed_at=now)]
        active = self._in_state(others, KeyState.ACTIVE)
        if not active:
            changed += self._succession(others, at_once=True)
        elif state_of(victim, now, self._lifetimes.token) is KeyState.NEXT and victim.activates_at:
            changed += [replace(key, retires_at=None) for key in active]  # the revoked key was their planned successor
        return changed

    def _in_state(self, keys: Sequence[StoredKey], state: KeyState) -> list[StoredKey]:
        return in_state(keys, state, self._ambient.now(), self._lifetimes.token)

    def _planned(self) -> list[StoredKey]:
        return [key for key in self._ring.in_state(KeyState.NEXT) if key.activates_at]

    def _is_due(self, keys: Sequence[StoredKey]) -> bool:
        """Whether the active key is older than the settings allow and its retirement is not planned yet."""
        oldest = self.settings.rotate_after
        return oldest is not None and any(
            key.activates_at and key.activates_at + oldest <= self._ambient.now() and not key.retires_at
            for key in self._in_state(keys, KeyState.ACTIVE)[:1]
        )

    async def ensure_keys(self) -> None:
        """Reload the keys, and make sure that there is a standby key and an active one.

        Raises MisfitError on an instance whose clock is wrong: it would date and delete keys of all instances.
        """
        await self._ring.load()
        self._clock.require_right()
        if not self._standbys(self._ring.rows):
            spare = await asyncio.to_thread(self._ring.make)
            spare = replace(spare, ready_at=spare.created_at + self.settings.publish_ahead)
            await self._stored.change(lambda keys: [] if self._standbys(keys) else [spare])
            await self._ring.load()
        if not self._ring.in_state(KeyState.ACTIVE):
            await self._hand_over(lambda keys: not self._in_state(keys, KeyState.ACTIVE), at_once=True)

    def _standbys(self, keys: Sequence[StoredKey]) -> list[StoredKey]:
        now = self._ambient.now()
        return [key for key in keys if is_standby(key, now, self._lifetimes.token)]

    async def _forget(self) -> None:
        """Delete the keys that are gone and need not be denied by `kid` any more."""
        now = self._ambient.now()
        ends = {key.kid: gone_at(key, self._lifetimes.token) for key in self._ring.rows}
        if over := [kid for kid, end in ends.items() if end and now >= end + KILLED_FOR]:
            await self._stored.remove(over)
            await self._ring.load()


def _named(keys: Sequence[StoredKey], kid: str) -> StoredKey:
    for key in keys:
        if key.kid == kid:
            return key
    raise NoSuchKeyError

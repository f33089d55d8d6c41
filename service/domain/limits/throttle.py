"""The rate limits, mostly on failed attempts, counted in Redis across all instances.

A login is reserved in every row that concerns it before its password is hashed: one script call, all rows or none. Only
definite failures refuse a login; a pending reservation does not, so correct passwords in parallel never block each
other. Parallel wrong guesses are bounded here: at most `in_flight` attempts at one account run at a time per instance,
the others wait. So an account sees at most its quota + in_flight x instances guesses, and a source that tries many
accounts gains as many as the password queue holds. A second script call settles the verdict; without it, the
reservation stays a failure. A quota of 5/5m is 5 at once, then one more each minute.
The price: the rows of all logins share a hash tag, so in Redis Cluster they are on one primary. It can handle a
thousand times the logins that bcrypt can.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from datetime import timedelta
from ipaddress import ip_network
from typing import Literal, get_args
from uuid import UUID

from service.domain.events.security_events import Event, Events, Name, Outcome
from service.domain.limits.attempt import Attempt
from service.domain.limits.charges import Charge, Counters, LimitExceeded, Reservation, Suspect, Verdict
from service.domain.limits.turns import Turns
from service.domain.models import Caller, Visitor
from service.errors import InvalidCredentialsError, InvalidRefreshTokenError, OverloadedError, RateLimitedError
from service.settings import Rate, ThrottleSettings
from service.shown_policy import ShownPolicy

IN_FLIGHT = 4
CallPolicy = Literal["session-list", "session-end", "export", "profile-change"]
LOOK_UPS, SHARE = 8, 15  # concurrent refresh token look-ups per source: a 15th of its quota, at least 8
LOOK_UP_WAIT = timedelta(seconds=2)
Policy = Literal[
    "login",
    "login-attempts",
    "signup",
    "refresh",
    "refresh-unknown",
    "api-key-unknown",
    "api-key-rotation",
    "mail-address",
    "mail",
    "code",
    "passkey",
    "password-change",
    CallPolicy,
    "api-key-use",
]
POLICIES: tuple[str, ...] = get_args(Policy)


class Throttle:
    """Raises RateLimitedError. Its `policy` is always the source's own row, never one that reveals an account."""

    def __init__(
        self,
        counters: Counters,
        settings: ThrottleSettings,
        digest: Callable[[str], str],
        max_wait: timedelta,
        *,
        events: Events,
        in_flight: int = IN_FLIGHT,
    ) -> None:
        self._counters = counters
        self._settings = settings
        self._digest = digest
        self._max_wait = max_wait
        self._events = events
        self._turns = Turns(in_flight)
        self._look_ups = Turns(max(LOOK_UPS, settings.refresh_source.quota // SHARE))
        self.decisions: Counter[tuple[str, bool]] = Counter()  # by policy and whether it was allowed

    @asynccontextmanager
    async def login(self, account: str, visitor: Visitor) -> AsyncIterator[Attempt]:
        """Check the password inside: InvalidCredentialsError, or leaving without a word, is a failure.

        Any other error refunds the attempt. Raises RateLimitedError, or OverloadedError after the maximum wait.
        """
        if self.is_free(visitor):
            yield Attempt()
            return
        if self._settings.login_attempts:
            source = Charge("source", visitor.source, self._settings.login_attempts)
            await self.take("login-attempts", source, visitor=visitor)
        suspect = Suspect(visitor.source, self._digest(account), self._digest(f"{account}\0{visitor.source}"))
        async with AsyncExitStack() as turns:
            await self._wait_for_turns(suspect, turns)
            reservation = await self._reserve(suspect, account)
            attempt = Attempt()
            outcome = Verdict.FAILED
            try:
                yield attempt
            except InvalidCredentialsError:
                raise
            except BaseException:
                outcome = Verdict.FAILED if attempt.fails else Verdict.UNJUDGED
                raise
            finally:
                verdict = outcome if attempt.verdict is Verdict.FAILED else attempt.verdict
                await self._counters.settle(reservation, verdict, self._settings)

    async def sign_up(self, visitor: Visitor) -> None:
        source = Charge("source", visitor.source, self._settings.signup_source)
        await self.take("signup", source, Charge("global", "", self._settings.signup_global), visitor=visitor)

    @asynccontextmanager
    async def refresh(self, visitor: Visitor, token: str) -> AsyncIterator[None]:
        """Look the token up inside: InvalidRefreshTokenError refunds the charge of the source.

        Counts by source and by token: the whole token or its digest, which an outsider cannot know. Raises
        RateLimitedError, or UnavailableError after 2 s in the queue.
        """
        source = Charge("source", visitor.source, self._settings.refresh_source)
        of_token = Charge("token", self._digest(token), self._settings.refresh_token)
        async with self.looking_up(visitor):
            await self.take("refresh", source, of_token, visitor=visitor)
            try:
                yield
            except InvalidRefreshTokenError:
                if not self.is_free(visitor):
                    await self._counters.refund("refresh", source)
                raise

    def looking_up(self, visitor: Visitor) -> AbstractAsyncContextManager[None]:
        """Bounds look-ups of refresh tokens, which no rate limit may refuse. Raises UnavailableError after 2 s."""
        return nullcontext() if self.is_free(visitor) else self._look_ups.turn(visitor.source, LOOK_UP_WAIT)

    async def unknown_refresh_token(self, visitor: Visitor) -> None:
        """Counted after the look-up, so that a neighbour's bad tokens never stop a good one."""
        source = Charge("source", visitor.source, self._settings.refresh_unknown)
        await self.take("refresh-unknown", source, visitor=visitor)

    async def unknown_api_key(self, visitor: Visitor) -> None:
        """Counted after the look-up, as unknown refresh tokens are; valid keys are not counted."""
        source = Charge("source", visitor.source, self._settings.api_key_unknown)
        await self.take("api-key-unknown", source, visitor=visitor)

    async def api_key_rotation(self, visitor: Visitor, user_id: UUID) -> None:
        """Each rotation adds an event to the audit trail, and a user must not be able to fill it."""
        of_user = Charge("user", self._digest(str(user_id)), self._settings.api_key_rotation)
        await self.take("api-key-rotation", of_user, visitor=visitor)

    async def mail_address(self, account: str) -> bool:
        """Whether one more mail may go to an address, which strangers may have named. Its answer is seen by nobody."""
        if not self._settings.enabled:
            return True
        refusal = await self._counters.take("mail-address", (self._mail_to(account),))
        self.decisions["mail-address", refusal is None] += 1
        if refusal:
            pseudonym = self._events.account(account)
            self._events.emit(Event(Name.LIMITED, Outcome.FAILURE, "mail-address", account=pseudonym))
        return refusal is None

    async def no_mail_to(self, account: str) -> None:
        """Refund what `mail_address` counted: the mail was not sent."""
        if self._settings.enabled:
            await self._counters.refund("mail-address", self._mail_to(account))

    def _mail_to(self, account: str) -> Charge:
        return Charge("address", self._digest(account), self._settings.mail_address)

    async def passkey(self, visitor: Visitor) -> None:
        """Logins by passkey that one source begins: each challenge is good for one look-up of a passkey."""
        await self.take("passkey", Charge("source", visitor.source, self._settings.passkey_source), visitor=visitor)

    async def api_key_use(self, key_id: UUID, rate: Rate) -> None:
        """A key's own rate is a wish of its owner, so it holds for sources without limits too."""
        if self._settings.enabled:
            await self._count("api-key-use", Charge("key", self._digest(str(key_id)), rate))

    async def call(self, decision: CallPolicy, visitor: Visitor, caller: Caller) -> None:
        """Lists and endings of sessions by session, as a stolen one must not use up the others' quota; else by user."""
        rates = {"session-list": self._settings.session_list, "session-end": self._settings.session_end}
        row, who = ("session", caller.session_id) if decision in rates else ("user", str(caller.user_id))
        by_user = {"export": self._settings.export, "profile-change": self._settings.profile_change}
        rate = (rates | by_user)[decision]
        await self.take(decision, Charge(row, self._digest(who), rate), visitor=visitor)

    @asynccontextmanager
    async def guess(
        self, decision: Policy, wrong: type[Exception], *charges: Charge, visitor: Visitor
    ) -> AsyncIterator[None]:
        """Check a secret inside. It is charged before, so that guesses in parallel are bounded: `wrong` keeps the
        charges; without it, or with another error, they are refunded. For the limits of other files.
        """
        await self.take(decision, *charges, visitor=visitor)
        is_wrong = False
        try:
            yield
        except wrong:
            is_wrong = True
            raise
        finally:
            if not (is_wrong or self.is_free(visitor)):
                for charge in charges:
                    await self._counters.refund(decision, charge)

    async def take(self, decision: Policy, source: Charge, *others: Charge, visitor: Visitor) -> None:
        """Charge every row, or none when one is full. For the limits of other files too."""
        if not self.is_free(visitor):
            await self._count(decision, source, *others)

    async def _count(self, decision: Policy, source: Charge, *others: Charge) -> None:
        refusal = await self._counters.take(decision, (source, *others))
        self.decisions[decision, refusal is None] += 1
        if refusal:
            self._events.emit(Event(Name.LIMITED, Outcome.FAILURE, decision))
            raise _limited(refusal, f"{decision}-{source.row}", source.rate)

    async def _reserve(self, suspect: Suspect, account: str) -> Reservation:
        outcome, over_the_global_limit = await self._counters.reserve(suspect, self._settings)
        self.decisions["login", isinstance(outcome, Reservation)] += 1
        if over_the_global_limit:
            self._events.emit(Event(Name.LIMITED, Outcome.FAILURE, "login-global", source=""))
        if isinstance(outcome, LimitExceeded):
            pseudonym = self._events.account(account)
            self._events.emit(Event(Name.LIMITED, Outcome.FAILURE, "login", account=pseudonym))
            raise _limited(outcome, "login-source", self._settings.login_source)
        return outcome

    async def _wait_for_turns(self, suspect: Suspect, turns: AsyncExitStack) -> None:
        """Wait for a slot of this account from this source, and for one shared by all unknown sources of the account: a
        known source does not queue behind them.
        """
        try:
            async with asyncio.timeout(self._max_wait.total_seconds()):
                await turns.enter_async_context(self._turns.turn(suspect.pair))
                if not (self._turns.are_taken(suspect.account) and await self._counters.knows(suspect)):
                    await turns.enter_async_context(self._turns.turn(suspect.account))
        except TimeoutError:
            raise OverloadedError(lambda: self._max_wait) from None

    def is_free(self, visitor: Visitor) -> bool:
        """Whether no limit applies."""
        if not self._settings.enabled:
            return True
        if not self._settings.exempt or visitor.source == "local":
            return False
        # A source is an IPv4 address or an IPv6 /64, so an exempt network narrower than that exempts the whole /64.
        source = ip_network(visitor.source)
        return any(source.overlaps(network) for network in self._settings.exempt)


def _limited(refusal: LimitExceeded, name: str, rate: Rate) -> RateLimitedError:
    # Retry-After may not name an earlier time than the policy's own reset (RateLimit draft, section on Retry-After).
    resets_in = min(refusal.more_in, refusal.retry_after)
    return RateLimitedError(refusal.retry_after, ShownPolicy(name, rate.quota, rate.window, refusal.left, resets_in))

"""One attempt at one mail: it is written, delivered and removed, or due again, or given up."""

import asyncio
import re
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

import structlog

from service.ambient import Ambient
from service.domain.mail.models import COUNTED, Kind, Letter, Mail
from service.domain.mail.ports import (
    AddressLimit,
    Courier,
    Outbox,
    PostponedError,
    RefusedError,
    UnreachableError,
    Writer,
)
from service.settings import MailSettings

STEPS = 6  # of a delivery, each of which may take `mail.timeout`
SLACK = timedelta(seconds=20)  # of a lease, for what is asked of the stores
PAUSES = tuple(timedelta(seconds=each) for each in (30, 120, 600, 1_800, 3_600, 7_200, 14_400))
RESTS = tuple(timedelta(seconds=each) for each in (5, 10, 20, 40, 60))  # from a server that takes no mail
SOON = timedelta(seconds=5)  # until a store may be back
OF_STRANGERS = frozenset({Kind.VERIFY, Kind.RESET, Kind.EMAIL_CHANGE, Kind.SIGN_IN})  # to any address that they name
REPLY_CODE = re.compile(r"\d{3}(?:[ -]\d\.\d{1,3}\.\d{1,3})?", re.ASCII)  # the rest of a reply may quote the address
log = structlog.get_logger(__name__)


class MailOutcome(StrEnum):
    SENT = "sent"
    NOTHING = "nothing"
    EXPIRED = "expired"
    LIMITED = "limited"
    POSTPONED = "postponed"
    REFUSED = "refused"
    GIVEN_UP = "given_up"


class Delivery:
    def __init__(
        self,
        *,
        outbox: Outbox,
        writers: Mapping[Kind, Writer],
        courier: Courier,
        limit: AddressLimit,
        settings: MailSettings,
        ambient: Ambient,
        outages: tuple[type[Exception], ...],
    ) -> None:
        self.outcomes: Counter[tuple[Kind, MailOutcome]] = Counter()
        self._outbox = outbox
        self._writers = writers
        self._courier = courier
        self._limit = limit
        self._give_up = settings.give_up
        self._longest = STEPS * settings.timeout
        self._ambient = ambient
        self._outages = outages
        self._sent: set[UUID] = set()  # and not removed yet, as the store was away
        self._charged: set[UUID] = set()  # to their addresses, by the attempts that are going on
        self._rests = 0  # in a row
        self._rest_until = 0.0

    @property
    def lease(self) -> timedelta:
        """Longer than `send` takes."""
        return self._longest + SLACK

    @property
    def rest(self) -> float:
        """Seconds for which the server is left alone, as it takes no mail."""
        return max(self._rest_until - self._ambient.monotonic(), 0.0)

    async def send(self, mail: Mail) -> None:
        """One attempt, with its consequences. Raises nothing: after its lease the mail is due again in any case."""
        try:
            await self._send(mail)
        except self._outages as error:
            log.warning("mail left to its lease", mail_id=str(mail.id), error=type(error).__name__)
        except Exception as error:  # noqa: BLE001 - a defect that one mail meets must not end the others
            log.error("mail left to its lease", mail_id=str(mail.id), kind=mail.kind.value, error=type(error).__name__)
        finally:
            self._charged.discard(mail.id)

    async def _send(self, mail: Mail) -> None:
        if mail.id in self._sent:  # the store was away when it should have been removed
            await self._remove(mail)
            return
        letter = await self._letter(mail)
        if letter is None:
            return
        if letter.good_until and letter.good_until <= self._ambient.now():
            await self._end(mail, MailOutcome.EXPIRED)
            return
        try:
            async with asyncio.timeout(self._longest.total_seconds()):
                await self._courier.deliver(mail, letter)
        except UnreachableError as error:
            await self._leave_in_peace(mail, str(error))
            return
        except RefusedError as error:
            await self._give_up_on(mail, MailOutcome.REFUSED, str(error))
        except PostponedError as error:
            await self._try_again(mail, str(error))
        except TimeoutError:
            await self._try_again(mail, "the delivery took too long")
        except Exception as error:  # noqa: BLE001 - what one letter does to its templates must not end the others
            log.error("mail not delivered", mail_id=str(mail.id), kind=mail.kind.value, error=type(error).__name__)
            await self._try_again(mail, type(error).__name__)
            return
        else:
            self._sent.add(mail.id)
            self.outcomes[mail.kind, MailOutcome.SENT] += 1
            await self._remove(mail)
        self._server_answers()

    async def _letter(self, mail: Mail) -> Letter | None:
        """None when there is nothing more to do."""
        try:
            if not await self._is_within_limit(mail):
                await self._end(mail, MailOutcome.LIMITED)
                return None
            if (write := self._writers.get(mail.kind)) is None:
                log.warning("mail of an unknown kind", mail_id=str(mail.id))
                await self._try_again(mail, "no writer")  # an instance of a newer version may have one
                return None
            if (letter := await write(mail)) is None:
                await self._give_back_charge(mail)  # who asks for an unknown address must not use up its mails
                await self._end(mail, MailOutcome.NOTHING)
        except self._outages as error:
            log.warning("mail waits for a store", mail_id=str(mail.id), error=type(error).__name__)
            await self._put_back(mail, SOON)
        except Exception as error:  # noqa: BLE001 - a writer's defect must not end the others
            log.error("mail not written", mail_id=str(mail.id), kind=mail.kind.value, error=type(error).__name__)
            await self._try_again(mail, type(error).__name__)
        else:
            return letter
        return None

    async def _is_within_limit(self, mail: Mail) -> bool:
        """Counted at the first attempt alone; given back if that is put back, or finds nothing to send."""
        if mail.kind not in OF_STRANGERS or mail.attempts > 1 or COUNTED in mail.facts:
            return True
        if await self._limit.take(mail.recipient):
            self._charged.add(mail.id)
            return True
        return False

    async def _end(self, mail: Mail, outcome: MailOutcome) -> None:
        await self._outbox.remove(mail.id)
        self.outcomes[mail.kind, outcome] += 1

    async def _remove(self, mail: Mail) -> None:
        await self._outbox.remove(mail.id)
        self._sent.discard(mail.id)

    async def _try_again(self, mail: Mail, reply: str) -> None:
        if self._is_too_old(mail):
            await self._give_up_on(mail, MailOutcome.GIVEN_UP, reply)
            return
        pause = PAUSES[min(mail.attempts, len(PAUSES)) - 1]
        await self._outbox.postpone(mail.id, pause, reply)
        self.outcomes[mail.kind, MailOutcome.POSTPONED] += 1

    async def _give_up_on(self, mail: Mail, outcome: MailOutcome, reply: str) -> None:
        await self._outbox.give_up(mail.id, reply)
        self.outcomes[mail.kind, outcome] += 1
        code = REPLY_CODE.match(reply)
        log.warning(
            "mail given up",
            mail_id=str(mail.id),
            kind=mail.kind.value,
            outcome=outcome.value,
            attempts=mail.attempts,
            reply=code[0] if code else "",
        )

    async def _leave_in_peace(self, mail: Mail, why: str) -> None:
        if not self.rest:  # lanes that fail together count once
            if not self._rests:
                log.warning("the mail server takes no mail", reply=why)
            self._rest_until = self._ambient.monotonic() + RESTS[min(self._rests, len(RESTS) - 1)].total_seconds()
            self._rests += 1
        if self._is_too_old(mail):
            await self._give_up_on(mail, MailOutcome.GIVEN_UP, why)
        else:
            await self._put_back(mail, timedelta(seconds=self.rest))

    async def _put_back(self, mail: Mail, pause: timedelta) -> None:
        await self._give_back_charge(mail)
        await self._outbox.put_back(mail.id, pause)

    async def _give_back_charge(self, mail: Mail) -> None:
        if mail.id in self._charged:
            await self._limit.give_back(mail.recipient)
            self._charged.discard(mail.id)

    def _is_too_old(self, mail: Mail) -> bool:
        return self._ambient.now() - mail.created_at >= self._give_up

    def _server_answers(self) -> None:
        if self._rests:
            log.info("the mail server takes mail again")
        self._rests, self._rest_until = 0, 0.0

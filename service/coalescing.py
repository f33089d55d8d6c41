"""What concurrent requests ask, gathered into one round trip: of one turn of the loop, or while the last one takes."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")
AT_ONCE = 1  # round trips under way: under load the next questions gather while these are answered
MOST = 512  # questions in one round trip: more would make the store's other callers wait


class Batch(Generic[Q, A]):
    """`ask` puts a question into the batch of this turn; `answer_all` gets the batch and answers in the same order."""

    def __init__(self, answer_all: Callable[[Sequence[Q]], Awaitable[Sequence[A]]], most: int = MOST) -> None:
        self._answer_all = answer_all
        self._most = most
        self._waiting: list[tuple[Q, asyncio.Future[A]]] = []
        self._under_way: set[asyncio.Task[None]] = set()

    async def ask(self, question: Q) -> A:
        """Raises what the round trip raised."""
        loop = asyncio.get_running_loop()
        if not self._waiting and len(self._under_way) < AT_ONCE:
            loop.call_soon(self._depart)
        answer: asyncio.Future[A] = loop.create_future()
        self._waiting.append((question, answer))
        return await answer

    def _depart(self) -> None:
        """Also called when a batch is back: who came meanwhile travels together."""
        while self._waiting and len(self._under_way) < AT_ONCE:
            leaving, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            task = asyncio.create_task(self._travel(leaving))
            self._under_way.add(task)
            task.add_done_callback(self._is_back)

    def _is_back(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._depart()

    async def _travel(self, asked: Sequence[tuple[Q, asyncio.Future[A]]]) -> None:
        try:
            answers = await self._answer_all([question for question, _ in asked])
        except BaseException as error:
            waiting, self._waiting = (
                self._waiting,
                [],
            )  # whoever waits behind a store that hangs need not find out alone
            for _, future in (*asked, *waiting):
                if not future.done():
                    future.set_exception(error if isinstance(error, Exception) else ConnectionError())
            if not isinstance(error, Exception):
                raise
            return
        for (_, future), answer in zip(asked, answers, strict=True):
            if not future.done():  # its request may have been cancelled meanwhile
                future.set_result(answer)

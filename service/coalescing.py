"""Coalesces concurrent look-ups into one round trip.

A batch holds the questions of one turn of the event loop, or of the time that the previous round trip takes.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")
AT_ONCE = 1  # round trips in flight: under load the next questions gather meanwhile
MOST = 512  # questions in one round trip: more would make the store's other callers wait


class Batch(Generic[Q, A]):
    """`ask` adds a question to the current batch; `answer_all` gets the batch and answers in the same order."""

    def __init__(self, answer_all: Callable[[Sequence[Q]], Awaitable[Sequence[A]]], most: int = MOST) -> None:
        self._answer_all = answer_all
        self._most = most
        self._waiting: list[tuple[Q, asyncio.Future[A]]] = []
        self._under_way: set[asyncio.Task[None]] = set()

    async def ask(self, question: Q) -> A:
        """Raises the error of the round trip."""
        loop = asyncio.get_running_loop()
        if not self._waiting and len(self._under_way) < AT_ONCE:
            loop.call_soon(self._depart)
        answer: asyncio.Future[A] = loop.create_future()
        self._waiting.append((question, answer))
        return await answer

    def _depart(self) -> None:
        """Also called when a batch is back, to send the questions that gathered meanwhile."""
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
            answered = list(zip(asked, answers, strict=True))
        except BaseException as error:
            waiting, self._waiting = self._waiting, []  # they would wait for the same hanging store
            for _, future in (*asked, *waiting):
                if not future.done():
                    future.set_exception(error if isinstance(error, Exception) else ConnectionError())
            if not isinstance(error, Exception):
                raise
            return
        for (_, future), answer in answered:
            if not future.done():  # its request may have been cancelled meanwhile
                future.set_result(answer)

"""Answers of worker threads to those who wait on an event loop."""

import asyncio
import contextlib
from typing import Any


def answer_on_its_loop(done: asyncio.Future[Any], answer: object) -> None:
    """From any thread; an exception is raised where the answer is awaited."""
    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
        done.get_loop().call_soon_threadsafe(_settle, done, answer)


def _settle(done: asyncio.Future[Any], answer: object) -> None:
    if done.done():
        return
    if isinstance(answer, Exception):
        done.set_exception(answer)
    else:
        done.set_result(answer)

"""Runs the Lua scripts; calls of concurrent requests share a round trip to Redis."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from service.coalescing import Batch
from service.stores.redis import script

Argument = bytes | str | int


@dataclass(frozen=True, slots=True)
class ScriptCall:
    text: str
    sha: str
    keys: Sequence[str]
    arguments: Sequence[Argument]


class Scripts:
    """Needs a client that never retries: a script sent twice counts twice.

    `home_of` names the server that holds a key; calls to one that hangs do not delay the others.
    """

    def __init__(self, redis: Redis, home_of: Callable[[str], str] = lambda _: "") -> None:
        self._redis = redis
        self._home_of = home_of
        self._calls: dict[str, Batch[ScriptCall, Any]] = {}

    def script(self, *names: str) -> "Script":
        """The Lua files by these names, concatenated."""
        return Script(self, "\n".join(script(f"{name}.lua") for name in names))

    async def run(self, call: ScriptCall) -> Any:  # noqa: ANN401 - each script answers in its own way
        """Raises the error that Redis replies, or the outage."""
        home = self._home_of(call.keys[0])
        batch = self._calls.get(home) or self._calls.setdefault(home, Batch(self._run_all))
        answer = await batch.ask(call)
        if isinstance(answer, NoScriptError):  # the server did not run it, so this is not a retry
            return await self._redis.eval(call.text, len(call.keys), *call.keys, *call.arguments)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def _run_all(self, calls: Sequence[ScriptCall]) -> list[Any]:
        async with self._redis.pipeline(transaction=False) as pipe:
            for call in calls:
                pipe.execute_command("EVALSHA", call.sha, len(call.keys), *call.keys, *call.arguments)
            return list(await pipe.execute(raise_on_error=False))


class Script:
    """All keys must share a hash tag, so that one server of a cluster holds them."""

    def __init__(self, scripts: Scripts, text: str) -> None:
        self._scripts = scripts
        self._text = text
        self._sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()  # EVALSHA names a script by it

    async def __call__(self, keys: Sequence[str], args: Sequence[Argument] = ()) -> Any:  # noqa: ANN401 - see `run`
        return await self._scripts.run(ScriptCall(self._text, self._sha, keys, args))

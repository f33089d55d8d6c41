# mypy: disable-error-code="misc,untyped-decorator"
# (Where the checks run there is no Locust, so what derives from it has no types; it has an environment of its own.)
"""Who comes to the application in a load test: one class for each kind of behaviour.

An answer is counted in a row of its own: `login` for those let in, `login 401`, `login 429` and `login 503` for the
others. Refusals are no failures when they are honest: 429, or 503 with the code `overloaded`, and a Retry-After.
"""

from collections.abc import Iterator, Mapping
from itertools import count
from time import sleep
from typing import Any, ClassVar

from locust import FastHttpUser, between, constant, task  # type: ignore[import-not-found,unused-ignore] # see above

from tests.load.accounts import Guest, address

WRONG = "Wrong-pass-1!"
SPRAYER = "198.19.255.1"  # one source for all who spray
LONGEST_WAIT = 60  # seconds; whoever is told to wait longer is not waited for within a test
OK, UNAUTHORIZED, TOO_MANY, UNAVAILABLE = 200, 401, 429, 503


class Person(FastHttpUser):
    """One simulated user, on one connection, with an account and an address."""

    abstract = True
    connection_timeout = 10
    network_timeout = 15
    guests: ClassVar[list[Guest]] = []  # filled when the test starts
    is_patient: ClassVar[bool] = True  # waits as long as Retry-After says
    call: ClassVar[str] = ""  # goes before the rows' names
    numbers: ClassVar[Iterator[int]] = count()

    def on_start(self) -> None:
        self.number = next(self.numbers)
        self.guest = self.guests[self.number % len(self.guests)]
        self.source = address(self.number)

    def ask(
        self,
        name: str,
        path: str,
        body: Mapping[str, str] | None = None,
        *,
        method: str = "POST",
        bearer: str = "",
        expected: int = OK,
    ) -> dict[str, Any] | None:
        """The body of the expected answer, or None after a refusal, when it has been waited for."""
        headers = {"X-Forwarded-For": self.source} | ({"Authorization": f"Bearer {bearer}"} if bearer else {})
        with self.client.request(
            method, path, json=body, headers=headers, name=f"{self.call}{name}", catch_response=True
        ) as answer:
            status = answer.status_code
            if status != OK:
                answer.request_meta["name"] = f"{self.call}{name} {status or 'no answer'}"
            said: dict[str, Any] | None = answer.json() if status == expected else None
            fault = "" if status == expected else _dishonesty(status, answer.headers, answer.text)
            if fault:
                answer.failure(fault)
            else:
                answer.success()
            wait = float(answer.headers.get("Retry-After") or 0) if status in {TOO_MANY, UNAVAILABLE} else 0.0
        if wait and self.is_patient:
            sleep(min(wait, LONGEST_WAIT))
        return said

    def log_in(self, email: str, password: str, expected: int = OK) -> dict[str, Any] | None:
        return self.ask("login", "/auth/login", {"email": email, "password": password}, expected=expected)


class Steady(Person):
    """An application's user: logs in, looks around, renews the tokens, logs out, and thinks in between."""

    wait_time = between(1, 3)

    @task
    def visit(self) -> None:
        tokens = self.log_in(self.guest.email, self.guest.password)
        if tokens is None:
            return
        self._look_around(tokens["idToken"])
        renewed = self.ask("refresh", "/auth/refresh", {"refreshToken": tokens["refreshToken"]})
        if renewed is not None:
            tokens |= renewed
            self._look_around(tokens["idToken"])
        self.ask("logout", "/auth/logout", {"accessToken": tokens["accessToken"]}, bearer=tokens["idToken"])

    def _look_around(self, id_token: str) -> None:
        for _ in range(2):
            sleep(self.wait_time())
            self.ask("me", "/auth/me", method="GET", bearer=id_token)


class Storm(Person):
    """Everybody logs in at once, again and again: after an outage, say."""

    wait_time = constant(0)
    call = "storm "
    weight = 2

    @task
    def log_in_again(self) -> None:
        self.log_in(self.guest.email, self.guest.password)


class Spray(Person):
    """One source tries one password on many accounts; the source's limit stops it."""

    wait_time = constant(0.2)
    call = "spray "
    is_patient = False

    @task
    def guess(self) -> None:
        self.source = SPRAYER
        self.number += 1
        if self.number % 2:
            self.log_in(self.guests[self.number % len(self.guests)].email, WRONG, UNAUTHORIZED)
        else:
            self.log_in(f"nobody-{self.number}@example.com", WRONG, UNAUTHORIZED)


class OneAccount(Person):
    """Many sources try many passwords on one account; the account's limit stops them, if the target believes them."""

    wait_time = constant(0.2)
    call = "one account "
    is_patient = False

    @task
    def guess(self) -> None:
        self.log_in(self.guests[0].email, f"{WRONG}{self.number}", UNAUTHORIZED)


def _dishonesty(status: int, headers: Mapping[str, str], text: str | None) -> str:
    """What is wrong with an answer that was not hoped for; nothing when it is an honest refusal."""
    honest = status == TOO_MANY or (status == UNAVAILABLE and '"overloaded"' in (text or ""))
    if not honest:
        return f"{status} was not expected: {(text or '')[:200]}" if status else "no answer"
    return "" if headers.get("Retry-After") else f"{status} without Retry-After"

"""The accounts of a load test with Locust: made at its start through /auth/signup, for this run alone."""

import http.client
import json
from dataclasses import dataclass
from time import sleep
from urllib.parse import urlsplit

from service.ambient import Ambient

BENCHMARK_NETWORK = "198.18"  # RFC 2544: addresses that nobody has
TRIES = 5
TIMEOUT = 15  # seconds
LIMITED = """Sign-up is limited at {host}: {made} of {wanted} accounts were made, the next may come in {wait} s.
By default one source may sign up 30 accounts an hour. For a load test, let the target know the generator's address:
  TOKENHOUSE_THROTTLE__EXEMPT=<address>/32             no limits at all for it
  TOKENHOUSE_SERVER__TRUSTED_PROXIES=<address>/32      limits, but each simulated user is a source of its own
or ask for fewer accounts: ACCOUNTS=5"""


class NoGuestsError(Exception):
    """The accounts cannot be made; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Guest:
    email: str
    password: str


def invite(host: str, wanted: int) -> list[Guest]:
    """Sign up so many accounts, with a password that only this run knows. Raises NoGuestsError."""
    ambient = Ambient()
    run = ambient.random_bytes(4).hex()
    password = f"Aa1!{ambient.new_id()}"
    guests = [Guest(f"load-{run}-{number}@example.com", password) for number in range(wanted)]
    try:
        for number, guest in enumerate(guests):
            _sign_up(host, guest, address(number), (number, wanted))
    except OSError as error:
        raise NoGuestsError(
            f"{host} does not answer ({type(error).__name__}): is it running? HOST names another"
        ) from None
    return guests


def address(number: int) -> str:
    """A source of its own for each simulated user; the target believes it from a trusted proxy only."""
    return f"{BENCHMARK_NETWORK}.{number // 250 % 250}.{number % 250 + 1}"


def _sign_up(host: str, guest: Guest, source: str, progress: tuple[int, int]) -> None:
    body = {"email": guest.email, "password": guest.password, "firstName": "Load", "lastName": "Test"}
    for _ in range(TRIES):
        status, wait = _post(host, "/auth/signup", body, source)
        if status == http.client.CREATED:
            return
        if status == http.client.TOO_MANY_REQUESTS:
            made, wanted = progress
            raise NoGuestsError(LIMITED.format(host=host, made=made, wanted=wanted, wait=wait))
        if status != http.client.SERVICE_UNAVAILABLE:
            raise NoGuestsError(f"{host} answers a sign-up with {status}: is it a Tokenhouse?")
        sleep(max(1, wait))
    raise NoGuestsError(
        f"{host} answers sign-ups with 503 again and again: it is overloaded already, or a store is away"
    )


def _post(host: str, path: str, body: dict[str, str], source: str) -> tuple[int, int]:
    """The status and the seconds of Retry-After."""
    url = urlsplit(host)
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = kind(url.hostname or "", url.port, timeout=TIMEOUT)
    try:
        headers = {"Content-Type": "application/json", "X-Forwarded-For": source}
        connection.request("POST", f"{url.path.rstrip('/')}{path}", json.dumps(body), headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status, int(answer.getheader("Retry-After") or 0)
    finally:
        connection.close()

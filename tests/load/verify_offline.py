"""Verifies tokens offline beside a stream of logouts, and finds out how late a logout is noticed.

`python -m tests.load.verify_offline --url http://127.0.0.1:8080 [--seconds 30] [--rate 10000] [--logouts 5]` against an
instance that exempts this machine from its limits (`tokenhouse dev` does). Exit status 1 when a token was accepted
beyond the bound, or when the wanted rate was not reached.
"""

import argparse
import asyncio
import sys
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from aiohttp import ClientSession

from tokenhouse_verify import InvalidTokenError, Verifier
from tokenhouse_verify.verifier import SHARED

PASSWORD = "SecurePass1!"
SLICE = 0.01  # seconds of verification before others get their turn
POLL = 5.0
ANSWER = 1.0  # seconds that a request for the feed may take


@dataclass(slots=True)
class Seen:
    verified: int = 0
    ended: dict[str, float] = field(default_factory=dict)  # when each token's logout was answered
    latest: dict[str, float] = field(default_factory=dict)  # how long after that it was last accepted


async def log_in(http: ClientSession, person: dict[str, str]) -> dict[str, Any]:
    async with http.post("/auth/login", json=person) as answer:
        answer.raise_for_status()
        return dict(await answer.json())


async def verify(verifier: Verifier, tokens: list[str], rate: float, until: float, seen: Seen) -> None:
    """At the wanted rate, over all tokens in turn."""
    began = monotonic()
    while (now := monotonic()) < until:
        while seen.verified < (now - began) * rate and monotonic() - now < SLICE:
            token = tokens[seen.verified % len(tokens)]
            seen.verified += 1
            try:
                verifier.verify(token)
            except InvalidTokenError:
                continue
            if token in seen.ended:
                seen.latest[token] = monotonic() - seen.ended[token]
        await asyncio.sleep(0.001)


async def log_out(http: ClientSession, held: list[dict[str, Any]], pause: float, until: float, seen: Seen) -> None:
    for tokens in held:
        if monotonic() >= until:
            return
        headers = {"Authorization": f"Bearer {tokens['idToken']}"}
        async with http.post("/auth/logout", json={"accessToken": tokens["accessToken"]}, headers=headers) as answer:
            answer.raise_for_status()
        seen.ended[tokens["idToken"]] = monotonic()
        await asyncio.sleep(pause)


async def run(asked: argparse.Namespace) -> int:
    async with ClientSession(asked.url) as http:
        held: list[dict[str, Any]] = []
        wanted = int(asked.seconds * asked.logouts)
        while len(held) < wanted:  # a user has at most twenty sessions
            person = {"email": f"load{len(held)}-{monotonic():.6f}@example.com", "password": PASSWORD}
            body = person | {"firstName": "Load", "lastName": "Test"}
            async with http.post("/auth/signup", json=body) as answer:
                answer.raise_for_status()
            held += [await log_in(http, person) for _ in range(min(20, wanted - len(held)))]
        seen, until = Seen(), monotonic() + asked.seconds
        async with Verifier(asked.issuer or asked.url, asked.client_id, base_url=asked.url, poll=POLL) as verifier:
            tokens = [one["idToken"] for one in held]
            for token in tokens:
                verifier.verify(token)
            await asyncio.gather(
                verify(verifier, tokens, asked.rate, until, seen),
                log_out(http, held, 1 / asked.logouts, until, seen),
            )
    bound = POLL + SHARED + ANSWER
    latest = max(seen.latest.values(), default=0.0)
    rate = seen.verified / asked.seconds
    print(f"{rate:,.0f} tokens a second verified offline, beside {len(seen.ended)} logouts")
    print(f"a token was accepted at most {latest:.2f} s after its logout was answered (bound {bound:.0f} s)")
    return 0 if latest <= bound and rate >= asked.rate * 0.98 else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:8080")
    parser.add_argument("--issuer", help="the iss claim, if it is not the url")
    parser.add_argument("--client-id", default="tokenhouse")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--rate", type=float, default=10_000)
    parser.add_argument("--logouts", type=float, default=5, help="per second")
    return asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())

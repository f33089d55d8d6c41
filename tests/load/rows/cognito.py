"""What Cognito's protocol costs: InitiateAuth beside `POST /auth/login`, GetUser beside `GET /auth/me`, on one instance in turn.

Hashes are cheap here: a whole one takes a hundred times what the two may differ by, and is the same for both.
"""

import json
from collections.abc import Sequence
from statistics import median

from tests.load.client import once, request
from tests.load.figures import Bar, Row, ratio
from tests.load.instances import NO_LIMITS, PASSWORD, Instance, Stage, email, login, sign_up
from tests.load.plan import Plan
from tests.load.rows.requests import Run, run_of

ON = {**NO_LIMITS, "TOKENHOUSE_COGNITO__ENABLED": "true", "TOKENHOUSE_PASSWORDS__BCRYPT_ROUNDS": "4"}
TARGET = "AWSCognitoIdentityProviderService."
STORM = range(400, 464)  # accounts that log in again and again
MEMBERS = range(464, 528)  # accounts whose tokens are used
LOGIN_BAR, USER_BAR = 1.05, 1.5
TO_A_LOGIN = "InitiateAuth, CPU time to that of `POST /auth/login`"
TO_ME = "GetUser, CPU time to that of `GET /auth/me`"


async def beside_the_api(place: Stage, plan: Plan) -> list[Row]:
    """A B B A, so that neither side is always the first: twice as many rounds as elsewhere, for the difference is small."""
    with place.service(ON) as service:
        for number in (*STORM, *MEMBERS):
            await once(service.port, sign_up(number))
        tokens = [(await once(service.port, login(number))).json() for number in MEMBERS]
        me = [request("GET", "/auth/me", authorization=f"Bearer {one['idToken']}") for one in tokens]
        users = [call("GetUser", {"AccessToken": one["accessToken"]}) for one in tokens]
        rows = []
        for name, bar, ours, theirs in (
            (TO_A_LOGIN, LOGIN_BAR, [initiate_auth(one) for one in STORM], [login(one) for one in STORM]),
            (TO_ME, USER_BAR, users, me),
        ):
            rows.append(_row(name, bar, *await _in_turn(service, plan, ours, theirs)))
    return rows


async def _in_turn(
    service: Instance, plan: Plan, ours: Sequence[bytes], theirs: Sequence[bytes]
) -> tuple[list[Run], list[Run]]:
    runs: tuple[list[Run], list[Run]] = ([], [])
    sides = [(ours, runs[0]), (theirs, runs[1])]
    for _ in range(2 * plan.rounds):
        for asked, seen in sides:
            seen.append(await run_of(service, asked, plan.seconds(4)))
        sides.reverse()
    return runs


def _row(name: str, bar: float, ours: list[Run], theirs: list[Run]) -> Row:
    refused = sum(run.refused for run in (*ours, *theirs))
    middle, least = (median(run.cpu for run in runs) * 1_000_000 for runs in (ours, theirs))
    return Row(
        name=name,
        side=Bar.AT_MOST,
        bar=bar,
        values=[ratio(one.cpu, other.cpu) for one, other in zip(ours, theirs, strict=True)],
        note=f"medians {middle:.0f} and {least:.0f} µs for each request" + (f"; {refused} refused" if refused else ""),
    )


def initiate_auth(number: int) -> bytes:
    parameters = {"USERNAME": email(number), "PASSWORD": PASSWORD}
    return call(
        "InitiateAuth", {"AuthFlow": "USER_PASSWORD_AUTH", "ClientId": "tokenhouse", "AuthParameters": parameters}
    )


def call(operation: str, members: dict[str, object]) -> bytes:
    body = json.dumps(members, separators=(",", ":")).encode()
    head = (
        f"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Amz-Target: {TARGET}{operation}\r\n"
        f"Content-Type: application/x-amz-json-1.1\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body

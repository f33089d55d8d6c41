"""One step of signing in: who claims to be whom at which client, and what may come of it."""

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from service.cognito.authentication import authentication_result
from service.cognito.call import Answer, Call
from service.cognito.clients import require_secret_hash
from service.cognito.errors import invalid_parameter, unknown_user
from service.domain.app_clients import AppClient
from service.domain.events.security_events import Reason
from service.domain.sessions.models import SignedIn
from service.domain.sessions.sign_in_sessions import NO_FACTS, Claim, SignInSession, Step
from service.errors import InvalidCredentialsError

Parameters = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SigningIn:
    """`address`: of USERNAME, as the domain looks accounts up. `given`: AuthParameters, or ChallengeResponses."""

    call: Call
    client: AppClient
    address: str
    given: Parameters

    @classmethod
    async def of(cls, call: Call, client: AppClient, given: Parameters, *needed: str) -> "SigningIn":
        """With all the parameters that are needed. Raises InvalidParameter or NotAuthorized."""
        username = required(given, "USERNAME")
        require_secret_hash(client, given.get("SECRET_HASH", ""), username)
        for name in needed:
            required(given, name)
        return cls(call, client, await call.services.usernames.address_of(username), given)

    @property
    def client_id(self) -> str:
        """Of the session that begins."""
        return self.client.session_client

    async def require_known(self) -> None:
        """Where unknown users are no secret. Raises UserNotFound."""
        if self.call.context.tells_unknown_users and not await self.call.services.usernames.is_known(self.address):
            raise unknown_user()

    def session(self, *steps: Step) -> SignInSession:
        """The session that was sent. Raises InvalidParameter or InvalidChallengeError."""
        text = self.call.text("Session")
        if not text:
            raise invalid_parameter("Missing required parameter Session", "missing_parameter")
        return self.call.services.sign_ins.open(text, self.address, self.client_id, *steps)

    async def claim_of(self, *steps: Step) -> Claim:
        """What uses up the session that was sent, for an answer that is counted now. Raises as `session` does."""
        session, sign_ins = self.session(*steps), self.call.services.sign_ins
        await sign_ins.count_try(session)
        return partial(sign_ins.claim, session)

    def ask(
        self,
        challenge: str,
        step: Step,
        parameters: Mapping[str, str] = NO_FACTS,
        *,
        facts: Mapping[str, str] = NO_FACTS,
        **session: Any,  # noqa: ANN401 - more of `SignInSessions.begin`
    ) -> dict[str, Any]:
        """A challenge, with the session that its answer goes with."""
        text = self.call.services.sign_ins.begin(step, self.address, self.client_id, facts, **session)
        return {"ChallengeName": challenge, "Session": text, "ChallengeParameters": dict(parameters)}

    async def tokens(self, login: Awaitable[SignedIn]) -> Answer:
        """What a login ends with. Raises UserNotFound where unknown users are no secret."""
        try:
            signed_in = await login
        except InvalidCredentialsError as wrong:
            if self.call.context.tells_unknown_users and wrong.why == Reason.UNKNOWN_EMAIL:
                raise unknown_user(wrong) from None
            raise
        return authentication_result(self.call, signed_in.tokens, signed_in.refresh_token)


def required(given: Parameters, name: str) -> str:
    """Raises InvalidParameter."""
    if not given.get(name):
        raise invalid_parameter(f"Missing required parameter {name}", "missing_parameter")
    return given[name]

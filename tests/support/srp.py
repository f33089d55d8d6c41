"""A client of SRP that is not ours: pycognito's, which computes the proof that it sends."""

import base64
import warnings
from datetime import datetime
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of its libraries
    from pycognito.aws_srp import AWSSRP

from service.domain.models import Visitor
from service.domain.sessions.models import SignedIn
from service.domain.sessions.srp_login import SrpChallenge, SrpLogin, SrpProof

POOL = "eu-central-1_tokenhouse"
VISITOR = Visitor("192.0.2.7")


class SrpClient:
    """One attempt to log in. `now`: the client's clock."""

    def __init__(self, username: str, password: str, now: datetime, pool_id: str = POOL, **more: Any) -> None:
        """`more`: client_id and client_secret."""
        self.username = username
        self._now = now
        given = {"client_id": "tokenhouse"} | more
        self._client = AWSSRP(username, password, pool_id, client=object(), **given)
        stamp = AWSSRP.get_cognito_formatted_timestamp(now)
        self._client.get_cognito_formatted_timestamp = lambda _: stamp

    @property
    def client_value(self) -> str:
        return str(self.parameters["SRP_A"])

    @property
    def parameters(self) -> dict[str, str]:
        """AuthParameters of the first step."""
        return dict(self._client.get_auth_params())

    def answer(self, challenge: dict[str, str]) -> dict[str, str]:
        """ChallengeResponses of the second step, of the first one's ChallengeParameters."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it asks a deprecated clock
            return dict(self._client.process_challenge(challenge, self.parameters))

    def proof(self, challenge: SrpChallenge) -> SrpProof:
        said = self.answer(
            {
                "USERNAME": str(challenge.user_id),
                "USER_ID_FOR_SRP": str(challenge.user_id),
                "SALT": challenge.salt,
                "SRP_B": challenge.server_value,
                "SECRET_BLOCK": challenge.block,
            }
        )
        return SrpProof(
            block=said["PASSWORD_CLAIM_SECRET_BLOCK"],
            timestamp=said["TIMESTAMP"],
            signature=said["PASSWORD_CLAIM_SIGNATURE"],
        )


async def log_in(login: SrpLogin, username: str, password: str, now: datetime, visitor: Visitor = VISITOR) -> SignedIn:
    """Both steps, by the domain's own calls."""
    client = SrpClient(username, password, now)
    challenge = await login.start(username, client.client_value, visitor)
    return await login.finish(str(challenge.user_id), client.proof(challenge), visitor)


def changed(block: str, place: int) -> str:
    """The block with one bit changed."""
    raw = bytearray(base64.b64decode(block))
    raw[place] ^= 1
    return base64.b64encode(raw).decode()

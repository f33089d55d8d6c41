"""The tokens of a session, as this protocol hands them out."""

from collections.abc import Mapping
from typing import Any

from service.cognito.call import Answer, Call
from service.domain.signing.models import TokenPair


def authentication_result(call: Call, tokens: TokenPair, refresh_token: str | None) -> Answer:
    return {"ChallengeParameters": {}, "AuthenticationResult": result_of(call, tokens, refresh_token)}


def result_of(call: Call, tokens: TokenPair, refresh_token: str | None) -> Mapping[str, Any]:
    result = {
        "AccessToken": tokens.access_token,
        "ExpiresIn": int(call.services.sessions.settings.access_lifetime.total_seconds()),
        "TokenType": "Bearer",
        "IdToken": tokens.id_token,
    }
    return result | ({"RefreshToken": refresh_token} if refresh_token else {})

"""The tokens of a session, as this protocol hands them out."""

from service.cognito.call import Answer, Call
from service.domain.signing.models import TokenPair


def authentication_result(call: Call, tokens: TokenPair, refresh_token: str | None) -> Answer:
    result = {
        "AccessToken": tokens.access_token,
        "ExpiresIn": int(call.services.sessions.settings.access_lifetime.total_seconds()),
        "TokenType": "Bearer",
        "IdToken": tokens.id_token,
    }
    return {
        "ChallengeParameters": {},
        "AuthenticationResult": result | ({"RefreshToken": refresh_token} if refresh_token else {}),
    }

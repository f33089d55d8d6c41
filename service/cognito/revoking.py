"""RevokeToken: the end of a session, by its refresh token."""

import re

from service.cognito.call import Answer, Call
from service.cognito.clients import client_of, require_client_secret
from service.cognito.errors import CognitoError
from service.domain.app_clients import AppClient
from service.errors import InvalidClientError

JWT = re.compile(r"[\w-]+\.[\w-]+\.[\w-]*", re.ASCII)


async def revoke_token(call: Call) -> Answer:
    """What is no live refresh token changes nothing, and is well: it need not be revoked any more."""
    client = _client(call)
    token = call.text("Token")
    if JWT.fullmatch(token):
        raise CognitoError("UnsupportedTokenType", "Unsupported token type")
    try:
        await call.services.sessions.end_by_refresh_token(token, call.visitor, client.session_client)
    except InvalidClientError as error:
        raise CognitoError("Unauthorized", "The token was issued to another client.", cause=error) from None
    return {}


def _client(call: Call) -> AppClient:
    """Raises Unauthorized: the operation declares neither of the errors that others answer."""
    try:
        client = client_of(call)
        require_client_secret(client, call.text("ClientSecret"))
    except CognitoError as error:
        raise CognitoError("Unauthorized", error.text, cause=error) from None
    return client

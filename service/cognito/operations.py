"""The table of operations: every call of the protocol with what it stands on."""

from collections.abc import Mapping

from service.cognito import attributes, challenges, refreshing, revoking, sign_in
from service.cognito.operation import CognitoOperation, client, member, operation

_TABLE = (
    # signing in
    operation("InitiateAuth", client(sign_in.initiate_auth)),
    operation("RespondToAuthChallenge", client(challenges.respond_to_auth_challenge)),
    operation("GetTokensFromRefreshToken", client(refreshing.get_tokens_from_refresh_token)),
    operation("RevokeToken", revoking.revoke_token),
    # with an access token
    operation("GetUser", member(attributes.get_user)),
)
OPERATIONS: Mapping[str, CognitoOperation] = {one.name: one for one in _TABLE}

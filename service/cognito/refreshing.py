"""New tokens for a refresh token, by the flow of InitiateAuth or by GetTokensFromRefreshToken."""

from service.cognito.authentication import authentication_result, result_of
from service.cognito.call import Answer, Call
from service.cognito.clients import require_client_secret, require_secret_hash
from service.cognito.signing_in import Parameters, required
from service.domain.app_clients import AppClient
from service.domain.credentials import emails


async def refresh_token_auth(call: Call, client: AppClient, given: Parameters) -> Answer:
    """The answer has a refresh token where those rotate."""
    refresh_token = required(given, "REFRESH_TOKEN")
    if client.secret is not None:
        await _require_hash(call, client, given, refresh_token)
    refreshed = await call.services.sessions.refresh(refresh_token, call.visitor, client.session_client)
    return authentication_result(call, refreshed.tokens, refreshed.refresh_token)


async def _require_hash(call: Call, client: AppClient, given: Parameters, refresh_token: str) -> None:
    """Over a name of the session's user, before the token is looked at: a spent one would end the session."""
    shown = given.get("SECRET_HASH", "")
    if not shown:
        require_secret_hash(client, shown)
    user = await call.services.sessions.user_of(refresh_token, call.visitor, client.session_client)
    if user is None:
        return
    names = {str(user.id), user.email, user.canonical_email}
    username = given.get("USERNAME", "")
    if emails.for_look_up(username) == user.canonical_email:  # in any case, as it was typed at the sign-in
        names.add(username)
    require_secret_hash(client, shown, *names)


async def get_tokens_from_refresh_token(call: Call, client: AppClient) -> Answer:
    require_client_secret(client, call.text("ClientSecret"))
    sessions = call.services.sessions
    refreshed = await sessions.refresh(call.text("RefreshToken"), call.visitor, client.session_client)
    return {"AuthenticationResult": result_of(call, refreshed.tokens, refreshed.refresh_token)}

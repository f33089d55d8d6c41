"""Settings of Cognito's protocol that only together are wrong."""

from service.operator_errors import ConfigurationError
from service.settings.sections import CognitoSettings, TokenSettings
from service.settings.values import require_app_client_id


def require_usable_cognito(cognito: CognitoSettings, tokens: TokenSettings, *, has_mail: bool = True) -> None:
    """Raises ConfigurationError."""
    if not cognito.enabled:
        return
    own_client = tokens.client_id
    try:
        require_app_client_id(own_client)
    except ValueError as error:
        raise ConfigurationError(f"tokens.client_id, with cognito.enabled: {error}") from None
    if own_client in cognito.clients:
        raise ConfigurationError(
            "cognito.clients names tokens.client_id: that client is there already, without a secret"
        )
    if not set(tokens.accepted_clients) <= cognito.clients.keys():
        raise ConfigurationError("tokens.accepted_clients names a client that is not in cognito.clients: add it there")
    if cognito.confirm_signup and not has_mail:
        raise ConfigurationError("cognito.confirm_signup needs mail: set mail.url, or cognito.confirm_signup to false")

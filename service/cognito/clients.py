"""App clients on the wire: ClientId, and what proves that somebody is a client with a secret."""

import base64
import hmac

from service.cognito.call import Call
from service.cognito.errors import CognitoError, not_authorized
from service.domain.app_clients import AppClient


def client_of(call: Call) -> AppClient:
    """Raises ResourceNotFound for a client that is not known."""
    client_id = call.text("ClientId")
    client = call.context.clients.find(client_id)
    if client is None:
        raise CognitoError("ResourceNotFound", f"User pool client {client_id} does not exist.", reason="unknown_client")
    return client


def require_client_secret(client: AppClient, shown: str) -> None:
    """As `require_secret_hash`, for operations that take the secret itself."""
    if client.secret is not None:
        _require_one_of(client, shown, [client.secret.encode()])


def require_secret_hash(client: AppClient, shown: str, *usernames: str) -> None:
    """`shown` must be of one of the names. A client without a secret may show anything. Raises NotAuthorized."""
    if client.secret is not None:
        _require_one_of(client, shown, [_secret_hash(client.id, client.secret, username) for username in usernames])


def _require_one_of(client: AppClient, shown: str, good: list[bytes]) -> None:
    if not shown:
        raise not_authorized(
            f"Client {client.id} is configured with secret but SECRET_HASH was not received", reason="no_client_secret"
        )
    if not any([hmac.compare_digest(shown.encode(), one) for one in good]):  # noqa: C419 - all, in equal time
        raise not_authorized(f"Unable to verify secret hash for client {client.id}", reason="wrong_client_secret")


def _secret_hash(client_id: str, secret: str, username: str) -> bytes:
    return base64.b64encode(hmac.digest(secret.encode(), (username + client_id).encode(), "sha256"))

"""Resource servers, which may introspect other people's tokens. The settings hold a digest of each one's secret."""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from authlib.oauth2.rfc6749 import ClientAuthentication, ClientMixin, OAuth2Error

from service.ambient import Ambient
from service.domain.events.security_events import Event, Events, Name, Outcome, Reason
from service.domain.limits.throttle import Throttle
from service.domain.models import Visitor
from service.domain.resource_servers.models import ResourceServer
from service.errors import InvalidClientError

METHOD = "client_secret_basic"  # the only accepted one (RFC 6749 section 2.3.1)
ENDPOINT = "introspection"
# Authlib decodes Base64 leniently and raises ValueError for invalid UTF-8, so it gets values of this shape only.
BASIC = re.compile(r"basic +[A-Za-z0-9+/]{4,512}={0,2}", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Client(ClientMixin):
    """A client, as Authlib uses it."""

    name: str
    digest: str

    @classmethod
    def make(cls, name: str, ambient: Ambient) -> tuple[Self, str]:
        """A new client and its secret: `cs_` and 256 random bits, for which plain SHA-256 is safe."""
        secret = "cs_" + base64.urlsafe_b64encode(ambient.random_bytes(32)).decode().rstrip("=")
        return cls(name, _digest(secret)), secret

    def check_client_secret(self, secret: str) -> bool:
        return hmac.compare_digest(_digest(secret), self.digest)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return (method, endpoint) == (METHOD, ENDPOINT)


@dataclass(slots=True)
class BasicAuthRequest:
    """The attributes of a request that Authlib reads."""

    headers: Mapping[str, str]
    auth_method: str = ""


class ResourceServers:
    def __init__(self, digests: Mapping[str, str], throttle: Throttle, ambient: Ambient, events: Events) -> None:
        self._clients = {name: Client(name, digest) for name, digest in digests.items()}
        self._decoy, _ = Client.make("", ambient)  # an unknown name is checked like a known one
        self._authenticate = ClientAuthentication(lambda name: self._clients.get(name, self._decoy))
        self._throttle = throttle
        self._events = events

    async def by_credential(self, authorization: str | None, visitor: Visitor) -> ResourceServer:
        """The client whose `Authorization` field this is.

        Raises InvalidClientError, or RateLimitedError for a source that fails too often; the limit is that of unknown
        API keys, for the same reason: a valid credential is not counted.
        """
        if authorization is None:
            raise InvalidClientError
        client = self._judge(authorization)
        if client is None:
            self._events.emit(Event(Name.REFUSED, Outcome.FAILURE, Reason.UNKNOWN_CLIENT))
            await self._throttle.unknown_api_key(visitor)
            raise InvalidClientError
        return ResourceServer(client.name)

    def _judge(self, authorization: str) -> Client | None:
        if not BASIC.fullmatch(authorization):
            return None
        request: Any = BasicAuthRequest({"Authorization": authorization})
        try:
            client = self._authenticate(request, [METHOD], ENDPOINT)
        except (OAuth2Error, ValueError):  # a ValueError for invalid UTF-8
            return None
        return client if isinstance(client, Client) else None


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()

"""The verifier of other services, on a test's own clock and polling only when told to."""

from tests.conftest import Client
from tests.support.builders import FakeAmbient
from tokenhouse_verify import InvalidTokenError, Verifier
from tokenhouse_verify.verifier import Clock

ISSUER = "http://127.0.0.1:8080"
NEVER = 86_400.0


class SharedClock(Clock):
    """The service's clock, some seconds off."""

    def __init__(self, ambient: FakeAmbient, skew: float = 0.0) -> None:
        self.ambient = ambient
        self.skew = skew

    def now(self) -> float:
        return self.ambient.now().timestamp() + self.skew

    def monotonic(self) -> float:
        return self.ambient.monotonic()


def verifier_of(client: Client, clock: Clock | None = None, **fields: float | str) -> Verifier:
    base_url = f"http://127.0.0.1:{client.port}"
    settings: dict[str, float | str] = {"poll": NEVER, **fields}
    return Verifier(ISSUER, "tokenhouse", base_url=base_url, clock=clock, **settings)  # type: ignore[arg-type] # a table of cases


def refuses(verifier: Verifier, token: str) -> bool:
    try:
        verifier.verify(token)
    except InvalidTokenError:
        return True
    return False

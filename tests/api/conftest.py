"""Verifiers of other services, on the clock of the service that they verify for."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from tests.conftest import Client, OnFakes
from tests.support.both_verifiers import KINDS, AnyVerifier, verifier
from tests.support.verifiers import SharedClock

MakeVerifier = Callable[..., AbstractAsyncContextManager[AnyVerifier]]


@pytest.fixture
def clock(fakes: OnFakes) -> SharedClock:
    return SharedClock(fakes.ambient)


@pytest.fixture(params=KINDS)
def verifier_of(request: pytest.FixtureRequest, clock: SharedClock) -> MakeVerifier:
    """A verifier in Python and in Node of the tokens of this client's service: `verifier_of(client, poll=5)`."""

    def of(client: Client, **settings: Any) -> AbstractAsyncContextManager[AnyVerifier]:
        return verifier(request.param, clock, **{"base_url": f"http://127.0.0.1:{client.port}", **settings})

    return of

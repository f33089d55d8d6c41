"""A verifier that was told another issuer than the service signs as: a mistake in a setting, and said so."""

import pytest

from service.settings import TokenSettings
from tests.conftest import OnFakes
from tests.support.verifiers import ISSUER, SharedClock
from tokenhouse_verify import StaleError, Verifier, WrongIssuerError


@pytest.mark.parametrize("issuer", [f"{ISSUER}/", ISSUER.replace("127.0.0.1", "localhost")])
async def test_a_verifier_that_was_told_another_issuer_names_both_at_its_start(fakes: OnFakes, issuer: str) -> None:
    verifier = Verifier(issuer, "tokenhouse", base_url=f"http://127.0.0.1:{fakes.client.port}")
    with pytest.raises(WrongIssuerError) as raised:
        await verifier.__aenter__()
    assert repr(issuer) in str(raised.value)
    assert repr(ISSUER) in str(raised.value)
    assert "base_url" in str(raised.value)
    assert verifier._session
    assert verifier._session.closed
    assert verifier._polling is None


async def test_a_stale_verifier_says_what_its_last_question_failed_by(
    fakes: OnFakes, caplog: pytest.LogCaptureFixture
) -> None:
    tokens = await fakes.client.log_in(await fakes.client.sign_up())
    base_url = f"http://127.0.0.1:{fakes.client.port}"
    clock = SharedClock(fakes.ambient)
    async with Verifier(ISSUER, "tokenhouse", base_url=base_url, clock=clock, max_staleness=30.0) as verifier:
        object.__setattr__(fakes.application.feed, "_settings", TokenSettings(issuer="https://moved.example"))
        fakes.ambient.advance(seconds=31)
        assert not await verifier._try_refresh()
        with pytest.raises(StaleError, match=r" s: this verifier was told .*127.* signs as 'https://moved\.example'"):
            verifier.verify(tokens["idToken"])
    assert "https://moved.example" in caplog.text

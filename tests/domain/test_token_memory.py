"""What the verified tokens that an instance or a verifier remembers take, against what the pages say."""

import gc
import re
import tracemalloc
from collections.abc import Callable, Sequence

import pytest

from service.domain.models import Session
from service.domain.seals import Seals
from service.domain.signing import tokens as module
from service.domain.signing.keyring import KeyRing
from service.domain.signing.longest_lifetimes import LongestLifetimes
from service.domain.signing.token_claims import Use
from service.domain.signing.tokens import Tokens
from tests.conftest import ROOT, signing_key
from tests.support import builders
from tests.support.builders import FakeAmbient
from tests.support.fakes import FakeLifetimes, FakeSigningKeys
from tokenhouse_verify import Verifier
from tokenhouse_verify import verifier as client
from tokenhouse_verify.tokens import keys_of

COUNT = 500
SAME = 0.15  # of a figure: versions of Python differ by some bytes
SETTINGS = builders.settings().tokens


class KeptFresh(Verifier):
    """It needs no news."""

    staleness = 0.0


def stated(page: str, pattern: str) -> tuple[int, ...]:
    said = re.search(pattern, " ".join((ROOT / "docs" / page).read_text(encoding="utf-8").split()))
    assert said, f"{page} states no such figure"
    return tuple(int(figure.replace(" ", "")) for figure in said.groups())


def bytes_each(verify: Callable[[str], object], tokens: Sequence[str]) -> float:
    verify(tokens[0])  # what is made once
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for token in tokens[1:]:
            verify(token)
        gc.collect()
        return (tracemalloc.get_traced_memory()[0] - before) / (len(tokens) - 1)
    finally:
        tracemalloc.stop()


async def made(ambient: FakeAmbient) -> tuple[Tokens, KeyRing, dict[Use, list[str]]]:
    lifetimes = LongestLifetimes(FakeLifetimes(ambient), SETTINGS, ambient)
    ring = KeyRing(FakeSigningKeys(signing_key()), Seals([builders.SECRET], ambient), ambient, SETTINGS, lifetimes)
    await ring.load()
    tokens, now = Tokens(ring, SETTINGS, ambient, lifetimes), ambient.now()
    texts: dict[Use, list[str]] = {use: [] for use in Use}
    for _ in range(COUNT):
        user = builders.user(ambient)
        session = Session(ambient.new_id(), user.id, now, now, now + SETTINGS.refresh_lifetime, "", "", now)
        pair = await tokens.issue(user, session)
        texts[Use.ID].append(pair.id_token)
        texts[Use.ACCESS].append(pair.access_token)
    return tokens, ring, texts


async def test_an_instance_remembers_as_many_tokens_of_as_many_bytes_as_the_page_says() -> None:
    tokens, _, texts = await made(FakeAmbient())
    pattern = r"at most ([\d ]+) id tokens of (\d+) bytes each and as many access tokens of (\d+)"
    most, of_id, of_access = stated("capacity.md", pattern)
    tokens.close()
    assert most == module.REMEMBERED
    assert bytes_each(lambda text: tokens._verify(text, Use.ID, even_expired=False), texts[Use.ID]) == pytest.approx(
        of_id, rel=SAME
    )
    assert bytes_each(
        lambda text: tokens._verify(text, Use.ACCESS, even_expired=False), texts[Use.ACCESS]
    ) == pytest.approx(of_access, rel=SAME)


async def test_a_verifier_remembers_as_many_tokens_of_as_many_bytes_as_the_page_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ambient = FakeAmbient()
    tokens, ring, texts = await made(ambient)
    tokens.close()
    verifier = KeptFresh(SETTINGS.issuer, SETTINGS.client_id)
    monkeypatch.setattr(verifier, "_keys", keys_of(ring.jwks))
    monkeypatch.setattr(verifier._clock, "now", lambda: ambient.now().timestamp())
    most, each = stated("verifying.md", r"remembers at most ([\d ]+) verified tokens of some ([\d ]+) bytes each")
    assert most == client.REMEMBERED
    assert bytes_each(verifier.verify, texts[Use.ID]) == pytest.approx(each, rel=SAME)

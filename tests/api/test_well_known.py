"""What verifiers read, and tokens of keys that come and go, through HTTP on fakes."""

import json

import jwt as pyjwt
import pytest
from joserfc.jwk import ECKey, RSAKey

from service.domain.signing.longest_lifetimes import LongestLifetimes
from service.settings import TokenSettings
from tests.conftest import Client, MakeOnFakes, OnFakes, bearer, problem
from tests.support.builders import part

DOCUMENTS = ["/.well-known/jwks.json", "/.well-known/openid-configuration"]
PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


def kid_of(token: str) -> str:
    return str(json.loads(part(token, 0))["kid"])


@pytest.mark.parametrize("path", DOCUMENTS)
async def test_a_verifier_that_has_the_document_is_told_so(client: Client, path: str) -> None:
    first = await client.get(path)
    tag = first.headers["ETag"]
    assert tag.startswith('"')
    assert first.headers["Cache-Control"] == "public, max-age=300"
    assert first.headers["Content-Type"] == "application/json"
    for held in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = await client.get(path, **{"If-None-Match": held})
        assert (again.status, await again.read()) == (304, b"")
        assert (again.headers["ETag"], again.headers["Cache-Control"]) == (tag, "public, max-age=300")
    for held in ('"other"', "", "nonsense", tag.strip('"')):
        assert (await client.get(path, **{"If-None-Match": held})).status == 200


async def test_the_tag_changes_with_the_keys(fakes: OnFakes) -> None:
    tag = (await fakes.client.get(DOCUMENTS[0])).headers["ETag"]
    await fakes.application.key_rotation.rotate()
    answer = await fakes.client.get(DOCUMENTS[0], **{"If-None-Match": tag})
    assert answer.status == 200
    assert answer.headers["ETag"] != tag


async def test_discovery_says_nothing_but_the_truth(on_fakes: MakeOnFakes) -> None:
    fakes = await on_fakes(tokens={"issuer": "https://auth.example.com/pool/"})
    said = await (await fakes.client.get(DOCUMENTS[1])).json()
    assert said["issuer"] == "https://auth.example.com/pool/"
    assert said["jwks_uri"] == "https://auth.example.com/pool/.well-known/jwks.json"
    assert said["id_token_signing_alg_values_supported"] == ["RS256"]
    assert said["subject_types_supported"] == ["public"]
    assert "authorization_endpoint" not in said
    tokens = await fakes.client.log_in(await fakes.client.sign_up())
    claims = json.loads(part(tokens["idToken"], 1))
    of_some_accounts = {"cognito:groups", "amr"}
    assert set(said["claims_supported"]) == claims.keys() | of_some_accounts
    assert claims["iss"] == said["issuer"]
    for name in ("introspection_endpoint", "revocation_endpoint"):
        path = said[name].removeprefix("https://auth.example.com/pool")
        assert (await fakes.client.get(path)).status == 405  # it is there, and takes a POST


@pytest.mark.parametrize(
    ("setting", "algorithm", "kind", "size"),
    [
        ("RS256", "RS256", "RSA", 256),
        ("RS256-3072", "RS256", "RSA", 384),
        ("ES256", "ES256", "EC", 32),
        ("Ed25519", "EdDSA", "OKP", 32),
    ],
)
async def test_tokens_of_every_algorithm_verify_here_and_with_another_library(
    on_fakes: MakeOnFakes, setting: str, algorithm: str, kind: str, size: int
) -> None:
    fakes = await on_fakes(tokens={"algorithm": setting})
    person = await fakes.client.sign_up()
    before = await fakes.client.log_in(person)
    await fakes.application.key_rotation.rotate(at_once=True)
    tokens = await fakes.client.log_in(person)
    published = await (await fakes.client.get(DOCUMENTS[0])).json()
    assert all(PRIVATE.isdisjoint(key) for key in published["keys"])
    assert len({key["kid"] for key in published["keys"]}) == len(published["keys"]) == 3
    keys = pyjwt.PyJWKSet.from_dict(published)
    key = next(key for key in published["keys"] if key["kid"] == kid_of(tokens["idToken"]))
    assert (key["kty"], key["alg"], key["use"]) == (kind, algorithm, "sig")
    assert len(pyjwt.utils.base64url_decode(key["n" if kind == "RSA" else "x"])) == size
    for held, use in ((tokens["idToken"], "id"), (tokens["accessToken"], "access")):
        claims = pyjwt.decode(
            held,
            keys[kid_of(held)].key,
            algorithms=[algorithm],
            options={"verify_aud": False, "verify_exp": False, "verify_iat": False},
        )
        assert claims["token_use"] == use
    assert (await fakes.client.me(tokens)).status == 200
    assert (await fakes.client.me(before)).status == 200
    assert (await fakes.client.log_out(tokens)).status == 200


async def test_a_token_of_another_instance_s_new_key_is_let_in_at_once(fakes: OnFakes) -> None:
    """The other instance: the same stores, and a ring that heard of the key first."""
    other = type(fakes.application.keys)(
        fakes.application.backends.signing_keys,
        fakes.application.keys._seals,
        fakes.ambient,
        TokenSettings(),
        LongestLifetimes(fakes.application.backends.lifetimes, TokenSettings(), fakes.ambient),
    )
    await fakes.client.sign_up()
    await other.load()
    spare = other.make()
    await fakes.application.backends.signing_keys.change(lambda _: [spare])
    tokens = await fakes.client.log_in(await fakes.client.sign_up())
    claims = json.loads(part(tokens["idToken"], 1))
    await other.load()
    key = other._pairs[spare.kid].key
    assert isinstance(key, RSAKey)
    pem = key.as_pem(private=True)
    signed = pyjwt.encode(claims, pem, algorithm="RS256", headers={"kid": spare.kid})
    assert spare.kid not in fakes.application.keys._pairs
    assert (await fakes.client.get("/auth/me", Authorization=f"Bearer {signed}")).status == 200


async def test_a_token_of_nobody_s_key_is_refused_however_often_it_comes(fakes: OnFakes) -> None:
    stranger = RSAKey.generate_key(2048, private=True)
    tokens = await fakes.client.log_in(await fakes.client.sign_up())
    claims = json.loads(part(tokens["idToken"], 1))
    headers = {"kid": stranger.thumbprint()}
    forged = pyjwt.encode(claims, stranger.as_pem(private=True), algorithm="RS256", headers=headers)
    for _ in range(3):
        answer = await fakes.client.get("/auth/me", Authorization=f"Bearer {forged}")
        assert (answer.status, problem(await answer.text())["code"]) == (401, "invalid_token")


@pytest.mark.parametrize("kid", ["../../etc/passwd", "", "x", "' OR 1=1 --"])
async def test_a_kid_that_cannot_be_ours_is_not_even_looked_for(fakes: OnFakes, kid: str) -> None:
    looked = fakes.application.keys._look._looked_at
    fakes.ambient.advance(seconds=60)
    pem = ECKey.generate_key("P-256", private=True).as_pem(private=True)
    forged = pyjwt.encode({"sub": "x"}, pem, algorithm="ES256", headers={"kid": kid})
    assert (await fakes.client.get("/auth/me", Authorization=f"Bearer {forged}")).status == 401
    assert fakes.application.keys._look._looked_at == looked


async def test_a_killed_key_s_tokens_are_refused_though_they_are_remembered_as_verified(fakes: OnFakes) -> None:
    person = await fakes.client.sign_up()
    tokens = await fakes.client.log_in(person)
    assert (await fakes.client.me(tokens)).status == 200
    await fakes.application.key_compromise.revoke(kid_of(tokens["idToken"]))
    await fakes.redis.delete(f"th:denied:key:{kid_of(tokens['idToken'])}")  # the keys alone must refuse it
    assert (await fakes.client.me(tokens)).status == 401
    anew = await fakes.client.log_in(person)
    assert (await fakes.client.me(anew)).status == 200
    renewed = await (await fakes.client.refresh(tokens)).json()  # the session itself is not the leaked key's fault
    assert (await fakes.client.get("/auth/me", **bearer(renewed))).status == 200


async def test_a_killed_key_stays_denied_when_redis_forgets(fakes: OnFakes) -> None:
    tokens = await fakes.client.log_in(await fakes.client.sign_up())
    kid = kid_of(tokens["idToken"])
    await fakes.application.key_compromise.revoke(kid)
    await fakes.redis.flushall()
    await fakes.application.revocation.restore()
    assert await fakes.application.revocation.is_key_revoked(kid)
    left = await fakes.redis.pttl(f"th:denied:key:{kid}")
    assert 29 < left / 86_400_000 <= 30

"""Id tokens and access tokens: their claims, signing, and every check except revocation."""

import asyncio
import hashlib
import re
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import orjson
from joserfc import jws, jwt
from joserfc.errors import BadSignatureError
from joserfc.jwa import EdDSAAlgorithm
from joserfc.jws import JWSRegistry

from service.ambient import Ambient
from service.coalescing import Batch
from service.domain.models import Claims, Session, User
from service.domain.signing import token_claims
from service.domain.signing.keyring import KeyPair, KeyRing
from service.domain.signing.longest_lifetimes import LongestLifetimes
from service.domain.signing.models import TokenPair
from service.domain.signing.token_claims import Use
from service.errors import InvalidTokenError, UnavailableError
from service.faults import Fault
from service.settings import TokenSettings

SCOPE = "aws.cognito.signin.user.admin"
COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)  # RFC 7515 section 7.1
MAX_LENGTH = 8_000  # what proxies and servers take in a line of a header
KID = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)  # an RFC 7638 thumbprint with SHA-256
ALGORITHMS = ("RS256", "ES256", "EdDSA")
PAIRS_AT_ONCE = 32  # signed together, so that their clients' next requests share round trips (docs/decisions/0017)
REMEMBERED = 25_000  # verified tokens cached per use; some 680 bytes each (docs/capacity.md)


Unsigned = tuple[KeyPair, Mapping[str, Any], Mapping[str, Any]]  # the claims of an id token and of an access token


class UnknownKeyError(Exception):
    """The token names a key that this instance has not loaded: a new one of ours, or a foreign one.

    `claims`: of a cached token whose key was revoked or has expired since it was verified.
    """

    def __init__(self, claims: Claims | None = None) -> None:
        super().__init__()
        self.claims = claims


class UnknownLifetimeError(UnknownKeyError):
    """The token has a good signature and a longer lifetime than any that this instance knows of."""


class Tokens:
    def __init__(
        self,
        keys: KeyRing,
        settings: TokenSettings,
        ambient: Ambient,
        lifetimes: LongestLifetimes,
        clients: Collection[str] = (),
    ) -> None:
        """`clients`: the app clients besides `tokens.client_id` whose tokens are accepted."""
        self._clients = frozenset({"", *clients})
        self._keys = keys
        self._lifetimes = lifetimes
        self._settings = settings
        self._ambient = ambient
        self._signer = ThreadPoolExecutor(1, "signer")  # one thread for both tokens of a pair: fastest in measurements
        self._pairs = Batch(self._sign_pairs, PAIRS_AT_ONCE)
        self._verified: dict[Use, OrderedDict[bytes, Claims]] = {use: OrderedDict() for use in Use}

    async def issue(self, user: User, session: Session) -> TokenPair:
        """Sign the two tokens of a session. Raises UnavailableError while the keys are not loaded."""
        key = self._keys.signing
        now = self._ambient.now()
        client_id = session.client_id or self._settings.client_id
        common = {
            "iss": self._settings.issuer,
            "sub": str(user.id),
            "iat": int(now.timestamp()),
            "auth_time": int(session.started_at.timestamp()),
            "origin_jti": session.id,
            **({"amr": list(session.methods)} if session.methods else {}),
            **({"cognito:groups": list(user.groups)} if user.groups else {}),
        }
        id_claims = {
            **token_claims.chosen(user, self._settings.claims),  # first, so that none covers up one of ours
            **common,
            "token_use": Use.ID,
            "aud": client_id,
            "exp": int((now + self._settings.id_lifetime).timestamp()),
            "jti": self._ambient.new_id(),
            "email": user.email,
            "email_verified": user.email_verified_at is not None,
            "given_name": user.first_name,
            "family_name": user.last_name,
            "cognito:username": str(user.id),
        }
        access_claims = common | {
            "token_use": Use.ACCESS,
            "client_id": client_id,
            "scope": SCOPE,
            "username": str(user.id),
            "exp": int((now + self._settings.access_lifetime).timestamp()),
            "jti": self._ambient.new_id(),
        }
        return await self._pairs.ask((key, id_claims, access_claims))

    async def sign(self, kind: str, claims: Mapping[str, Any]) -> str:
        """Sign a JWT other than id and access tokens; `kind` is its `typ`. Raises UnavailableError as `issue` does."""
        key = self._keys.signing
        return await asyncio.get_running_loop().run_in_executor(self._signer, _sign, key, claims, kind)

    @property
    def key_id(self) -> str:
        """The `kid` of the active key. Raises UnavailableError while the keys are not loaded."""
        return self._keys.signing.kid

    async def read_keys(self) -> None:
        """Reload the keys now, to see those that others have created or revoked. Raises the store's outage."""
        await self._keys.load()

    async def accept(self, token: str, use: Use, *, even_expired: bool = False) -> Claims:
        """Check everything but revocation. Reloads once if the key or the lifetime is unknown to this instance.

        Raises InvalidTokenError, UnavailableError while the keys are not loaded, or the store's outage.
        """
        try:
            return self._verify(token, use, even_expired=even_expired)
        except UnknownLifetimeError:
            await self._lifetimes.look_again()
        except UnknownKeyError:
            await self._keys.look_again()
        try:
            return self._verify(token, use, even_expired=even_expired)
        except UnknownLifetimeError as error:
            raise _refused(Fault.IMPOSSIBLE_TIMES, error.claims) from None
        except UnknownKeyError as error:
            raise _refused(Fault.UNKNOWN_KEY, error.claims) from None

    def _verify(self, token: str, use: Use, *, even_expired: bool) -> Claims:
        """As `accept` without the reload. Raises UnknownKeyError too.

        Any exception of the JOSE library is a refusal: besides its own errors, hostile tokens can cause TypeError
        (a header that is a JSON string) and UnicodeEncodeError (a surrogate in the input).
        """
        if len(token) > MAX_LENGTH or not token.isascii():
            raise InvalidTokenError(Fault.MALFORMED)
        now = self._ambient.now()
        memory = hashlib.sha256(token.encode()).digest()
        claims = self._verified[use].get(memory)
        if claims is None:
            try:
                claims = self._decode(token, use, now)
            except (UnavailableError, UnknownKeyError, InvalidTokenError):
                raise
            except Exception as error:
                raise InvalidTokenError(Fault.MALFORMED) from error
            self._remember(use, memory, claims)
        elif self._keys.verifying(claims.key_id) is None:
            raise UnknownKeyError(claims)  # revoked or gone since the token was verified
        if not even_expired and now >= claims.expires_at + self._settings.leeway:
            raise _refused(Fault.EXPIRED, claims)
        return claims

    def close(self) -> None:
        self._signer.shutdown(wait=False, cancel_futures=True)

    async def _sign_pairs(self, pairs: Sequence[Unsigned]) -> list[TokenPair]:
        return await asyncio.get_running_loop().run_in_executor(self._signer, _sign_pairs, pairs)

    def _decode(self, token: str, use: Use, now: datetime) -> Claims:
        """Check the signature first, with the key's own algorithm only; then the claims. Any exception is a refusal."""
        if not COMPACT.fullmatch(token):
            raise ValueError("not the compact form")
        header = jws.extract_compact(token.encode()).headers()
        kid, algorithm = header.get("kid"), header.get("alg")
        if algorithm not in ALGORITHMS or header.get("typ", "JWT") != "JWT":
            raise ValueError("no key of ours signs such tokens")
        pair = self._keys.verifying(kid)
        if pair is None and isinstance(kid, str) and KID.fullmatch(kid):
            raise UnknownKeyError
        if pair is None or algorithm != pair.algorithm:
            raise ValueError("no key of ours signs such tokens")
        try:
            decoded = jwt.decode(token, pair.key, registry=_REGISTRIES[pair.algorithm]).claims
        except BadSignatureError:
            raise InvalidTokenError(Fault.FORGED) from None
        claims = token_claims.read(decoded, pair.kid, use, self._settings.client_id)
        self._require_ours(decoded, claims, use, now)
        return claims

    def _require_ours(self, decoded: Mapping[str, Any], claims: Claims, use: Use, now: datetime) -> None:
        """Check issuer, use, audience and times. Raises InvalidTokenError or UnknownLifetimeError."""
        issued, expires = int(claims.issued_at.timestamp()), int(claims.expires_at.timestamp())
        if decoded["iss"] != self._settings.issuer:
            raise _refused(Fault.OTHER_ISSUER, claims)
        if decoded["token_use"] != use:
            raise _refused(Fault.WRONG_USE, claims)
        if claims.client_id not in self._clients:
            raise _refused(Fault.OTHER_CLIENT, claims)
        if use is Use.ACCESS and SCOPE not in str(decoded.get("scope")).split():
            raise _refused(Fault.WRONG_USE, claims)
        if issued > (now + self._settings.leeway).timestamp() or expires <= issued:
            raise _refused(Fault.IMPOSSIBLE_TIMES, claims)
        if expires - issued > self._lifetimes.token.total_seconds():  # issued under other settings
            raise UnknownLifetimeError(claims)

    def _remember(self, use: Use, memory: bytes, claims: Claims) -> None:
        verified = self._verified[use]
        verified[memory] = claims
        if len(verified) > REMEMBERED:
            verified.popitem(last=False)


class _Registry(JWSRegistry):
    """joserfc warns about the name EdDSA (RFC 9864 uses Ed25519), but most verifiers only support EdDSA today."""

    algorithms = {**JWSRegistry.algorithms, "EdDSA": EdDSAAlgorithm()}  # noqa: RUF012 - joserfc's own class attribute
    algorithms["EdDSA"].security_warning = None


_REGISTRIES = {algorithm: _Registry(algorithms=[algorithm]) for algorithm in ALGORITHMS}


def _sign_pairs(pairs: Sequence[Unsigned]) -> list[TokenPair]:
    return [TokenPair(_sign(key, first), _sign(key, second)) for key, first, second in pairs]


def _sign(key: KeyPair, claims: Mapping[str, Any], kind: str = "JWT") -> str:
    header = {"alg": key.algorithm, "kid": key.kid, "typ": kind}
    return jws.serialize_compact(header, orjson.dumps(claims), key.key, registry=_REGISTRIES[key.algorithm])


def _refused(why: Fault, claims: Claims | None) -> InvalidTokenError:
    """`claims`: of a token with a good signature."""
    if claims is None:
        return InvalidTokenError(why)
    return InvalidTokenError(why, user_id=claims.user_id, session_id=claims.session_id)

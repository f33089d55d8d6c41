"""Each refusal that a call declares of its own can be met. That no other one is met, `tests.conftest.serve` sees to."""

from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from aiohttp import ClientResponse

from service import errors
from service.api.operation import Access, Operation
from service.api.problems import status_of
from service.api.routes import OPERATIONS
from service.domain.accounts import member_passkeys
from service.domain.accounts.named_api_keys import MOST
from service.domain.models import Visitor
from service.domain.second_factors.challenges import TRIES
from service.errors import AuthError
from service.http.errors import NotFoundError
from tests.conftest import MakeOnFakes, OnFakes, bearer, problem
from tests.support import passkeys
from tests.support import second_factors as second
from tests.support.authenticators import SETTINGS, Authenticator
from tests.support.paths import plain_path
from tests.support.postbox import MAIL, Postbox, token_of
from tests.support.resource_servers import KNOWN, basic
from tests.support.second_factors import App

DECLARED = [(one, refusal) for one in OPERATIONS for refusal in one.about.refuses if one.path != "/readyz"]
ONCE = (
    "mail_source",
    "code_source",
    "login_source",
    "signup_source",
    "refresh_source",
    "api_key_rotation",
    "session_list",
    "session_end",
    "export",
    "profile_change",
    "login_known_source",
)
LIMITS = {
    "exempt": [],
    "passkey_source": "6/1h",
    "api_key_unknown": "1/1h",
    "refresh_unknown": "1/1h",
    **dict.fromkeys(ONCE, "1/1h"),
}
NOBODY = {"email": "nobody@example.com", "password": "Wrong-Pass1!"}
NEW = {"email": "new@example.com", "password": "SecurePass1!", "firstName": "Ada", "lastName": "Lovelace"}


class Caller:
    """Somebody who can make every call well, but for what a test changes of it."""

    def __init__(self, fakes: OnFakes, person: dict[str, Any], tokens: dict[str, Any]) -> None:
        self.fakes, self.person, self.tokens = fakes, person, tokens
        self.app: App | None = None

    async def enrol(self) -> App:
        """From now on this is somebody with a second factor."""
        self.app = await second.enrol(self.fakes.client, self.person, self.tokens, self.fakes.ambient.now())
        return self.app

    async def make(self, one: Operation, body: object = None, **headers: str) -> ClientResponse:
        match one.access:
            case Access.BEARER | Access.MEMBER:
                headers = bearer(self.tokens) | headers
            case Access.RESOURCE_SERVER:
                headers = {"Authorization": basic()} | headers
        path = plain_path(one.path, {"sessionId": "0" * 24, "file": "none.css"})
        return await self.fakes.client.http.request(
            one.method, path, json=body or self.body_of(one.method, one.path), headers=headers
        )

    def body_of(self, method: str, path: str) -> dict[str, Any]:
        bodies: dict[str, dict[str, Any]] = {
            "/auth/signup": NEW,
            "/auth/login": {name: self.person[name] for name in ("email", "password")},
            "/auth/refresh": {"refreshToken": self.tokens["refreshToken"]},
            "/auth/logout": {"accessToken": self.tokens["accessToken"]},
            "/auth/password": {"currentPassword": self.person["password"], "newPassword": "Another-Pass2!"},
            "/auth/me": {"password": self.person["password"]},
            "/auth/forgot": {"email": self.person["email"]},
            "/auth/reset": {"token": "mr_none", "newPassword": "Another-Pass2!"},
            "/auth/email/verify": {"token": "mv_none", "newPassword": "Another-Pass2!"},
            "/auth/email": {"newEmail": "new@example.com", "password": self.person["password"]},
            "PATCH /auth/me": {"firstName": "Augusta"},
            "/auth/api-keys": {"name": "Build server"},
            "/auth/factors/totp": {"password": self.person["password"]},
            "/auth/factors/recovery-codes": {"password": self.person["password"]},
            "/auth/factors/totp/confirm": {"code": "123456"},
            "/auth/login/challenge": {"challenge": "ch_none", "code": "123456"},
            "/auth/login/totp": {"challenge": "ch_none"},
            "/auth/login/totp/confirm": {"challenge": "ch_none", "code": "123456"},
            "/auth/factors/passkeys/options": {"password": self.person["password"]},
            "/auth/factors/passkeys": {"credential": {}, "name": "My phone"},
            "PATCH /auth/factors/passkeys/{passkeyId}": {"name": "My phone"},
            "/auth/factors/passkeys/{passkeyId}": {"password": self.person["password"]},
            "/auth/login/passkey": {"credential": {}},
        }
        path = f"{method} {path}" if f"{method} {path}" in bodies else path
        return bodies.get(path, {"token": "rt_none"})


async def unavailable(caller: Caller, one: Operation) -> ClientResponse:
    caller.fakes.application.clock.note("the clock of this instance is 60 s ahead")
    return await caller.make(one)


async def rate_limited(caller: Caller, one: Operation) -> ClientResponse:
    if one.path in ("/auth/factors/passkeys", "/auth/login/passkey"):
        return await _with_wrong_passkeys(caller, one)
    if one.path.startswith("/auth/login/totp"):
        return await _after_wrong_codes(caller, one)
    headers, body = {}, await _wrong_body(caller, one)
    if one.path == "/auth/introspect":
        headers = {"Authorization": basic(secret="cs_wrong")}
    if one.method == "GET" and one.path in ("/auth/me", "/auth/verify"):
        headers = {"x-api-key": "ak_" + "0" * 43}
        caller.tokens = {}
    for _ in range(8):
        answer = await _with_headers(caller, one, body, headers)
        if answer.status == 429:
            break
    return answer


async def _wrong_body(caller: Caller, one: Operation) -> object:
    """Of the calls whose failures are counted, a body that fails; None for the others."""
    match one.path:
        case "/auth/login/challenge":
            return {"challenge": await _challenge(caller), "code": "x"}
        case "/auth/api-key":
            return {"code": "x"} if caller.app else None
        case "/auth/login" | "/auth/password" | "/auth/factors/totp" | "/auth/factors/recovery-codes":
            return NOBODY | {"currentPassword": "Wrong-Pass1!", "newPassword": "Another-Pass2!"}
        case "/auth/factors/passkeys/options" | "/auth/email":
            return NOBODY | {"newEmail": "new@example.com"}
        case "/auth/me" | "/auth/factors/passkeys/{passkeyId}" if one.method == "DELETE":
            return NOBODY
    return None


async def _with_wrong_passkeys(caller: Caller, one: Operation) -> ClientResponse:
    """Each wrong one is a failed login of an account that it names, and nobody's without a good challenge."""
    client, device = caller.fakes.client, Authenticator()
    added: dict[str, Any] = {}
    if one.path == "/auth/login/passkey":
        device, added = await passkeys.enrol(client, caller.person, caller.tokens)
    for _ in range(8):
        credential = device.prove(await passkeys.options(client), signature="AAAA") if added else {}
        answer = await caller.make(one, {"credential": credential, "name": "My phone"})
        if answer.status == 429:
            break
    return answer


async def _after_wrong_codes(caller: Caller, one: Operation) -> ClientResponse:
    body = {"challenge": await _challenge_without_factor(caller), "code": "x"}
    for _ in range(TRIES):
        await caller.fakes.client.post("/auth/login/totp/confirm", body)
    return await caller.make(one, body if one.path.endswith("confirm") else {"challenge": body["challenge"]})


async def _with_headers(caller: Caller, one: Operation, body: object, headers: dict[str, str]) -> ClientResponse:
    if caller.tokens:
        return await caller.make(one, body, **headers)
    return await caller.fakes.client.http.request(one.method, one.path, headers=headers)


async def overloaded(caller: Caller, one: Operation) -> ClientResponse:
    passwords = caller.fakes.application.passwords
    with ExitStack() as held:
        for number in count():
            try:
                held.enter_context(passwords.reserve(Visitor(f"198.51.{number // 250}.{number % 250}"), str(number)))
            except errors.OverloadedError:
                break
        return await caller.make(one)


async def wrong_password(caller: Caller, one: Operation) -> ClientResponse:
    if one.path == "/auth/email/verify":  # with a good link
        letter = await Postbox(caller.fakes.application).one()
        return await caller.make(one, {"token": token_of(letter), "password": "Wrong-Pass1!"})
    return await caller.make(
        one,
        NOBODY | {"newEmail": "new@example.com"} | {"currentPassword": "Wrong-Pass1!", "newPassword": "Another-Pass2!"},
    )


async def wrong_refresh_token(caller: Caller, one: Operation) -> ClientResponse:
    return await caller.make(one, {"refreshToken": "rt_none"})


async def wrong_access_token(caller: Caller, one: Operation) -> ClientResponse:
    return await caller.make(one, {"accessToken": caller.tokens["idToken"]})


async def of_another_session(caller: Caller, one: Operation) -> ClientResponse:
    other = await caller.fakes.client.log_in(caller.person)
    return await caller.make(one, {"accessToken": other["accessToken"]})


async def taken_email(caller: Caller, one: Operation) -> ClientResponse:
    if one.path == "/auth/email/undo":
        return await caller.make(one, {"token": await taken_back(caller)})
    return await caller.make(one, NEW | {"email": caller.person["email"]})


async def taken_back(caller: Caller) -> str:
    """The link to undo a change, when somebody else has taken the address that was left."""
    postbox, client = Postbox(caller.fakes.application), caller.fakes.client
    await postbox.collect()
    body = {"newEmail": "new@example.com", "password": caller.person["password"]}
    assert (await client.post("/auth/email", body, **bearer(caller.tokens))).status == 202
    assert (await client.post("/auth/email/confirm", {"token": token_of(await postbox.one())})).status == 200
    letter = await postbox.one()
    caller.fakes.users.is_reserved = lambda *_: False  # the sign-up was a moment faster than what reserves the address
    await client.sign_up(email=caller.person["email"])
    return token_of(letter)


async def not_proved(caller: Caller, one: Operation) -> ClientResponse:
    application = caller.fakes.application
    login = replace(application.login, address_proof=replace(application.login.address_proof, is_required=True))
    object.__setattr__(application, "login", login)
    if one.path != "/auth/login/passkey":
        return await caller.make(one)
    device, _ = await passkeys.enrol(caller.fakes.client, caller.person, caller.tokens)
    return await caller.make(one, {"credential": device.prove(await passkeys.options(caller.fakes.client))})


async def _challenge(caller: Caller) -> str:
    await caller.enrol()
    return await second.challenge(caller.fakes.client, caller.person)


async def _challenge_without_factor(caller: Caller) -> str:
    """From now on this is somebody who must have a second factor and has none."""
    application = caller.fakes.application
    object.__setattr__(application.login, "requires_factor", True)
    return await second.challenge(caller.fakes.client, caller.person)


async def without_a_factor(caller: Caller, one: Operation) -> ClientResponse:
    await _challenge_without_factor(caller)
    return await caller.make(one)


async def without_a_proof(caller: Caller, one: Operation) -> ClientResponse:
    await caller.enrol()
    return await caller.make(one)


async def wrong_code(caller: Caller, one: Operation) -> ClientResponse:
    match one.path:
        case (
            "/auth/factors/totp/confirm"
            | "/auth/factors/passkeys"
            | "/auth/login/passkey"
            | "/auth/reset"
            | "/auth/email/verify"
            | "/auth/email/confirm"
            | "/auth/email/undo"
        ):
            return await caller.make(one)
        case "/auth/login/challenge":
            return await caller.make(one, {"challenge": await _challenge(caller), "code": "x"})
        case "/auth/login/totp/confirm":
            return await caller.make(one, {"challenge": await _challenge_without_factor(caller), "code": "x"})
        case _:
            await caller.enrol()
            return await caller.make(one, caller.body_of(one.method, one.path) | {"code": "x"})


async def of_an_app_that_is_on_already(caller: Caller, one: Operation) -> ClientResponse:
    if one.path == "/auth/factors/passkeys":
        return await _of_somebody_else_s_passkey(caller, one)
    fakes, key = caller.fakes, f"th:totp:{{{caller.person['userId']}}}"
    if one.path == "/auth/factors/totp":
        app = await caller.enrol()
        return await caller.make(one, caller.body_of(one.method, one.path) | {"code": app.recovery_codes[0]})
    begun = await (await second.begin(fakes.client, caller.person, caller.tokens)).json()
    code, sealed = App(begun["uri"]).code(fakes.ambient.now()), await fakes.redis.get(key)
    assert sealed
    await second.confirm(fakes.client, caller.tokens, code)
    await fakes.redis.set(key, sealed, ex=600)
    return await caller.make(one, {"code": code})


async def _of_somebody_else_s_passkey(caller: Caller, one: Operation) -> ClientResponse:
    client, other = caller.fakes.client, await caller.fakes.client.sign_up()
    device, _ = await passkeys.enrol(client, other, await client.log_in(other))
    begun = await (await passkeys.begin(client, caller.person, caller.tokens)).json()
    return await caller.make(one, {"credential": device.register(begun), "name": "My phone"})


async def closed(caller: Caller, one: Operation) -> ClientResponse:
    object.__setattr__(caller.fakes.application.new_accounts.registration, "mode", "closed")
    return await caller.make(one)


async def with_a_wrong_invitation(caller: Caller, one: Operation) -> ClientResponse:
    return await caller.make(one, NEW | {"invitation": "iv_none"})


async def no_credential(caller: Caller, one: Operation) -> ClientResponse:
    return await caller.fakes.client.post(one.path, {"token": "rt_none"})


async def too_many(caller: Caller, one: Operation) -> ClientResponse:
    if "passkeys" in one.path:
        return await _too_many_passkeys(caller, one)
    for _ in range(MOST):
        assert (await caller.make(one)).status == 201
    return await caller.make(one)


async def _too_many_passkeys(caller: Caller, one: Operation) -> ClientResponse:
    client = caller.fakes.client
    begun = [
        await (await passkeys.begin(client, caller.person, caller.tokens)).json()
        for _ in range(member_passkeys.MOST + 1)
    ]
    added = [await passkeys.add(client, caller.tokens, Authenticator().register(each)) for each in begun[:-1]]
    if one.path == "/auth/factors/passkeys":
        return await caller.make(one, {"credential": Authenticator().register(begun[-1]), "name": "My phone"})
    code = (await added[0].json())["recoveryCodes"][0]
    return await caller.make(one, {"password": caller.person["password"], "code": code})


async def not_configured(caller: Caller, one: Operation) -> ClientResponse:
    return await caller.make(one)


async def invalid_query(caller: Caller, one: Operation) -> ClientResponse:
    return await caller.fakes.client.get(f"{one.path}?include=passwordHash", **bearer(caller.tokens))


async def as_it_is(caller: Caller, one: Operation) -> ClientResponse:
    """The path names what is not there."""
    return await caller.make(one)


PROVOKED: dict[type[AuthError], Callable[[Caller, Operation], Awaitable[ClientResponse]]] = {
    errors.UnavailableError: unavailable,
    errors.RateLimitedError: rate_limited,
    errors.OverloadedError: overloaded,
    errors.InvalidCredentialsError: wrong_password,
    errors.WrongPasswordError: wrong_password,
    errors.InvalidRefreshTokenError: wrong_refresh_token,
    errors.InvalidAccessTokenError: wrong_access_token,
    errors.TokenMismatchError: of_another_session,
    errors.EmailTakenError: taken_email,
    errors.SignUpClosedError: closed,
    errors.InvalidInvitationError: with_a_wrong_invitation,
    errors.SecondFactorRequiredError: without_a_proof,
    errors.FactorSetupRequiredError: without_a_factor,
    errors.InvalidCodeError: wrong_code,
    errors.InvalidChallengeError: as_it_is,
    errors.FactorExistsError: of_an_app_that_is_on_already,
    errors.FactorNotFoundError: as_it_is,
    errors.InvalidClientError: no_credential,
    errors.SessionNotFoundError: as_it_is,
    errors.EmailNotVerifiedError: not_proved,
    errors.ApiKeyNotFoundError: as_it_is,
    errors.TooManyError: too_many,
    errors.NotConfiguredError: not_configured,
    errors.InvalidFieldsError: invalid_query,
    NotFoundError: as_it_is,
}


@pytest.mark.parametrize(
    ("one", "refusal"), DECLARED, ids=[f"{one.method} {one.path} {refusal.code}" for one, refusal in DECLARED]
)
async def test_a_declared_refusal_can_be_met(on_fakes: MakeOnFakes, one: Operation, refusal: type[AuthError]) -> None:
    limits = {"throttle": LIMITS} if refusal is errors.RateLimitedError else {}
    mail = {} if refusal is errors.NotConfiguredError else {"mail": MAIL}
    passwords = {"bcrypt_rounds": 4, "max_wait": "1s", "workers": 1, "engine": "wheel"}
    passkeys = {} if refusal is errors.NotConfiguredError else {"passkeys": SETTINGS}
    fakes = await on_fakes(introspection=KNOWN, passwords=passwords, **mail, **passkeys, **limits)
    person = await fakes.client.sign_up()
    caller = Caller(fakes, person, await fakes.client.log_in(person))
    answer = await PROVOKED[refusal](caller, one)
    assert (answer.status, problem(await answer.text())["code"]) == (int(status_of(refusal)), refusal.code)

"""Logins by SRP, step by step: who gets in, what is refused, and that nothing tells accounts from strangers."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from service.assembly.application import Application, build_on
from service.domain.events.security_events import Event, Name, Reason
from service.domain.models import Visitor
from service.domain.seals import Purpose, Seals
from service.domain.second_factors.models import NO_PROOF
from service.domain.sessions.models import SignedIn
from service.domain.sessions.srp_login import SrpChallenge, SrpLogin, SrpProof
from service.domain.srp import arithmetic
from service.domain.srp.group import MODULUS, power
from service.domain.srp.models import StoredVerifier
from service.domain.srp.verifiers import owner_of
from service.errors import (
    EmailNotVerifiedError,
    InvalidCredentialsError,
    InvalidFieldsError,
    NotConfiguredError,
    OverloadedError,
    RateLimitedError,
    SecondFactorRequiredError,
)
from tests.conftest import MakeOnFakes, OnFakes, bearer
from tests.domain.test_killed_half_way import Mortal, Story, change_password, die_at_each_step, instance
from tests.support import builders
from tests.support import second_factors as second
from tests.support.builders import PASSWORD, SECRET
from tests.support.fake_verifiers import FakeVerifiers
from tests.support.postbox import MAIL, Postbox, token_of
from tests.support.srp import VISITOR, SrpClient, changed, log_in

ON = {"enabled": True, "srp": True}
NEW = "EvenMoreSecure2?"
STRANGER = "nobody@example.com"


@dataclass
class Ground:
    fakes: OnFakes
    person: dict[str, Any]
    events: list[Event] = field(default_factory=list)
    others: list[Application] = field(default_factory=list)

    @property
    def verifiers(self) -> FakeVerifiers:
        held = self.fakes.application.backends.verifiers
        assert isinstance(held, FakeVerifiers)
        return held

    @property
    def user_id(self) -> UUID:
        return UUID(self.person["userId"])

    @property
    def held(self) -> StoredVerifier | None:
        return self.verifiers.rows.get(self.user_id)

    @property
    def reason(self) -> str:
        """Why the last login failed."""
        return next(one.reason for one in reversed(self.events) if one.name in (Name.LOGIN_FAILED, Name.REFUSED))

    async def another(self, secret: str = SECRET, previous: str = "", **cognito: Any) -> Application:
        """Another instance on the same stores, perhaps with other settings."""
        application = self.unopened(secret, previous, **cognito)
        await application.keys.load()
        return application

    def unopened(self, secret: str, previous: str = "", **cognito: Any) -> Application:
        """As `another`, without the signing keys, which not every secret opens."""
        settings = builders.settings(cognito=ON | cognito).model_copy(update=_secrets(secret, previous))
        application = build_on(self.fakes.application.backends, settings, self.fakes.ambient)
        application.events.add(self.events.append)
        self.others.append(application)
        return application

    async def log_in(self, username: str = "", password: str = PASSWORD, at: Application | None = None) -> SignedIn:
        login, now = (at or self.fakes.application).srp, self.fakes.ambient.now()
        return await log_in(login, username or self.person["email"], password, now)

    async def begin(self, username: str = "", password: str = PASSWORD, **how: Any) -> tuple[SrpChallenge, SrpProof]:
        """The first step, and what its client would send in the second one."""
        client = SrpClient(username or self.person["email"], password, self.fakes.ambient.now())
        start = self.fakes.application.srp.start
        challenge = await start(client.username, client.client_value, VISITOR, **how)
        return challenge, client.proof(challenge)

    async def refused(self, challenge: SrpChallenge, proof: SrpProof, username: str = "", **how: Any) -> str:
        """Why, as operators read it; everybody is told the same."""
        with pytest.raises(InvalidCredentialsError) as refusal:
            await self.fakes.application.srp.finish(username or str(challenge.user_id), proof, VISITOR, **how)
        assert type(refusal.value) is InvalidCredentialsError
        return self.reason


def _secrets(secret: str, previous: str) -> dict[str, Any]:
    made = builders.settings().__class__(secret_key=secret, secret_keys_previous=[previous] if previous else [])
    return {"secret_key": made.secret_key, "secret_keys_previous": made.secret_keys_previous}


MakeGround = Callable[..., Awaitable[Ground]]


@pytest.fixture
async def make(on_fakes: MakeOnFakes) -> AsyncIterator[MakeGround]:
    """`make(srp=False, throttle={...})`: with a member who has signed up."""
    grounds: list[Ground] = []

    async def build(srp: bool = True, **sections: dict[str, Any]) -> Ground:  # noqa: FBT001, FBT002 - it is named
        fakes = await on_fakes(cognito=ON | {"srp": srp}, **sections)
        ground = Ground(fakes, await fakes.client.sign_up())
        fakes.application.events.add(ground.events.append)
        grounds.append(ground)
        return ground

    yield build
    for application in [one for ground in grounds for one in ground.others]:
        await application.passwords.close()
        application.tokens.close()


@pytest.fixture
async def ground(make: MakeGround) -> Ground:
    return await make()


# --- who gets in


@pytest.mark.parametrize("how", ["address", "other case", "id", "id in capitals"])
async def test_a_member_gets_in_by_address_or_id(ground: Ground, how: str) -> None:
    email, user_id = ground.person["email"], str(ground.user_id)
    names = {"address": email, "other case": email.upper(), "id": user_id, "id in capitals": user_id.upper()}
    signed_in = await ground.log_in(names[how])
    caller = await ground.fakes.application.sessions.authenticate(signed_in.tokens.id_token)
    assert (caller.user_id, caller.session_id) == (ground.user_id, signed_in.session_id)
    assert [one.name for one in ground.events][-1] is Name.LOGGED_IN


async def test_the_second_step_takes_the_address_as_well(ground: Ground) -> None:
    challenge, proof = await ground.begin(str(ground.user_id))
    assert await ground.fakes.application.srp.finish(ground.person["email"].upper(), proof, VISITOR)
    assert challenge.user_id == ground.user_id


async def test_the_steps_may_be_taken_at_two_instances(ground: Ground) -> None:
    challenge, proof = await ground.begin()
    assert await (await ground.another()).srp.finish(str(challenge.user_id), proof, VISITOR)


async def test_the_session_is_the_client_s_that_began(ground: Ground) -> None:
    challenge, proof = await ground.begin(client_id="web")
    srp = ground.fakes.application.srp
    signed_in = await srp.finish(str(challenge.user_id), proof, VISITOR, client_id="web")
    assert builders.claims_of(signed_in.tokens.access_token)["client_id"] == "web"


async def test_a_password_counts_as_it_was_typed_at_sign_up(make: MakeGround) -> None:
    ground = await make()
    for password in ("Pässwörd1!", "Pa\u0308sswo\u0308rd1!", "Aa1! 日本語 🔑"):
        person = await ground.fakes.client.sign_up(password=password)
        assert await ground.log_in(person["email"], password)


async def test_after_the_password_come_the_proof_of_the_address_and_the_second_factor(make: MakeGround) -> None:
    ground = await make(mail=MAIL | {"verification": "required"})
    with pytest.raises(EmailNotVerifiedError):
        await ground.log_in()
    assert await ground.refused(*await ground.begin(password="WrongPass1!")) == Reason.WRONG_PASSWORD

    ground = await make()
    fakes = ground.fakes
    tokens = await fakes.client.log_in(ground.person)
    app = await second.enrol(fakes.client, ground.person, tokens, fakes.ambient.now())
    with pytest.raises(SecondFactorRequiredError) as asked:
        await ground.log_in()
    code = app.code(fakes.ambient.now())
    assert (await second.answer(fakes.client, asked.value.challenge, code)).status == 200
    assert await ground.refused(*await ground.begin(password="WrongPass1!")) == Reason.WRONG_PASSWORD


# --- who does not


async def test_a_wrong_password_is_refused(ground: Ground) -> None:
    assert await ground.refused(*await ground.begin(password="WrongPass1!")) == Reason.WRONG_PASSWORD
    challenge, proof = await ground.begin()
    for signature in ("", "AAAA", "%%%", proof.signature.swapcase()):
        challenge, proof = await ground.begin()
        assert await ground.refused(challenge, replace(proof, signature=signature)) == Reason.WRONG_PASSWORD


async def test_somebody_who_is_unknown_or_disabled_or_has_no_verifier_is_refused_alike(ground: Ground) -> None:
    assert await ground.refused(*await ground.begin(STRANGER)) == Reason.UNKNOWN_EMAIL
    assert await ground.refused(*await ground.begin("no address")) == Reason.UNKNOWN_EMAIL
    assert await ground.refused(*await ground.begin(str(UUID(int=7)))) == Reason.UNKNOWN_EMAIL
    ground.verifiers.rows.clear()
    assert await ground.refused(*await ground.begin()) == Reason.NO_VERIFIER
    await ground.fakes.client.log_in(ground.person)
    await ground.fakes.application.accounts.disable(ground.person["email"])
    assert await ground.refused(*await ground.begin()) == Reason.DISABLED
    assert await ground.refused(*await ground.begin(password="WrongPass1!")) == Reason.WRONG_PASSWORD


async def test_whoever_proves_the_password_of_a_stranger_s_decoy_stays_out(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the decoy's password were known: there is still no account."""
    verifiers = ground.fakes.application.srp.verifiers
    unknown = (await ground.begin(STRANGER))[0]
    salt = bytes.fromhex(unknown.salt)
    decoy = arithmetic.verifier_of("tokenhouse", unknown.user_id, PASSWORD, salt)
    monkeypatch.setattr(verifiers, "_open", lambda *_: int.from_bytes(decoy, "big"))
    compared: list[bool] = []
    is_right = SrpLogin._is_right

    def compare(*them: Any) -> bool:
        compared.append(is_right(*them))
        return compared[-1]

    monkeypatch.setattr(SrpLogin, "_is_right", compare)
    assert await ground.refused(*await ground.begin(STRANGER)) == Reason.UNKNOWN_EMAIL
    assert compared == [True]


async def test_a_block_is_good_once_on_any_instance(ground: Ground) -> None:
    challenge, proof = await ground.begin()
    await ground.fakes.application.srp.finish(str(challenge.user_id), proof, VISITOR)
    assert await ground.refused(challenge, proof) == Reason.CHALLENGE_OVER
    with pytest.raises(InvalidCredentialsError):
        await (await ground.another()).srp.finish(str(challenge.user_id), proof, VISITOR)
    challenge, proof = await ground.begin()
    await ground.refused(challenge, replace(proof, signature="AAAA"))
    assert await ground.refused(challenge, proof) == Reason.CHALLENGE_OVER


async def test_a_block_is_good_for_one_user_and_one_client(ground: Ground) -> None:
    other = await ground.fakes.client.sign_up()
    challenge, proof = await ground.begin()
    for username in (other["email"], other["userId"], STRANGER, "", str(UUID(int=7))):
        assert await ground.refused(challenge, proof, username or " ") == Reason.CHALLENGE_OVER
    assert await ground.refused(challenge, proof, client_id="web") == Reason.CHALLENGE_OVER
    theirs, their_proof = await ground.begin(other["email"])
    assert await ground.refused(challenge, replace(proof, block=their_proof.block)) == Reason.CHALLENGE_OVER
    moved = replace(proof, block=their_proof.block)
    assert await ground.refused(theirs, moved) == Reason.WRONG_PASSWORD  # the signature is over the block


async def test_a_tampered_block_is_refused_and_fills_no_audit_trail(ground: Ground) -> None:
    challenge, proof = await ground.begin()
    ground.events.clear()
    for block in (changed(proof.block, 25), changed(proof.block, -1), proof.block[:-8], "", "%", "A" * 10_000):
        assert await ground.refused(challenge, replace(proof, block=block)) == Reason.CHALLENGE_OVER
    assert {one.name for one in ground.events} == {Name.REFUSED}


async def test_a_block_is_good_for_the_lifetime_of_a_session(ground: Ground) -> None:
    challenge, proof = await ground.begin()
    ground.fakes.ambient.advance(minutes=3)
    assert await ground.refused(challenge, proof) == Reason.CHALLENGE_OVER


@pytest.mark.parametrize("minutes", [-5, 5])
async def test_a_client_s_clock_may_be_five_minutes_wrong(ground: Ground, minutes: int) -> None:
    for seconds, is_good in ((0, True), (1, False)):
        drift = timedelta(minutes=minutes, seconds=seconds if minutes > 0 else -seconds)
        client = SrpClient(ground.person["email"], PASSWORD, ground.fakes.ambient.now() + drift)
        srp = ground.fakes.application.srp
        challenge = await srp.start(client.username, client.client_value, VISITOR)
        proof = client.proof(challenge)
        if is_good:
            assert await srp.finish(str(challenge.user_id), proof, VISITOR)
        else:
            assert await ground.refused(challenge, proof) == Reason.CHALLENGE_OVER


@pytest.mark.parametrize("time", ["", "now", "Mon Nov 24 12:00:00 UTC", "1764000000"])
async def test_a_time_that_is_none_is_refused(ground: Ground, time: str) -> None:
    challenge, proof = await ground.begin()
    assert await ground.refused(challenge, replace(proof, timestamp=time)) == Reason.CHALLENGE_OVER


async def test_another_time_than_the_signed_one_is_refused(ground: Ground) -> None:
    challenge, proof = await ground.begin()
    moved = replace(proof, timestamp=proof.timestamp.replace("12:00:00", "12:00:01"))
    assert moved != proof
    assert await ground.refused(challenge, moved) == Reason.WRONG_PASSWORD


@pytest.mark.parametrize(
    "value",
    [
        "0",
        "00",
        f"{MODULUS:x}",
        f"{2 * MODULUS:x}",
        f"{MODULUS + 1:x}",
        "",
        "xyz",
        "-1",
        "0x2",
        "1_0",
        " 2",
        "2\n",
        "٣",
    ],
)
async def test_a_public_value_that_would_make_the_key_known_is_refused(ground: Ground, value: str) -> None:
    for username in (ground.person["email"], STRANGER):
        with pytest.raises(InvalidFieldsError):
            await ground.fakes.application.srp.start(username, value, VISITOR)


async def test_failures_count_as_failed_logins_do_at_either_door(make: MakeGround) -> None:
    throttle = {"exempt": [], "login_account_source": "2/5m"}
    ground = await make(throttle=throttle)
    client = ground.fakes.client
    for username in (ground.person["email"], STRANGER):
        await ground.refused(*await ground.begin(username, "WrongPass1!"))
        assert (await client.post("/auth/login", {"email": username, "password": "WrongPass1!"})).status == 401
    local = Visitor("127.0.0.1")  # where the calls of /auth/login come from
    ground = await make(throttle=throttle)
    for username in (ground.person["email"], STRANGER):
        for _ in range(2):
            await ground.refused(*await ground.begin(username, "WrongPass1!"))
        challenge, proof = await ground.begin(username)
        with pytest.raises(RateLimitedError):
            await ground.fakes.application.srp.finish(str(challenge.user_id), proof, VISITOR)
        with pytest.raises(RateLimitedError):
            await ground.fakes.application.login.with_password(username, PASSWORD, VISITOR)
        with suppress(InvalidCredentialsError):
            await ground.fakes.application.login.with_password(username, PASSWORD, local)
    assert ground.reason == Reason.UNKNOWN_EMAIL  # and not of the limits: another source


async def test_right_proofs_use_no_limit_up(make: MakeGround) -> None:
    ground = await make(throttle={"exempt": [], "login_account_source": "2/5m"})
    for _ in range(4):
        assert await ground.log_in()


# --- what a stranger sees


async def test_a_stranger_s_salt_and_id_are_steady_and_look_like_a_member_s(ground: Ground) -> None:
    (first, _), (again, _), (member, _) = [
        await ground.begin(one) for one in (STRANGER, STRANGER.upper(), ground.person["email"])
    ]
    assert (first.user_id, first.salt) == (again.user_id, again.salt)
    assert (first.user_id.version, first.user_id.variant) == (member.user_id.version, member.user_id.variant)
    assert [len(one.salt) for one in (first, member)] == [32, 32]
    assert len(first.block) == len(member.block)
    assert first.server_value != again.server_value
    other, _ = await ground.begin("somebody.else@example.com")
    assert (other.user_id, other.salt) not in {(first.user_id, first.salt), (member.user_id, member.salt)}
    by_id, _ = await ground.begin(str(UUID(int=7)))
    assert by_id.user_id == UUID(int=7)  # as a member's is
    there = (await ground.another()).srp
    client = SrpClient(STRANGER, PASSWORD, ground.fakes.ambient.now())
    assert (await there.start(STRANGER, client.client_value, VISITOR)).salt == first.salt


async def test_a_member_s_salt_tells_of_no_change(ground: Ground) -> None:
    """Nor of the first verifier: a stranger's never changes."""
    before, _ = await ground.begin()
    ground.verifiers.rows.clear()
    without, _ = await ground.begin()
    await ground.fakes.client.log_in(ground.person)
    after, _ = await ground.begin(str(ground.user_id))
    assert len({(one.user_id, one.salt) for one in (before, without, after)}) == 1


@pytest.mark.parametrize("letters", ["ab", "ba"])
async def test_a_rotation_of_the_secret_shows_once_in_what_strangers_are_told(ground: Ground, letters: str) -> None:
    """Whichever of the secrets is the old one: the steps are those of docs/keys.md."""
    old, new = (letter * 44 for letter in letters)
    told, keys = [], []
    for secret, previous in ((old, ""), (old, new), (new, old), (new, "")):
        there = ground.unopened(secret, previous)
        identity, _ = await there.srp.verifiers.identify(None, STRANGER)
        told.append((identity.user_id, identity.salt))
        keys.append(there.recovery.secrets.nobody(STRANGER))
    assert told[1] == told[2]
    assert keys[1] == keys[2]
    assert len(set(told)) == len(set(keys)) == 2


async def test_a_salt_begins_with_no_zero(ground: Ground) -> None:
    """Of clients that read it as a number some hash it without its first zeros."""
    assert {(await ground.begin(f"{n}@example.com"))[0].salt[0] in "4567" for n in range(40)} == {True}


@contextmanager
def counted_powers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    made: list[int] = []

    def counted(base: int, exponent: int) -> int:
        made.append(exponent)
        return power(base, exponent)

    monkeypatch.setattr(arithmetic, "power", counted)
    yield made


async def test_both_steps_cost_the_same_whoever_it_is(make: MakeGround, monkeypatch: pytest.MonkeyPatch) -> None:
    ground = await make(throttle={"exempt": []})
    lacking = await ground.fakes.client.sign_up()
    del ground.verifiers.rows[UUID(lacking["userId"])]
    disabled = await ground.fakes.client.sign_up()
    await ground.fakes.application.accounts.disable(disabled["email"])
    usernames = (ground.person["email"], lacking["email"], disabled["email"], STRANGER, "no address")
    ids = (str(ground.user_id), lacking["userId"], disabled["userId"], str(UUID(int=7)))
    costs = []
    with counted_powers(monkeypatch) as powers:
        for username in ("warm@example.com", *usernames, *ids):
            mortal = Mortal(1_000, after=True)
            application = instance(ground.fakes, mortal)
            await application.keys.load()
            client = SrpClient(username, "WrongPass1!", ground.fakes.ambient.now())
            cost = []
            for step in ("start", "finish"):
                trips, made = mortal.steps, len(powers)
                if step == "start":
                    challenge = await application.srp.start(username, client.client_value, VISITOR)
                else:
                    proof = client.proof(challenge)
                    with pytest.raises(InvalidCredentialsError):
                        await application.srp.finish(str(challenge.user_id), proof, VISITOR)
                cost.append((mortal.steps - trips, len(powers) - made))
            await application.passwords.close()
            application.tokens.close()
            costs.append(tuple(cost))
    assert set(costs[1:]) == {((1, 1), (6, 2))}, costs


async def test_a_flood_is_shed_like_one_of_logins(make: MakeGround) -> None:
    ground = await make(passwords={"max_wait": "1s"})
    queue = ground.fakes.application.passwords.queue
    challenge, proof = await ground.begin()
    client = SrpClient(ground.person["email"], PASSWORD, ground.fakes.ambient.now())
    with ExitStack() as held:
        for _ in range(queue.capacity):
            held.enter_context(queue.reserve(VISITOR))
        with pytest.raises(OverloadedError):
            await ground.fakes.application.srp.start(client.username, client.client_value, VISITOR)
        with pytest.raises(OverloadedError):
            await ground.fakes.application.srp.finish(str(challenge.user_id), proof, VISITOR)
    assert await ground.fakes.application.srp.finish(str(challenge.user_id), proof, VISITOR)


# --- verifiers


async def test_sign_up_makes_a_verifier_that_opens_for_nobody_else(ground: Ground) -> None:
    other = await ground.fakes.client.sign_up()
    assert ground.held
    assert (ground.held.pool_id, len(ground.held.salt)) == ("eu-central-1_tokenhouse", 16)
    mine = ground.fakes.application.srp.verifiers.open(ground.held)
    moved = replace(ground.held, user_id=UUID(other["userId"]))
    assert ground.fakes.application.srp.verifiers.open(moved) != mine
    assert (await ground.another(pool_id="eu_other")).srp.verifiers.open(ground.held) != mine
    ground.verifiers.rows[UUID(other["userId"])] = replace(ground.held, user_id=UUID(other["userId"]))
    assert await ground.refused(*await ground.begin(other["email"])) == Reason.WRONG_PASSWORD


async def test_a_login_with_the_password_makes_the_verifier_that_is_missing_and_only_that(make: MakeGround) -> None:
    ground = await make(srp=False)
    assert ground.held is None
    on = await ground.another()
    with pytest.raises(InvalidCredentialsError):
        await ground.log_in(at=on)
    with pytest.raises(InvalidCredentialsError):
        await on.login.with_password(ground.person["email"], "WrongPass1!", VISITOR)
    assert ground.held is None
    await on.login.with_password(ground.person["email"], PASSWORD, VISITOR)
    made = ground.held
    assert made
    assert await ground.log_in(at=on)
    await on.login.with_password(ground.person["email"], PASSWORD, VISITOR)
    assert ground.held is made


async def test_a_login_that_stops_at_the_second_factor_makes_one_too(make: MakeGround) -> None:
    ground = await make(srp=False)
    fakes = ground.fakes
    await second.enrol(fakes.client, ground.person, await fakes.client.log_in(ground.person), fakes.ambient.now())
    on = await ground.another()
    with pytest.raises(SecondFactorRequiredError):
        await on.login.with_password(ground.person["email"], PASSWORD, VISITOR)
    with pytest.raises(SecondFactorRequiredError):
        await ground.log_in(at=on)


@pytest.mark.parametrize("door", ["change", "reset"])
async def test_a_new_password_has_a_verifier_at_once_and_the_old_one_is_of_no_use(make: MakeGround, door: str) -> None:
    ground = await make(mail=MAIL)
    await _set_password(ground, door)
    assert await ground.log_in(password=NEW)
    assert await ground.refused(*await ground.begin()) == Reason.WRONG_PASSWORD


async def _set_password(ground: Ground, door: str) -> None:
    client, postbox = ground.fakes.client, Postbox(ground.fakes.application)
    if door == "change":
        tokens = await client.log_in(ground.person)
        body = {"currentPassword": PASSWORD, "newPassword": NEW}
        assert (await client.post("/auth/password", body, **bearer(tokens))).status == 200
    else:
        await postbox.collect()
        await client.post("/auth/forgot", {"email": ground.person["email"]})
        body = {"token": token_of(await postbox.one()), "newPassword": NEW}
        assert (await client.post("/auth/reset", body)).status == 200


async def test_an_old_password_s_verifier_is_of_no_use_though_nobody_removed_it(ground: Ground) -> None:
    """As after a change at an instance that does not have the setting yet."""
    old = ground.held
    off = await ground.another(srp=False)
    user = ground.fakes.users.rows[ground.user_id]
    ground.fakes.ambient.advance(seconds=1)
    signed_in = await off.login.with_password(user.email, PASSWORD, VISITOR)
    caller = await off.sessions.authenticate(signed_in.tokens.id_token)
    await off.accounts.change_password(caller, PASSWORD, NEW, NO_PROOF, VISITOR)
    assert ground.held is old
    assert await ground.refused(*await ground.begin()) == Reason.NO_VERIFIER
    assert await ground.refused(*await ground.begin(password=NEW)) == Reason.NO_VERIFIER
    await ground.fakes.client.log_in(ground.person | {"password": NEW})
    assert await ground.log_in(password=NEW)


async def test_another_pool_needs_other_verifiers(ground: Ground) -> None:
    moved = await ground.another(pool_id="eu-central-1_moved")
    login = log_in(moved.srp, ground.person["email"], PASSWORD, ground.fakes.ambient.now())
    with pytest.raises(InvalidCredentialsError):
        await login
    assert ground.reason == Reason.NO_VERIFIER
    await moved.login.with_password(ground.person["email"], PASSWORD, VISITOR)
    client = SrpClient(ground.person["email"], PASSWORD, ground.fakes.ambient.now(), "eu-central-1_moved")
    challenge = await moved.srp.start(client.username, client.client_value, VISITOR)
    assert await moved.srp.finish(str(challenge.user_id), client.proof(challenge), VISITOR)


async def test_a_new_secret_takes_over_and_the_next_login_seals_with_it(ground: Ground) -> None:
    new = SECRET[::-1]
    both = await ground.another(new, previous=SECRET)
    assert await ground.log_in(at=both)
    await both.login.with_password(ground.person["email"], PASSWORD, VISITOR)
    assert ground.held
    assert Seals([new], ground.fakes.ambient).knows(Purpose.SRP_VERIFIER_SEAL, ground.held.sealed)
    assert await ground.log_in(at=both)


async def test_a_verifier_of_a_secret_that_is_gone_does_not_count(ground: Ground) -> None:
    held = ground.held
    assert held
    lost = Seals([SECRET[::-1]], ground.fakes.ambient)
    sealed = lost.seal(Purpose.SRP_VERIFIER_SEAL, b"v", owner_of(held.user_id, held.pool_id))
    ground.verifiers.rows[held.user_id] = replace(held, sealed=sealed)
    assert await ground.refused(*await ground.begin()) == Reason.NO_VERIFIER
    await ground.fakes.client.log_in(ground.person)
    assert await ground.log_in()


async def test_a_damaged_verifier_lets_nobody_in(ground: Ground) -> None:
    held = ground.held
    assert held
    ground.verifiers.rows[held.user_id] = replace(held, sealed=held.sealed[:-1] + b"?")
    assert await ground.refused(*await ground.begin()) == Reason.WRONG_PASSWORD


async def test_with_the_setting_off_there_is_no_srp_and_verifiers_are_neither_used_nor_made(ground: Ground) -> None:
    off = await ground.another(srp=False)
    client = SrpClient(ground.person["email"], PASSWORD, ground.fakes.ambient.now())
    with pytest.raises(NotConfiguredError):
        await off.srp.start(client.username, client.client_value, VISITOR)
    challenge, proof = await ground.begin()
    with pytest.raises(NotConfiguredError):
        await off.srp.finish(str(challenge.user_id), proof, VISITOR)
    assert await off.srp.verifiers.remove_all() == 1
    assert [(one.name, one.reason) for one in ground.events][-1] == (Name.USER_UPDATED, Reason.VERIFIERS_REMOVED)
    await off.login.with_password(ground.person["email"], PASSWORD, VISITOR)
    assert ground.verifiers.rows == {}


async def test_a_verifier_goes_with_its_account(ground: Ground) -> None:
    tokens = await ground.fakes.client.log_in(ground.person)
    answer = await ground.fakes.client.http.delete("/auth/me", headers=bearer(tokens), json={"password": PASSWORD})
    assert answer.status == 204
    assert ground.verifiers.rows == {}


class Broken:
    """A store that does not answer."""

    def __getattr__(self, name: str) -> Any:
        async def fail(*_: object) -> None:
            raise ConnectionError(name)

        return fail


async def test_an_outage_of_verifiers_fails_no_sign_up_login_or_change(make: MakeGround) -> None:
    ground = await make(mail=MAIL)
    ground.fakes.application.srp.verifiers.store = Broken()
    await ground.fakes.client.log_in(await ground.fakes.client.sign_up())
    await _set_password(ground, "change")
    ground.fakes.ambient.advance(seconds=1)
    await _set_password(ground, "reset")


async def test_a_failure_of_the_arithmetic_fails_no_login(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    ground.verifiers.rows.clear()
    monkeypatch.setattr(arithmetic, "power", lambda *_: 1 / 0)
    await ground.fakes.client.log_in(ground.person)
    await ground.fakes.client.sign_up()
    assert ground.verifiers.rows == {}


@pytest.mark.parametrize("srp", [False, True])
async def test_the_setting_costs_the_four_calls_nothing_while_it_is_off(make: MakeGround, *, srp: bool) -> None:
    ground = await make(srp=srp)
    email = ground.person["email"]
    asked: list[str] = []
    counting = Mortal(1_000, after=True)
    application = instance(ground.fakes, counting)
    application.srp.verifiers.store = Counted(application.srp.verifiers.store, asked)
    await application.keys.load()
    signed_in = await application.login.with_password(email, PASSWORD, VISITOR)
    await application.sessions.refresh(signed_in.refresh_token, VISITOR)
    await application.passwords.close()
    application.tokens.close()
    assert asked == (["by_email"] if srp else [])


class Counted:
    def __init__(self, store: object, asked: list[str]) -> None:
        self._store, self._asked = store, asked

    def __getattr__(self, name: str) -> Any:
        self._asked.append(name)
        return getattr(self._store, name)


@pytest.mark.parametrize("after", [False, True])
async def test_a_change_of_password_that_died_half_way_has_its_verifier_when_it_is_asked_for_again(
    make: MakeGround, *, after: bool
) -> None:
    fakes = (await make()).fakes

    async def judge(story: Story) -> None:
        if not story.survived:
            await change_password(fakes.application, story)
        assert await log_in(fakes.application.srp, story.person["email"], NEW, fakes.ambient.now())

    assert await die_at_each_step(fakes, change_password, judge, after=after) > 5

"""Who is an admin: what grants and revocations leave behind, and which sessions count."""

from dataclasses import replace

import pytest

from service.domain.administration.admins import Standing
from service.domain.models import User
from tests.conftest import MakeOnFakes, OnFakes
from tests.support import builders
from tests.support.builders import NOON
from tests.support.postbox import MAIL, Postbox

BY = "grace@bastion"


@pytest.fixture
async def fakes(on_fakes: MakeOnFakes) -> OnFakes:
    return await on_fakes(mail=MAIL)


async def somebody(fakes: OnFakes) -> User:
    user = builders.user(fakes.ambient, email_verified_at=NOON)
    await fakes.users.add(user, user.id.bytes)
    return user


async def left_behind(fakes: OnFakes) -> tuple[list[tuple[str, str, str]], list[str]]:
    """Events with their operator, and what users were told."""
    await fakes.application.audit.write()
    rows = fakes.application.audit.trail.rows.values()  # type: ignore[attr-defined] # the fake's own
    events = [(one.event.name.value, str(one.event.reason), one.event.operator) for one in rows]
    postbox = Postbox(fakes.application)
    await postbox.collect()
    return [one for one in events if one[0] == "authz_change"], [one.facts["what"] for one in postbox.notices]


async def test_a_grant_and_its_end_name_the_operator_and_tell_the_user(fakes: OnFakes) -> None:
    user, admins = await somebody(fakes), fakes.application.admins
    assert await admins.grant(user, BY)
    assert await admins.revoke(user, BY)
    events, told = await left_behind(fakes)
    assert events == [("authz_change", "admin_granted", BY), ("authz_change", "admin_revoked", BY)]
    assert told == ["by_operator", "by_operator"]


async def test_what_changes_nothing_is_no_event_and_no_mail(fakes: OnFakes) -> None:
    user, admins = await somebody(fakes), fakes.application.admins
    assert not await admins.revoke(user, BY)
    gone = builders.user(fakes.ambient)
    assert not await admins.grant(gone, BY)
    assert await admins.grant(user, BY)
    await left_behind(fakes)
    assert not await admins.grant(user, "another")
    assert (await left_behind(fakes))[1] == []
    (admin,) = await admins.all()
    assert (admin.user_id, admin.granted_by, admin.granted_at) == (user.id, BY, NOON)
    assert await admins.find(user.id) == admin


@pytest.mark.parametrize(
    ("factor_since", "methods", "standing"),
    [
        (None, (), Standing.HAS_NO_FACTOR),
        (None, ("pwd", "otp"), Standing.HAS_NO_FACTOR),
        (NOON, (), Standing.FACTOR_NOT_SHOWN),
        (NOON, ("pwd",), Standing.FACTOR_NOT_SHOWN),
        (NOON, ("email",), Standing.FACTOR_NOT_SHOWN),
        (NOON, ("pwd", "otp"), Standing.ADMIN),
        (NOON, ("hwk", "user"), Standing.ADMIN),
    ],
)
async def test_a_session_counts_that_has_shown_a_factor_which_is_there(
    fakes: OnFakes, factor_since: object, methods: tuple[str, ...], standing: Standing
) -> None:
    user, admins = await somebody(fakes), fakes.application.admins
    user = replace(user, second_factor_since=factor_since)  # type: ignore[arg-type] # None or a time
    session = builders.session(fakes.ambient, user_id=user.id, methods=methods)
    assert await admins.standing_of(user, session) is Standing.NO_ADMIN
    await admins.grant(user, BY)
    assert await admins.standing_of(user, session) is standing
    await admins.revoke(user, BY)
    assert await admins.standing_of(user, session) is Standing.NO_ADMIN

"""Signing keys and the secret: one key signs, a successor is ready, and every sealed value can be opened."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from service.doctor.finding import Finding, counted, ok, problem, warning
from service.domain.operations.models import Sealed
from service.domain.seals import Purpose, Seals
from service.domain.signing.key_states import KeyState, in_state, is_standby
from service.domain.signing.models import StoredKey
from service.operator_errors import DamagedDataError
from service.settings import KeySettings

OVERDUE = timedelta(hours=1)  # instances check once a minute
OLD = timedelta(days=365)


def judge(keys: Sequence[StoredKey], settings: KeySettings, longest: timedelta, now: datetime) -> list[Finding]:
    if not keys:
        return [warning("keys.active", "there are none yet", "the first start makes them")]
    active = in_state(keys, KeyState.ACTIVE, now, longest)
    if not active:
        return [problem("keys.active", "no key signs", "start an instance, or run `tokenhouse keys rotate --now`")]
    findings = [_active(active[0], settings, now)]
    if any(is_standby(key, now, longest) for key in keys):
        return [*findings, ok("keys.next", "published, ready to follow")]
    return [*findings, warning("keys.next", "no key is ready to follow", "an instance makes one within a minute")]


def judge_seals(keys: Sequence[StoredKey], api_keys: Sequence[Sealed], seals: Seals, previous: int) -> list[Finding]:
    """`api_keys`: all of them, or a sample. `previous`: how many earlier secrets are set."""
    sealed = [
        *((Purpose.SIGNING_KEY_SEAL, key.sealed_private_jwk, key.kid) for key in keys),
        *((Purpose.API_KEY_SEAL, one.sealed, str(one.user_id)) for one in api_keys),
    ]
    looked_at = f"{counted(len(keys), 'signing key')} and {counted(len(api_keys), 'API key')} looked at"
    return [_opened(sealed, seals, looked_at), _leftover(sealed, seals, previous, looked_at)]


def _active(key: StoredKey, settings: KeySettings, now: datetime) -> Finding:
    age = now - (key.activates_at or key.created_at)
    said = f"{key.algorithm}, signs for {counted(age.days, 'day')}"
    if settings.rotate_after and age > settings.rotate_after + settings.publish_ahead + OVERDUE:
        return warning(
            "keys.active",
            f"{said}, longer than keys.rotate_after ({counted(settings.rotate_after.days, 'day')})",
            "does an instance run? It rotates by itself; `tokenhouse keys rotate` does so by hand",
        )
    if not settings.rotate_after and age > OLD:
        return warning("keys.active", said, "set keys.rotate_after: 90d, or run `tokenhouse keys rotate`")
    return ok("keys.active", said)


def _opened(sealed: Iterable[tuple[Purpose, bytes, str]], seals: Seals, looked_at: str) -> Finding:
    closed = 0
    for purpose, data, name in sealed:
        try:
            seals.open(purpose, data, name)
        except DamagedDataError:
            closed += 1
    if closed:
        return problem(
            "secret",
            f"{counted(closed, 'sealed value')} in the database cannot be opened ({looked_at})",
            "set the secret they were made with, as TOKENHOUSE_SECRET_KEY or in TOKENHOUSE_SECRET_KEYS_PREVIOUS",
        )
    return ok("secret", f"opens what is sealed ({looked_at})")


def _leftover(sealed: Iterable[tuple[Purpose, bytes, str]], seals: Seals, previous: int, looked_at: str) -> Finding:
    older = sum(seals.knows(purpose, data) and not seals.is_current(purpose, data) for purpose, data, _ in sealed)
    if older:
        return warning(
            "secret.previous",
            f"{counted(older, 'value')} sealed with an earlier secret ({looked_at})",
            "run `tokenhouse secrets rotate`",
        )
    if previous:
        return warning(
            "secret.previous",
            f"{counted(previous, 'earlier secret')} still set, and nothing looked at needs one",
            "run `tokenhouse secrets rotate` until it finds nothing, then remove them (docs/keys.md)",
        )
    return ok("secret.previous", "none is set, none is needed")

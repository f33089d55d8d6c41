"""The result of one check: its level, the state found, and the advice."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from service.operator_errors import ConfigurationError

NOTABLE = timedelta(seconds=1)  # token times are checked with `tokens.leeway`, 5 s by default
GRAVE = timedelta(seconds=5)


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    check: str
    level: Level
    said: str
    advice: str = ""


def ok(check: str, said: str) -> Finding:
    return Finding(check, Level.OK, said)


def warning(check: str, said: str, advice: str) -> Finding:
    return Finding(check, Level.WARNING, said, advice)


def problem(check: str, said: str, advice: str) -> Finding:
    return Finding(check, Level.PROBLEM, said, advice)


def require(findings: Iterable[Finding]) -> None:
    """Raises ConfigurationError for the first problem."""
    for one in findings:
        if one.level is Level.PROBLEM:
            raise ConfigurationError(f"{one.check}: {one.said}; {one.advice}")


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def of_clock(check: str, ahead: timedelta) -> Finding:
    """`ahead`: by how much the store's clock is ahead of ours, negative when it is behind."""
    seconds = ahead.total_seconds()
    if abs(ahead) <= NOTABLE:
        return ok(check, f"within {NOTABLE.total_seconds():.0f} s of ours")
    said = f"{abs(seconds):.1f} s {'ahead of' if seconds > 0 else 'behind'} ours"
    advice = "let NTP set the clocks of both machines (chrony, systemd-timesyncd)"
    return problem(check, said, advice) if abs(ahead) > GRAVE else warning(check, said, advice)


def silent(store: str, setting: str, error: Exception) -> Finding:
    """A store that did not respond. The error's text may quote an address or a user, so only its type is shown."""
    return problem(store, f"does not answer ({type(error).__name__})", f"is it up, and is {setting} right?")

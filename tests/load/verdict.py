"""Whether a load test passed."""

from typing import Any, NamedTuple

LOGIN_ROWS = ("login", "storm login")
ME_ROWS = ("me",)


class Thresholds(NamedTuple):
    """Times in milliseconds, of those let in; errors as a share of all requests."""

    login_p95: float = 3000
    login_p99: float = 4000
    me_p95: float = 100
    me_p99: float = 250
    max_errors: float = 0.001


def faults(stats: Any, wanted: Thresholds) -> list[str]:
    """What was missed, in words. `stats` are Locust's RequestStats."""
    if not stats.total.num_requests:
        return ["nothing was asked"]
    found: list[str] = []
    if (share := stats.total.num_failures / stats.total.num_requests) > wanted.max_errors:
        found.append(f"{share:.2%} of the answers were errors, {wanted.max_errors:.2%} are allowed")
    limits = {
        LOGIN_ROWS: ((0.95, wanted.login_p95), (0.99, wanted.login_p99)),
        ME_ROWS: ((0.95, wanted.me_p95), (0.99, wanted.me_p99)),
    }
    rows = {name: entry for (name, _), entry in stats.entries.items()}
    for names, bounds in limits.items():
        for name in names:
            found += _late(name, rows[name], bounds) if name in rows else _nobody(name, rows)
    return found


def _late(name: str, entry: Any, bounds: tuple[tuple[float, float], ...]) -> list[str]:
    times = [(share, entry.get_response_time_percentile(share), most) for share, most in bounds]
    return [
        f"{name}: p{share * 100:.0f} {time:.0f} ms, {most:.0f} allowed" for share, time, most in times if time > most
    ]


def _nobody(name: str, rows: dict[str, Any]) -> list[str]:
    """A call that was refused every time has no row of its own to judge."""
    return [f"{name}: never let in"] if any(row.startswith(f"{name} ") for row in rows) else []

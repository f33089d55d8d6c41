"""From what one of each costs to what a site of many users needs. Arithmetic alone; the same figures give the same table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil

DAY = 86_400.0
SLOTS = 16_384  # of a Redis Cluster
GIGABYTE = 1e9
SIZES = (1_000_000, 10_000_000, 100_000_000)


@dataclass(frozen=True, slots=True)
class Site:
    """How people use it, per day and active user; and what the machines may be asked for. All assumptions."""

    users: float = SIZES[0]
    monthly: float = 0.5  # share of the users that comes within 30 days
    daily: float = 0.2  # ... and within a day
    devices: float = 1.5  # sessions, and places to log in from, of a user of the month
    logins: float = 0.3
    logouts: float = 0.1
    refreshes: float = 8.0
    me: float = 10.0
    verify: float = 100.0
    peak: float = 3.0  # the busiest hour to the mean
    denied: float = 3725.0  # seconds that an ended session stays on the denylist
    remembered: float = 30.0  # days, in Postgres
    audit: float = 90.0  # days
    cores: float = 4.0  # of an instance
    busy: float = 0.6  # share of a core that may be used at the peak
    shard: float = 12.0  # GB of Redis data on one primary, of a machine with 16
    pool: float = 10.0  # connections to Postgres of an instance


@dataclass(frozen=True, slots=True)
class Costs:
    """As the page shows them: bytes of what is kept, and by call what it spends."""

    bytes: Mapping[str, float]  # by symbol
    calls: Mapping[str, Mapping[str, float]]  # by call, then by column


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    formula: str
    value: float
    unit: str = ""


CALLS = {
    "login": "logins",
    "logout": "logouts",
    "refresh": "refreshes",
    "me": "me",
    "verify": "verify",
}  # and their field


def lines(site: Site, costs: Costs) -> list[Line]:
    active = site.users * site.daily
    daily = {call: active * float(getattr(site, name)) for call, name in CALLS.items()}
    peak = {call: number / DAY * site.peak for call, number in daily.items()}

    def at_peak(column: str) -> float:
        return sum(peak[call] * costs.calls[call][column] for call in peak)

    weight = costs.bytes
    sessions = known = site.users * site.monthly * site.devices
    denied = peak["logout"] * site.denied
    in_login_slot = known * weight["K"]
    memory = sessions * weight["S"] + in_login_slot + denied * weight["D3"]
    redis_cores = at_peak("redis") / 1000
    shards = max(ceil(memory / (site.shard * GIGABYTE)), ceil(redis_cores / site.busy), 1)
    keys = 2 * sessions + known + 3 * denied
    audited = (daily["login"] + daily["logout"]) * site.audit
    postgres = site.users * weight["U"] + daily["logout"] * site.remembered * weight["V"] + audited * weight["E"]
    wal = sum(number * costs.calls[call]["wal"] for call, number in daily.items())
    cores = at_peak("service") / 1000
    for_logins = peak["login"] * costs.calls["login"]["service"] / 1000
    instances = max(ceil(cores / (site.cores * site.busy)), 2)
    return [
        *(
            Line(f"{call}/s at the peak", f"users·daily·{CALLS[call]} / 86400 · peak", rate)
            for call, rate in peak.items()
        ),
        Line("cores for the service", "Σ rate·service / 1000", cores),
        Line("... of these for logins", "login/s · login.service / 1000", for_logins),
        Line("instances", "cores / (cores·busy), at least 2", instances),
        Line("connections to Postgres, without PgBouncer", "instances · pool", instances * site.pool),
        Line("live sessions", "users·monthly·devices", sessions),
        Line("Redis memory", "sessions·S + sessions·K + logout/s·denied·D3", memory, "B"),
        Line("... of this in the one slot of {login}", "sessions·K", in_login_slot, "B"),
        Line("cores for Redis", "Σ rate·redis / 1000", redis_cores),
        Line("Redis primaries, and as many replicas", "memory / shard or cores / busy, whichever is more", shards),
        Line("keys", "2·sessions + sessions + 3·logout/s·denied", keys),
        Line("keys in a slot, if there is a cluster", "keys / 16384", keys / SLOTS),
        Line("Postgres tables", "users·U + logouts·remembered·V + (logins + logouts)·audit·E", postgres, "B"),
        Line("cores for Postgres", "Σ rate·postgres / 1000", at_peak("postgres") / 1000),
        Line("written ahead (WAL) in a day", "Σ daily·wal", wal, "B"),
        Line("to and from clients at the peak", "Σ rate·client·8", at_peak("client") * 8, "bit/s"),
        Line("to and from Redis at the peak", "Σ rate·redis bytes·8", at_peak("redis bytes") * 8, "bit/s"),
        Line("entries to restore when Redis forgets", "logout/s·denied", denied),
    ]


def table(sites: Sequence[Site], costs: Costs) -> str:
    """One column for each site, beside the formulas."""
    columns = [lines(site, costs) for site in sites]
    head = ["", "formula", *(f"{spoken(site.users)} users" for site in sites)]
    rows = [
        [first.name, f"`{first.formula}`", *(spoken(line.value, line.unit) for line in row)]
        for row in zip(*columns, strict=True)
        for first in row[:1]
    ]
    ruled = ["---", "---", *("---:" for _ in sites)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ruled, *rows))


def spoken(value: float, unit: str = "") -> str:
    """Three digits, and the thousands in a prefix."""
    for size, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{_digits(value / size)} {prefix}{unit}"
    return f"{_digits(value)} {unit}".rstrip()


def _digits(value: float) -> str:
    if value >= 100 or value == int(value):
        return f"{value:.0f}"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"

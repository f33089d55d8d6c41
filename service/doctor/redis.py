"""Redis: a primary that evicts nothing, keeps a log on disk, has free memory, and a user with limited rights."""

from service.doctor.finding import Finding, of_clock, ok, problem, warning
from service.stores.facts import RedisFacts

FULL = 0.9  # of maxmemory
FILLING = 0.75
OLDEST = 6  # the first with ACLs
ENOUGH = 2  # replicas: with one, each failover leaves none


def judge(facts: RedisFacts, where: str = "") -> list[Finding]:
    """`where` identifies one of several primaries."""
    name = f"redis[{where}]" if where else "redis"
    return [
        _server(facts, name),
        *judge_preconditions(facts, where),
        _policy(facts, f"{name}.policy"),
        _memory(facts, f"{name}.memory"),
        _log(facts, f"{name}.persistence"),
        _disk(facts, f"{name}.disk"),
        _user(facts, f"{name}.user"),
        *([_replicas(facts, f"{name}.replicas")] if facts.is_watched else []),
        of_clock(f"{name}.clock", facts.ahead),
    ]


def judge_preconditions(facts: RedisFacts, where: str = "") -> list[Finding]:
    """A problem among these stops the start: waiting does not solve it."""
    name = f"redis[{where}]" if where else "redis"
    return [_version(facts, f"{name}.version"), _rights(facts, f"{name}.rights")]


def judge_marker(*, is_complete: bool) -> Finding:
    if is_complete:
        return ok("redis.denylist", "complete: it holds every revocation")
    return warning(
        "redis.denylist",
        "incomplete: Redis may have lost revocations",
        "an instance restores them within 3 s of its first request; if one runs and this stays so, see its log",
    )


def _server(facts: RedisFacts, check: str) -> Finding:
    said = f"{facts.version}, {'over TLS' if facts.is_encrypted else 'in the clear'}"
    if not facts.is_primary:
        return problem(
            check, f"{said}, a replica", "name the primary in TOKENHOUSE_REDIS__URL, or use redis+sentinel://"
        )
    if facts.is_loading:
        return problem(check, f"{said}, still reads its data", "wait until it has")
    return ok(check, said)


def _version(facts: RedisFacts, check: str) -> Finding:
    first = facts.version.partition(".")[0]
    if first.isdecimal() and int(first) < OLDEST:
        return problem(check, f"{facts.version} is too old", f"Tokenhouse needs Redis {OLDEST}.0 or newer")
    return ok(check, facts.version)


def _rights(facts: RedisFacts, check: str) -> Finding:
    if not facts.lacking:
        return ok(check, "the service's user may give every command that it needs")
    return problem(
        check,
        f"the service's user may not {', '.join(facts.lacking)}",
        "give it the commands and the keys of deploy/redis/users.acl",
    )


def _replicas(facts: RedisFacts, check: str) -> Finding:
    if not facts.waits_for_replicas:
        return warning(
            check,
            "min-replicas-to-write is 0: a failover may lose logins and logouts that were acknowledged",
            "on every server set min-replicas-to-write 1 and min-replicas-max-lag 10, and run two replicas",
        )
    if facts.replicas < ENOUGH:
        return warning(
            check,
            f"min-replicas-to-write is set, and {facts.replicas} replicas are there: a failover or a replica's"
            " restart refuses all writes until one is back",
            "run two replicas",
        )
    return ok(check, f"{facts.replicas}, and a write needs one of them")


def _policy(facts: RedisFacts, check: str) -> Finding:
    if facts.policy != "noeviction":
        return problem(
            check,
            f"maxmemory-policy is {facts.policy}: a full Redis would forget revocations without a word",
            "set maxmemory-policy noeviction; until then no instance is ready",
        )
    if facts.evicted:
        return problem(
            check,
            f"noeviction, but {facts.evicted} keys were evicted since it started: revocations may be among them",
            "restart Redis: the instances notice, and restore what Postgres remembers",
        )
    return ok(check, "noeviction")


def _memory(facts: RedisFacts, check: str) -> Finding:
    used = facts.memory_used / 1_000_000
    if not facts.memory_allowed:
        return warning(
            check,
            f"{used:.0f} MB used, no limit: the system may kill it when memory runs out",
            "set maxmemory to what the machine can spare (docs/capacity.md)",
        )
    share = facts.memory_used / facts.memory_allowed
    said = f"{used:.0f} of {facts.memory_allowed / 1_000_000:.0f} MB used"
    advice = "raise maxmemory, or add shards (docs/capacity.md): a full Redis refuses logins"
    if share > FULL:
        return problem(check, said, advice)
    return warning(check, said, advice) if share > FILLING else ok(check, said)


def _log(facts: RedisFacts, check: str) -> Finding:
    if not facts.has_log:
        return warning(
            check,
            "no append-only file: a restart logs everybody out (revoked tokens stay revoked)",
            "set appendonly yes",
        )
    if facts.fsync == "no":
        return warning(check, "appendfsync no: a power cut may lose half a minute", "set appendfsync everysec")
    return ok(check, f"append-only file, appendfsync {facts.fsync or 'unknown: this user may not ask'}")


def _disk(facts: RedisFacts, check: str) -> Finding:
    failed = [what for what, good in (("log", facts.log_is_good), ("snapshot", facts.snapshots_are_good)) if not good]
    if failed:
        return problem(
            check,
            f"the last write of its {' and its '.join(failed)} failed: Redis may refuse all writes",
            "look for a full disk or missing rights in its directory, and at its own log",
        )
    return ok(check, "the last writes succeeded")


def _user(facts: RedisFacts, check: str) -> Finding:
    if facts.powers:
        return warning(
            check,
            f"the service's user may {', '.join(sorted(facts.powers))}",
            "give it a user of its own: deploy/redis/users.acl",
        )
    return ok(check, "may not flush or reconfigure")

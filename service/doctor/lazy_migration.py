"""Lazy migration: whether the old system can be connected to. It is asked nothing."""

from service.doctor.finding import Finding, ok, problem

CHECK = "old system"


def judge(why: str) -> Finding:
    """`why` it cannot be connected to; empty if it can."""
    if not why:
        return ok(CHECK, "the old system can be connected to")
    return problem(CHECK, f"nobody moves in: {why}", "see lazy_migration.url, and whether the old system is up")

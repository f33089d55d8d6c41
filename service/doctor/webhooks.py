"""Webhooks: whether each endpoint can be reached, and gets what it is to get."""

from service.doctor.finding import Finding, ok, problem, warning
from service.domain.webhooks.models import EndpointState

CHECK = "webhooks"
OLD = 900.0  # seconds


def judge_absence() -> Finding:
    return ok(CHECK, "no endpoint")


def judge_address(name: str, why: str) -> Finding:
    """`why`: why its host cannot be connected to; empty if it can."""
    check = f"{CHECK}.{name}"
    if not why:
        return ok(check, "its host is found")
    return problem(check, f"gets nothing: {why}", "see its url, and webhooks.private, in the settings")


def judge_state(state: EndpointState) -> Finding:
    check, seconds = f"{CHECK}.{state.endpoint}.deliveries", state.oldest.total_seconds()
    if state.failed:
        said = f"{state.failed} given up in the last two weeks; the latest reply: {state.last_reply or 'none'}"
        return warning(check, said, f"mend the endpoint, then: tokenhouse webhooks retry --failed {state.endpoint}")
    if seconds > OLD:
        said = f"{state.waiting} wait; the oldest event has for {seconds / 60:.0f} min"
        return warning(check, said, f"see the replies: tokenhouse webhooks list --endpoint {state.endpoint}")
    return ok(check, f"{state.waiting} wait")

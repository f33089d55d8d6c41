# mypy: disable-error-code="misc,untyped-decorator"
# (Where the checks run there is no Locust, so what derives from it has no types; it has an environment of its own.)
"""Load tests for users of the service: `python -m locust -f tests/load/locustfile.py`. See docs/load-testing.md.

Every run is bounded, in the web interface too: so many users (CLIENTS), so long (DURATION), one SCENARIO or all.
"""

import logging
from argparse import Namespace
from typing import Any

from locust import LoadTestShape, User, events  # type: ignore[import-not-found,unused-ignore] # see above
from locust.env import Environment  # type: ignore[import-not-found,unused-ignore] # see above

from tests.load.accounts import NoGuestsError, invite
from tests.load.durations import seconds
from tests.load.people import OneAccount, Person, Spray, Steady, Storm
from tests.load.verdict import Thresholds, faults

__all__ = ["OneAccount", "Schedule", "Spray", "Steady", "Storm"]  # what Locust looks for

DEFAULT_HOST = "http://127.0.0.1:8080"
SCENARIOS: dict[str, tuple[int, int, tuple[type[Person], ...]]] = {  # users unless told, in so many seconds; who
    "steady": (20, 10, (Steady,)),
    "mixed": (60, 3, (Steady, Storm)),
    "storm": (64, 3, (Storm,)),
    "one-account": (20, 3, (OneAccount,)),
    "spray": (10, 3, (Spray,)),  # last: a source that has sprayed is refused for minutes
}
MOST_CLIENTS, MOST_SECONDS, MOST_ACCOUNTS = 1000, 3600, 1000
CHANGE = 3.0  # seconds between two scenarios
CANNOT_START = 2
log = logging.getLogger(__name__)


class Schedule(LoadTestShape):
    """The scenario, or one after the other, then the end."""

    def tick(self) -> tuple[int, float, list[type[User]] | None] | None:
        asked = self.runner.environment.parsed_options if self.runner else None
        if asked is None:
            return None
        names = list(SCENARIOS) if asked.scenario == "all" else [asked.scenario]
        stage, second = divmod(self._ran(), min(max(asked.duration, 2 * CHANGE), MOST_SECONDS))
        if stage >= len(names):
            return None
        usual, ramp, people = SCENARIOS[names[int(stage)]]
        if stage and second < CHANGE:  # Locust adds people to those who are there: first everybody leaves
            return 0, 100, None
        clients = min(asked.clients or usual, MOST_CLIENTS)
        return clients, max(1.0, clients / ramp), list(people)

    def _ran(self) -> float:
        seconds: float = self.get_run_time()  # type: ignore[no-untyped-call,unused-ignore] # Locust gives it no types
        return seconds


@events.init_command_line_parser.add_listener
def _options(parser: Any) -> None:
    group = parser.add_argument_group("Tokenhouse")
    group.add_argument("--scenario", env_var="SCENARIO", choices=[*SCENARIOS, "all"], default="steady")
    group.add_argument(
        "--clients", env_var="CLIENTS", type=int, default=0, help="simulated users; 0: the scenario's own"
    )
    group.add_argument("--duration", env_var="DURATION", type=seconds, default=60, help="of a scenario: 20s, 5m, 1h")
    group.add_argument("--accounts", env_var="ACCOUNTS", type=int, default=10, help="accounts to sign up at the start")
    for name, value in Thresholds._field_defaults.items():
        group.add_argument(f"--{name.replace('_', '-')}", env_var=name.upper(), type=float, default=value)


@events.init.add_listener
def _host(environment: Environment, **_: object) -> None:
    environment.host = environment.host or DEFAULT_HOST


@events.test_start.add_listener
def _start(environment: Environment, **_: object) -> None:
    asked = environment.parsed_options
    assert asked is not None
    try:
        Person.guests[:] = invite(environment.host or DEFAULT_HOST, max(1, min(asked.accounts, MOST_ACCOUNTS)))
    except NoGuestsError as error:
        log.error("%s", error)
        environment.process_exit_code = CANNOT_START
        if environment.runner:
            environment.runner.quit()
        return
    if environment.shape_class is not None:
        environment.shape_class.reset_time()  # type: ignore[no-untyped-call,unused-ignore] # the sign-ups do not count


@events.quitting.add_listener
def _judge(environment: Environment, **_: object) -> None:
    if environment.process_exit_code == CANNOT_START:
        return
    asked: Namespace | None = environment.parsed_options
    found = faults(environment.stats, Thresholds(**{name: getattr(asked, name) for name in Thresholds._fields}))
    for fault in found:
        log.error("threshold missed: %s", fault)
    environment.process_exit_code = 1 if found else 0

"""Which event loop a command runs on."""

import sys

import pytest

from service.commands import event_loop
from service.operator_errors import ConfigurationError
from service.settings import EventLoop


async def running() -> str:
    return event_loop.name()


@pytest.mark.parametrize(("asked", "name"), [("auto", "uvloop"), ("uvloop", "uvloop"), ("asyncio", "asyncio")])
def test_a_command_runs_on_the_loop_that_the_settings_name(asked: EventLoop, name: str) -> None:
    pytest.importorskip("uvloop")
    with event_loop.runner(asked) as loop:
        assert loop.run(running()) == name


def test_without_uvloop_asyncio_s_own_loop_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    with event_loop.runner("auto") as loop:
        assert loop.run(running()) == "asyncio"


def test_a_loop_that_is_asked_for_by_name_is_not_replaced_by_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    with pytest.raises(ConfigurationError, match=r"server\.event_loop"):
        event_loop.runner("uvloop")

"""How user agents are packed: what is stored today must be readable for as long as a session lives."""

import pytest

from service.stores import user_agents

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
)
SAFARI = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15"
STORED = bytes.fromhex("a39d1b0ca16e40b11c00")  # CHROME, as it was packed first


@pytest.mark.parametrize("agent", [CHROME, SAFARI, "python-requests/2.32.3", "MyApp/3.2.1 (build:42; iOS 18.1.0)"])
def test_usual_agents_come_back_whole_and_are_short_when_packed(agent: str) -> None:
    assert user_agents.unpack(user_agents.pack(agent)) == agent
    assert len(user_agents.pack(agent)) < 40


def test_what_was_packed_before_is_still_understood() -> None:
    """The words are part of what is stored: who changes them changes the names of the fields as well."""
    assert user_agents.unpack(STORED) == CHROME


@pytest.mark.parametrize("damaged", [b"Mozilla/5.0", b"\xff" * 40])
def test_what_is_damaged_is_empty(damaged: bytes) -> None:
    assert user_agents.unpack(damaged) == ""

"""What commands print."""

import json

import pytest

from service.commands.frame import complain, say

HOSTILE = "a\x1b[31mb\x9b32mc\u202ed\ue001\U000e0001\ud800"


def test_what_others_wrote_commands_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    say(HOSTILE)
    complain(HOSTILE)
    printed = capsys.readouterr()
    shown = r"a\u001b[31mb\u009b32mc\u202ed\ue001\udb40\udc01\ud800"
    assert (printed.out, printed.err) == (f"{shown}\n", f"tokenhouse: {shown}\n")


def test_lines_tabs_and_letters_of_every_script_stay_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    say("Zoë 李\n\tनमस्ते\n")
    assert capsys.readouterr().out == "Zoë 李\n\tनमस्ते\n\n"


def test_json_stays_the_json_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    say(json.dumps({"plan": HOSTILE}, ensure_ascii=False))
    assert json.loads(capsys.readouterr().out) == {"plan": HOSTILE}

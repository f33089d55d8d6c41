"""What the `tokenhouse` command makes of what is typed."""

import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import shtab

from service.__main__ import command_line, main
from tests.support.builders import SECRET

CONFIG = Path("/etc/tokenhouse.yaml")


@pytest.mark.parametrize("words", ["--version", "serve --version", "keys list --version"])
def test_the_version_is_told_anywhere(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(words.split())
    assert end.value.code == 0
    assert capsys.readouterr().out == f"tokenhouse {version('tokenhouse')}\n"


def test_the_bare_command_shows_help(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert main([]) == 0
    said = capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["tokenhouse"])
    assert main() == 0
    assert capsys.readouterr().out == said
    for command in ("serve", "dev", "keys", "users", "completion"):
        assert re.search(rf"^ +{command} +\S", said, re.MULTILINE), command


def test_a_wrong_call_shows_what_could_have_been_typed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["keys"])
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert re.search(r"^ +rotate +let the next key sign", said, re.MULTILINE)
    assert said.splitlines()[-1].startswith("tokenhouse keys: ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--since 9999999999999d", "at most 36500d"),
        (f"--since {'9' * 400}d", "at most 36500d"),
        ("--limit 0", "from 1 to 100000"),
        ("--limit=-1", "from 1 to 100000"),
        ("--limit 100001", "from 1 to 100000"),
        (f"--limit {'9' * 5000}", "from 1 to 100000"),
        ("--limit many", "from 1 to 100000"),
    ],
)
def test_a_span_or_limit_out_of_bounds_is_a_wrong_call(
    words: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["audit", *words.split()])
    assert end.value.code == 2
    assert said in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    "words",
    [
        "--config {} serve",
        "serve --config {}",
        "keys --config {} list",
        "keys list --config {}",
        "dev keys list --config {}",
    ],
)
def test_an_option_of_the_whole_command_is_taken_before_and_after_a_subcommand(words: str) -> None:
    assert command_line().parse_args(words.format(CONFIG).split()).config == CONFIG
    assert command_line().parse_args(words.replace("--config {}", "").split()).config is None


@pytest.mark.parametrize("shell", shtab.SUPPORTED_SHELLS)
def test_a_shell_is_given_its_completions(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    for word in ("doctor", "rotate", "disable"):
        assert word in script


def test_bash_completes_by_the_script(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    main(["completion", "bash"])
    script = tmp_path / "completion"
    script.write_text(capsys.readouterr().out)
    asks = f"source {script}; COMP_WORDS=(tokenhouse keys r) COMP_CWORD=2; _shtab_tokenhouse; echo ${{COMPREPLY[*]}}"
    done = subprocess.run(["bash", "-c", asks], capture_output=True, text=True, check=False)
    assert sorted(done.stdout.split()) == ["retire", "rotate"], done.stderr


@pytest.mark.parametrize("words", ["users disable a@example.com", "keys list", "sessions end --user a@example.com"])
def test_a_store_that_does_not_answer_is_named_and_the_command_is_to_be_run_again(
    words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TOKENHOUSE_DATABASE__URL", "postgresql://nobody@127.0.0.1:1/none")
    monkeypatch.setenv("TOKENHOUSE_REDIS__URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("TOKENHOUSE_SECRET_KEY", SECRET)
    assert main(words.split()) == 1
    said = capsys.readouterr().err
    assert said.startswith("tokenhouse: Postgres does not answer (")
    assert said.endswith("; run this again when it does\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("staff", "write +GROUP or -GROUP"),
        ("+", "write +GROUP or -GROUP"),
        ("+a/b", "write +GROUP or -GROUP"),
        (f"+{'x' * 65}", "write +GROUP or -GROUP"),
        ("--config x", "write +GROUP or -GROUP"),
        ("+a -b -a", "a is both added and removed"),
    ],
)
def test_a_group_that_cannot_be_is_a_wrong_call(words: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["users", "groups", "ada@example.com", *words.split()])
    assert end.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("words", ["-staff +admins", "+admins -staff -h -config", "-v", ""])
def test_the_changes_of_groups_are_taken_as_they_are(words: str) -> None:
    asked = command_line().parse_args(["users", "groups", "ada@example.com", *words.split()])
    assert (asked.email, asked.changes) == ("ada@example.com", words.split())

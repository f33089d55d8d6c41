"""What the pages tell an operator to type leaves no secret for others to read."""

import re
import shutil
import subprocess
import textwrap
from pathlib import Path

import pytest

from tests.conftest import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
INDENTED = re.compile(r"(?:^ {4}\S.*\n)+", re.MULTILINE)
SECRET_FILE = re.compile(r"(?:> ?|--file=)(\S*(?:vault\.tar|\.dump|secrets/\w+))")
SAYS_SOMETHING = "#!/bin/sh\necho a secret\n"
WRITES_ITS_FILE = '#!/bin/sh\nfor word; do case $word in --file=*) echo a secret > "${word#--file=}";; esac; done\n'


def blocks(page: Path) -> list[str]:
    """Blocks of commands: between fences, and outside of them those that are indented by four blanks."""
    parts = re.split(r"^ *```.*\n", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return [*parts[1::2], *(textwrap.dedent(one) for prose in parts[::2] for one in INDENTED.findall(prose))]


def recipes() -> list[str]:
    """Those that write a backup or a secret into a file."""
    return [block for page in PAGES for block in blocks(page) if SECRET_FILE.search(block)]


def test_there_are_recipes_to_look_at() -> None:
    written = {name for block in recipes() for name in SECRET_FILE.findall(block)}
    assert {"vault.tar", "tokenhouse.dump", "secrets/tokenhouse_secret_key"} <= written


@pytest.mark.parametrize("block", recipes(), ids=lambda block: SECRET_FILE.findall(block)[0].replace("/", "-"))
def test_a_recipe_writes_secrets_for_their_owner_alone(block: str, tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, text in {"docker": SAYS_SOMETHING, "pg_dump": WRITES_ITS_FILE}.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    here = tmp_path / "here"
    shutil.copytree(ROOT / "deploy", here / "deploy")
    script = f'umask 022\nPATH="{programs}:$PATH"\nset -e\n{block}\npwd'
    done = subprocess.run(["sh", "-c", script], cwd=here, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    place = Path(done.stdout.splitlines()[-1])
    for name in SECRET_FILE.findall(block):
        assert (place / name).stat().st_mode & 0o077 == 0, name

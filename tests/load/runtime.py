"""A virtual environment with what production needs and no more: `requirements.lock` without its extras.

Start and memory are measured in it: some libraries import others that are merely installed, so the environment of the
tests starts later and is larger.
"""

import hashlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLACE = ROOT / ".venv-runtime"
STAMP = PLACE / ".installed"
LOCKED = re.compile(r"^([\w.-]+)(?:\[[^]]*])?(==[^\\\n]+)", re.MULTILINE)  # pip takes neither extras nor hashes here
PATIENCE = 300  # seconds


def python() -> Path | None:
    """Its interpreter. It is made once and again for each change of the lock; None where that fails, as without a network."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    state = hashlib.sha256(f"{sys.version}{lock}".encode()).hexdigest()
    interpreter = PLACE / "bin" / "python"
    if STAMP.exists() and STAMP.read_text(encoding="ascii") == state:
        return interpreter
    print(f"Making {PLACE.name}: what production installs, to measure start and memory", flush=True)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    versions = PLACE / "versions.txt"
    try:
        subprocess.run([sys.executable, "-m", "venv", "--clear", PLACE], check=True, timeout=PATIENCE)
        versions.write_text("\n".join(map("".join, LOCKED.findall(lock))), encoding="utf-8")
        install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"]
        subprocess.run(
            [interpreter, *install, "--constraint", versions, *project["dependencies"]], check=True, timeout=PATIENCE
        )
    except (OSError, subprocess.SubprocessError) as error:
        print(
            f"{PLACE.name} cannot be made ({type(error).__name__}): measuring in the environment of the tests instead"
        )
        return None
    STAMP.write_text(state, encoding="ascii")
    return interpreter

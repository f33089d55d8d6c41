# ruff: noqa: INP001 - a script of its own, in no package
"""`make release`: whether this checkout can be released; builds both distributions and names the tag."""

import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROJECTS = (ROOT / "pyproject.toml", ROOT / "service" / "client" / "pyproject.toml")
HEADING = re.compile(r"^## (\d+\.\d+\.\d+) - \d{4}-\d{2}-\d{2}$", re.MULTILINE)


def main() -> int:
    versions = {tomllib.loads(file.read_text(encoding="utf-8"))["project"]["version"] for file in PROJECTS}
    changelog = HEADING.search((ROOT / "docs" / "changelog.md").read_text(encoding="utf-8"))
    if len(versions) != 1 or changelog is None or changelog[1] not in versions:
        newest = changelog[1] if changelog else "no version"
        return fail(f"the projects say {', '.join(sorted(versions))}, docs/changelog.md says {newest} first")
    (version,) = versions
    if output("git", "status", "--porcelain"):
        return fail("the working tree has changes that are not committed")
    if output("git", "tag", "--list", f"v{version}"):
        return fail(f"the tag v{version} exists: set the next version in both pyproject.toml and docs/changelog.md")
    run("bash", str(ROOT / ".ci" / "run"))
    shutil.rmtree(ROOT / "dist", ignore_errors=True)
    for project in PROJECTS:
        run(
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--no-deps",
            "--no-build-isolation",
            "--wheel-dir",
            "dist",
            str(project.parent),
        )
    [wheel] = (ROOT / "dist").glob(f"tokenhouse-{version}-*.whl")  # of this platform, where there is a C compiler
    installed = version_of_the_wheel(wheel)
    if installed != f"tokenhouse {version}":
        return fail(f"the wheel calls itself {installed!r}")
    tag = f"git tag -a v{version} -m {version} && git push origin v{version}"
    say(f"dist/ holds both distributions of {version}. Now: {tag}")
    return 0


def version_of_the_wheel(wheel: Path) -> str:
    """As the installed command says it, in an environment of its own."""
    with tempfile.TemporaryDirectory() as directory:
        venv.create(directory, with_pip=True)
        python = Path(directory) / "bin" / "python"
        lock = ROOT / "requirements.lock"
        run(str(python), "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(lock))
        run(str(python), "-m", "pip", "install", "--quiet", "--no-deps", str(wheel))
        return output(str(python.parent / "tokenhouse"), "--version", cwd=directory)


def run(*command: str) -> None:
    subprocess.run(command, cwd=ROOT, check=True)  # noqa: S603 - our own words


def output(*command: str, cwd: str | Path = ROOT) -> str:
    done = subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True)  # noqa: S603 - as above
    return done.stdout.strip()


def say(text: str) -> None:
    print(text)  # noqa: T201 - it is a program


def fail(why: str) -> int:
    say(f"release: {why}")
    return 1


if __name__ == "__main__":
    sys.exit(main())

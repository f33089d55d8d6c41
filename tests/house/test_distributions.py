"""What is installed: the service, the verifier that stands alone, and nothing of somebody else's by mistake."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from email.parser import Parser
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support.wheels import build_wheel

CLIENT = ROOT / "service" / "client"
NODE = CLIENT / "node"
DOCUMENTS = [
    *ROOT.glob("*.md"),
    *(ROOT / "docs").rglob("*.md"),
    *(ROOT / "service").rglob("*.md"),
    *(path for path in (ROOT / "service").rglob("*.py")),
    *(path for path in (ROOT / "deploy").rglob("*") if path.is_file()),
    ROOT / "Makefile",
    ROOT / "Dockerfile",
    ROOT / "config.yaml",
    ROOT / "pyproject.toml",
]
OF_OTHERS = {
    "pyjwt[crypto]",
    "jose",
    "uv",
    "standardwebhooks",
}  # what documents and commands install from a registry on purpose
INSTALLS = re.compile(r"\b(?:pip|npm|uv pip) install ([^\n`;<&|)]+)")
WITH_A_VALUE = {"-r", "-c", "--requirement", "--constraint", "--python"}


def installed_by(text: str) -> set[str]:
    """What each install command of a text names, apart from options, files and directories."""
    found = set()
    for line in INSTALLS.findall(text):
        words = [word.strip("'\"\\").rstrip(".,") for word in line.split("#")[0].split()]
        after_option = {words[place + 1] for place, word in enumerate(words[:-1]) if word in WITH_A_VALUE}
        found |= {
            word for word in words if word and not word.startswith(("-", ".", "/", "$")) and word not in after_option
        }
    return found


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("pip install 'tokenhouse[otel]'\n", {"tokenhouse[otel]"}),
        ("pip install ./service/client", set()),
        ("npm install jose`, in", {"jose"}),
        ("pip install --quiet -r a.lock uv", {"uv"}),
        ("pip install '.[otel]'", set()),
    ],
)
def test_what_a_command_installs_is_found(text: str, names: set[str]) -> None:
    assert installed_by(text) == names


def test_no_document_installs_from_a_registry_what_is_not_there_or_not_ours() -> None:
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        assert installed_by(text) <= OF_OTHERS, document
        assert not re.search(r"\btokenhouse\[\w+\]", text), (
            f"{document}: an extra is installed from the checkout: .[name]"
        )


def test_the_page_installs_the_verifier_before_it_imports_it_and_running_does_not() -> None:
    shells = re.findall(
        r"^```sh\n(.*?)^```", (ROOT / "docs" / "verifying.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    [block] = [text for text in shells if "from tokenhouse_verify import" in text]
    assert block.startswith(".venv/bin/python -m pip install ./service/client\n")
    [recipe] = re.findall(r"^\$\(RUN_STAMP\):.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert "service/client" not in recipe


def test_the_verifier_needs_two_packages_and_nothing_of_the_service() -> None:
    known = {*sys.stdlib_module_names, "aiohttp", "joserfc", "tokenhouse_verify"}
    for file in (CLIENT / "tokenhouse_verify").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert {name.partition(".")[0] for name in names} <= known, file


def test_the_wheel_of_the_verifier_is_typed_and_holds_nothing_else(tmp_path: Path) -> None:
    with build_wheel(CLIENT, tmp_path) as wheel:
        modules = {file.name for file in (CLIENT / "tokenhouse_verify").iterdir() if file.is_file()}
        named = {name for name in wheel.namelist() if ".dist-info/" not in name}
        assert named == {f"tokenhouse_verify/{name}" for name in modules}
        assert "py.typed" in modules
        [metadata] = [name for name in wheel.namelist() if name.endswith("/METADATA")]
        said = Parser().parsestr(wheel.read(metadata).decode())
    needs = {re.split(r"[<>=!~ ]", line, maxsplit=1)[0] for line in said.get_all("Requires-Dist", [])}
    assert (said["Name"], needs) == ("tokenhouse-verify", {"aiohttp", "joserfc"})


def test_the_wheel_of_the_verifier_works_without_the_service(tmp_path: Path) -> None:
    with build_wheel(CLIENT, tmp_path) as wheel:
        wheel.extractall(tmp_path / "alone")
    program = """
import importlib.util, sys
sys.path[:] = [path for path in sys.path if path != sys.argv[2]]
sys.meta_path[:] = [one for one in sys.meta_path if "__editable__" not in str(one)]
sys.path.insert(0, sys.argv[1])
import tokenhouse_verify
from tokenhouse_verify.testing import FakeVerifier
verifier = FakeVerifier()
assert tokenhouse_verify.__file__.startswith(sys.argv[1])
assert not [name for name in sys.modules if name.partition(".")[0] in ("service", "tests")]
print(verifier.verify(verifier.token("ada")).user_id)
"""
    call = [sys.executable, "-I", "-c", program, str(tmp_path / "alone"), str(ROOT)]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("ada\n", "")


def test_the_wheel_of_the_service_leaves_the_verifier_out(tmp_path: Path) -> None:
    with build_wheel(ROOT, tmp_path) as wheel:
        names = wheel.namelist()
    assert "service/app.py" in names
    assert not [name for name in names if name.startswith("service/client") or "tokenhouse_verify" in name]


def test_the_verifier_for_node_needs_one_package_and_cannot_be_published_by_mistake() -> None:
    package = json.loads((NODE / "package.json").read_text(encoding="utf-8"))
    assert list(package["dependencies"]) == ["jose"]
    assert not package.keys() & {"devDependencies", "peerDependencies", "optionalDependencies"}
    assert package["private"] is True
    lock = json.loads((NODE / "package-lock.json").read_text(encoding="utf-8"))
    assert sorted(lock["packages"]) == ["", "node_modules/jose"]
    sources = [file for file in NODE.iterdir() if file.suffix in (".mjs", ".ts")]
    imported = {name for file in sources for name in re.findall(r'from "([^"]+)"', file.read_text(encoding="utf-8"))}
    assert {name for name in imported if not name.startswith(("./", "node:"))} == {"jose"}


def test_both_verifiers_are_of_the_same_version() -> None:
    described = tomllib.loads((CLIENT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    package = json.loads((NODE / "package.json").read_text(encoding="utf-8"))
    assert (described["name"], described["version"]) == (package["name"], package["version"])


def test_the_wheel_of_the_service_has_the_texts_of_its_mails_and_pages(tmp_path: Path) -> None:
    with build_wheel(ROOT, tmp_path) as wheel:
        names = wheel.namelist()
    rooms = ("mail/templates", "pages/templates", "pages/static")
    ours = [
        ROOT / "service/mail/locale/mails.pot",
        *(file for one in rooms for file in (ROOT / "service" / one).iterdir()),
    ]
    assert len(ours) > 60
    assert {file.relative_to(ROOT).as_posix() for file in ours} <= set(names)

"""Clients that generators make of the OpenAPI document: they compile, and they work."""

import asyncio
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from tests.conftest import ROOT, MakeOnFakes, OnFakes
from tests.support import nodejs

PROGRAMS = ROOT / "tests" / "e2e" / "generated"
PATIENCE = 300.0  # seconds for a compiler on a busy machine
CONFIGURATION = {
    "post_hooks": [],  # it would format what it made
    "package_name_override": "tokenhouse_client",
    "content_type_overrides": {"application/jwt": "text/plain"},
}


async def run(*command: str | Path, at: Path, **environment: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=at,
        env=os.environ | environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, output.decode()
    return output.decode()


async def described(fakes: OnFakes, at: Path) -> None:
    """Leaves the document in a directory."""
    answer = await fakes.client.get("/openapi.json")
    (at / "openapi.json").write_bytes(await answer.read())


async def served(on_fakes: MakeOnFakes) -> str:
    """The base URL of a service that starts now: the marker of one that idled while a compiler worked has lapsed."""
    return f"http://127.0.0.1:{(await on_fakes()).client.port}"


async def test_a_generated_typescript_client_compiles_and_works(
    fakes: OnFakes, on_fakes: MakeOnFakes, tmp_path: Path
) -> None:
    await described(fakes, tmp_path)
    sources = list((PROGRAMS / "typescript").iterdir())
    home = await asyncio.to_thread(nodejs.home, "generated-client", sources)
    for file in sources:
        shutil.copy(file, tmp_path)
    (tmp_path / "node_modules").symlink_to(home / "node_modules")
    tools = home / "node_modules" / ".bin"
    await run(tools / "openapi-typescript", "openapi.json", "-o", "api.d.ts", at=tmp_path)
    await run(tools / "tsc", "--project", "tsconfig.json", at=tmp_path)
    got: dict[str, Any] = json.loads(await run("node", "built/client.js", await served(on_fakes), at=tmp_path))
    assert got == {
        "isSame": True,
        "sessions": [True],
        "hasNewToken": True,
        "wrong": "wrong",
        "blank": "password blank",
        "logout": 200,
        "after": "invalid_token",
    }


async def test_a_generated_python_client_passes_its_type_check_and_works(
    fakes: OnFakes, on_fakes: MakeOnFakes, tmp_path: Path
) -> None:
    await described(fakes, tmp_path)
    (tmp_path / "configuration.json").write_text(json.dumps(CONFIGURATION), encoding="utf-8")
    generate = ["-m", "openapi_python_client", "generate", "--path", "openapi.json", "--config", "configuration.json"]
    package = ["--meta", "none", "--output-path", "tokenhouse_client", "--fail-on-warning"]
    await run(sys.executable, *generate, *package, at=tmp_path)
    shutil.copy(PROGRAMS / "python" / "program.py", tmp_path)
    await run(sys.executable, "-m", "compileall", "-q", "tokenhouse_client", at=tmp_path)
    await run(sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "program.py", at=tmp_path)
    got: dict[str, Any] = json.loads(await run(sys.executable, "program.py", await served(on_fakes), at=tmp_path))
    assert got == {
        "isSame": True,
        "sessions": [True],
        "hasNewToken": True,
        "wrong": "invalid_credentials",
        "blank": ["password blank"],
        "logout": 200,
        "after": "invalid_token",
    }

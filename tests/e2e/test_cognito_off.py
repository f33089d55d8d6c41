"""With the endpoint off nothing of it is in the process, and a start is what it was."""

import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.support.builders import SECRET

LOADED = """
import asyncio, sys
import service.__main__, service.commands.serve
from service.ambient import Ambient
from service.app import make_app
from service.assembly.application import build
from service.settings import load

async def main():
    settings = load()
    application = build(settings, Ambient())
    app = make_app(application, settings.server)
    paths = {route.resource.canonical for route in app.router.routes()}
    print(len([name for name in sys.modules if name.startswith("service.cognito")]), "gmpy2" in sys.modules, "/" in paths)
    await application.close()

asyncio.run(main())
"""


@pytest.mark.parametrize("enabled", ["false", "true"])
def test_nothing_of_the_endpoint_is_loaded_unless_it_is_on(enabled: str) -> None:
    settings = {
        "TOKENHOUSE_COGNITO__ENABLED": enabled,
        "TOKENHOUSE_SECRET_KEY": SECRET,
        "TOKENHOUSE_DATABASE__URL": "postgresql://nobody@127.0.0.1:1/none",
        "TOKENHOUSE_REDIS__URL": "redis://127.0.0.1:1/0",
    }
    ran = subprocess.run(
        [sys.executable, "-c", LOADED], cwd=ROOT, env=settings, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    modules, has_powers, has_root = ran.stdout.split()[-3:]
    is_there = enabled == "true"
    assert (int(modules) > 0, has_root) == (is_there, str(is_there))
    assert has_powers == "False"  # SRP is off in both

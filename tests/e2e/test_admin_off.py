"""With the API for operators' programs off nothing of it is in the process, and no path of it is there."""

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
    loaded = [name for name in sys.modules if name.split(".")[:2] == ["service", "admin"]]
    print(len(loaded), len([path for path in paths if path.startswith("/admin")]))
    await application.close()

asyncio.run(main())
"""


@pytest.mark.parametrize("enabled", ["false", "true", ""])
def test_nothing_of_the_api_is_loaded_or_mounted_unless_it_is_on(enabled: str) -> None:
    settings = {
        "TOKENHOUSE_SECRET_KEY": SECRET,
        "TOKENHOUSE_DATABASE__URL": "postgresql://nobody@127.0.0.1:1/none",
        "TOKENHOUSE_REDIS__URL": "redis://127.0.0.1:1/0",
    }
    if enabled:
        settings["TOKENHOUSE_ADMIN__ENABLED"] = enabled
    ran = subprocess.run(
        [sys.executable, "-c", LOADED], cwd=ROOT, env=settings, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    modules, paths = map(int, ran.stdout.split()[-2:])
    assert (modules > 0, paths > 0) == (enabled == "true",) * 2

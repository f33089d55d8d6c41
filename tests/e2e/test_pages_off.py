"""With pages off nothing of them is in the process; with them on, a start loads no more than it needs."""

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
    print(len([name for name in sys.modules if name.startswith("service.pages")]), "jinja2" in sys.modules, "/sign-in" in paths)
    await application.close()

asyncio.run(main())
"""


@pytest.mark.parametrize("enabled", ["false", "true"])
def test_nothing_of_the_pages_is_loaded_unless_they_are_on(enabled: str) -> None:
    settings = {
        "TOKENHOUSE_PAGES__ENABLED": enabled,
        "TOKENHOUSE_SECRET_KEY": SECRET,
        "TOKENHOUSE_DATABASE__URL": "postgresql://nobody@127.0.0.1:1/none",
        "TOKENHOUSE_REDIS__URL": "redis://127.0.0.1:1/0",
    }
    ran = subprocess.run(
        [sys.executable, "-c", LOADED], cwd=ROOT, env=settings, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    modules, has_templates, has_paths = ran.stdout.split()[-3:]
    assert (int(modules) > 0, has_templates, has_paths) == (enabled == "true", enabled.title(), enabled.title())

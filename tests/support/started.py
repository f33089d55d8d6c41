"""A service that is built in a process of its own: what it has loaded, and what it has mounted."""

import json
import subprocess
import sys
from typing import NamedTuple

from tests.conftest import ROOT
from tests.support.builders import SECRET

PROGRAM = """
import asyncio, json, sys
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
    print(json.dumps([list(sys.modules), list(paths)]))
    await application.close()

asyncio.run(main())
"""


class Started(NamedTuple):
    modules: frozenset[str]
    paths: frozenset[str]

    def has_room(self, name: str) -> bool:
        """Whether anything of this room of `service` was loaded."""
        return any(one.split(".")[:2] == ["service", name] for one in self.modules)


def started(**settings: str) -> Started:
    """With these variables, and nothing else of the environment. No store is there, and none is asked."""
    needed = {
        "TOKENHOUSE_SECRET_KEY": SECRET,
        "TOKENHOUSE_DATABASE__URL": "postgresql://nobody@127.0.0.1:1/none",
        "TOKENHOUSE_REDIS__URL": "redis://127.0.0.1:1/0",
    }
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, env=needed | settings, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    modules, paths = json.loads(ran.stdout.splitlines()[-1])
    return Started(frozenset(modules), frozenset(paths))

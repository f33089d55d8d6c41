"""Hatch's build hook: compiles the C here. Without a compiler, or without Python's headers, the package lacks it."""

import os
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCE, BUILT = "service/native/module.c", "service/native/_lanes.abi3.so"
FLAGS = ["-O2", "-std=c11", "-fPIC", "-shared", "-pthread"]
MAC_FLAGS = ["-undefined", "dynamic_lookup"]  # Python's functions are found when it is loaded


def compile_command(to: str) -> list[str]:
    """For the C compiler of `CC`, or else the one that Python was built with. It runs in the root of the checkout."""
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")  # noqa: TID251 - it builds, and has no settings
    flags = FLAGS + (MAC_FLAGS if sys.platform == "darwin" else [])
    return [*compiler, *flags, f"-I{sysconfig.get_path('include')}", SOURCE, "-o", to]


class LanesHook(BuildHookInterface[Any]):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's signature
        built, fresh = Path(self.root, BUILT), Path(self.root, f"{BUILT}.new")
        try:
            subprocess.run(compile_command(f"{fresh}"), cwd=self.root, check=True, capture_output=True, text=True)  # noqa: S603 - the builder's own compiler
        except (OSError, subprocess.CalledProcessError) as error:
            built.unlink(missing_ok=True)  # it would be of an older source
            reason = getattr(error, "stderr", None) or error
            self.app.display_warning(f"built without {BUILT}, so passwords are hashed by the bcrypt package: {reason}")
            return
        fresh.replace(built)  # at once: instances may be starting from this checkout
        build_data["pure_python"] = False
        build_data["tag"] = f"cp311-abi3-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"
        build_data["artifacts"].append(BUILT)

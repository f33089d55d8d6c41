"""The user that runs a server: our own or, when that is root, an unprivileged one."""

import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

LAUNCH = Path(__file__).with_name("launch.py")


@dataclass(frozen=True, slots=True)
class Identity:
    """`uid` and `gid`: the owner that the server's files must have, outside any namespace."""

    word: str
    uid: int
    gid: int

    def command(self, program: Sequence[str | Path], place: Path, dies_by: signal.Signals) -> list[str]:
        """The command to run `program` in `place` under this identity; on Linux it gets `dies_by` when we exit."""
        words = [self.word, dies_by.value, os.getpid(), place, *program]
        return [sys.executable, "-I", "-S", str(LAUNCH), *map(str, words)]

    def can_run(self, program: Path, reach: Path) -> bool:
        """Whether it can execute `program`, load its libraries, and search the directory `reach`."""
        trial = self.command([program, "--version"], reach, signal.SIGKILL)
        return subprocess.run(trial, capture_output=True, check=False).returncode == 0  # noqa: S603 - our own words

    def own(self, path: Path) -> None:
        """Hand a file, or a directory and all below it, to this identity. Links are not followed."""
        if os.geteuid() != 0 or path.stat().st_uid == self.uid:
            return
        for _, directories, files, handle in os.fwalk(path):
            for name in (*directories, *files):
                os.chown(name, self.uid, self.gid, dir_fd=handle, follow_symlinks=False)
        os.chown(path, self.uid, self.gid)  # last, so that an interrupted change of owner starts again


def _known(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _nobody() -> tuple[int, int]:
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        return 65534, 65534  # the kernel's overflow ids
    return entry.pw_uid, entry.pw_gid


SAME = Identity("same", os.geteuid(), os.getegid())


def choose(program: Path, reach: Path) -> Identity | None:
    """An identity other than root that can run `program` on data below `reach`; None when there is none.

    A user without a name, common in containers, gets one from a namespace where possible: initdb requires it.
    """
    uid, gid = _nobody()
    nobody = Identity(f"become:{uid}:{gid}", uid, gid)
    namespace = Identity(f"namespace:{uid}:{gid}", SAME.uid, SAME.gid)
    if SAME.uid == 0:
        return next((identity for identity in (nobody, namespace) if identity.can_run(program, reach)), None)
    return SAME if _known(SAME.uid) or not namespace.can_run(program, reach) else namespace

"""Executes a server: takes its identity, ties its lifetime to the parent's, and replaces itself with it.

Run as a script that imports nothing of ours: code between fork and exec is unsafe in a program with threads. Its
arguments are an identity (`same`, `become:UID:GID` or `namespace:UID:GID`), the number of the signal that the server
gets when the parent ends, the parent's process id, the working directory, and the server's command.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1
CLONE_NEWUSER = 0x10000000
ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath}  # nothing of the caller's, such as PGPORT


def launch(identity: str, signal: str, parent: str, place: str, *command: str) -> None:
    os.umask(0o077)
    match identity.split(":"):
        case ["become", uid, gid]:
            os.setgroups([])
            os.setgid(int(gid))
            os.setuid(int(uid))
        case ["namespace", uid, gid]:
            _enter_namespace(uid, gid)
        case _:
            pass  # the identity that we have
    os.chdir(place)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal))  # a change of identity clears it, so it comes after
    if os.getppid() != int(parent):
        sys.exit("the parent ended during the start")
    os.execve(command[0], command, ENVIRONMENT)  # noqa: S606 - no shell wanted


def _enter_namespace(uid: str, gid: str) -> None:
    """Become the only user of a new namespace. Outside, nothing changes, but root loses its privileges."""
    maps = {"setgroups": "deny", "uid_map": f"{uid} {os.geteuid()} 1", "gid_map": f"{gid} {os.getegid()} 1"}
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    for name, text in maps.items():
        file = os.open(f"/proc/self/{name}", os.O_WRONLY)
        os.write(file, text.encode())
        os.close(file)


if __name__ == "__main__":
    launch(*sys.argv[1:])

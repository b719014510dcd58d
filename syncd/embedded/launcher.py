"""Becomes a server that ends with whoever started it: run as a script, ``launcher.py PARENT SIGNAL USER COMMAND…``.

What it sets must be set in the child between fork and exec, where a process with threads may not run Python safely;
hence a small process of its own, which then turns into the server. On Linux the kernel sends SIGNAL (a number) to
the server when PARENT is gone, even if that was killed. USER, where not "-", is who the server runs as: PostgreSQL
refuses root, so root hands over to somebody else. Exits 127 where the command cannot be run.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import struct
import sys

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522


def main() -> None:
    """Replace this process by the command of the command line."""
    parent, signal_number, user, *command = sys.argv[1:]
    if user != "-":
        become(user)
    # After become(): the kernel forgets the signal where a process changes who it is.
    if sys.platform == "linux":
        _prctl(PR_SET_PDEATHSIG, int(signal_number))
    if os.getppid() != int(parent):
        sys.exit("the process that wanted this server is gone")
    try:
        os.execv(command[0], command)  # noqa: S606  no shell is wanted
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)
        sys.exit(127)


def become(user: str) -> None:
    """Change from root to ``user``, keeping root's access to files where the kernel allows it.

    Without it the server could not reach a folder below one that is root's alone (such as root's home), nor its own
    programs in an environment there, and opening those folders to everybody is not ours to do.
    """
    entry = pwd.getpwnam(user)
    keeps = sys.platform == "linux" and _prctl(PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    if keeps and _set_capability(CAP_DAC_OVERRIDE):
        _prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE)


def _prctl(option: int, *values: int) -> bool:
    """Call prctl(2); false where the kernel refuses."""
    padded = [ctypes.c_ulong(value) for value in (*values, 0, 0, 0, 0)[:4]]
    return int(ctypes.CDLL(None).prctl(option, *padded)) == 0


def _set_capability(capability: int) -> bool:
    """Make ``capability`` the only one of this process: effective, permitted and inheritable."""
    header = struct.pack("=Ii", CAPABILITY_VERSION_3, 0)
    low, none = 1 << capability, 0
    data = struct.pack("=6I", low, low, low, none, none, none)
    return int(ctypes.CDLL(None).capset(header, data)) == 0


if __name__ == "__main__":
    main()

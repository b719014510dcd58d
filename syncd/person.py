"""Who is at the keyboard, as the log and the conflicts name a person who decides."""

from __future__ import annotations

import getpass
import os
import socket


def person() -> str:
    """``user@host``; the user as the system knows it, else as the environment says."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        # A container may run under a number that no account has.
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}"

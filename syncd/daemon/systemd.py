"""Notifies systemd (``Type=notify``) by datagrams to ``$NOTIFY_SOCKET``; elsewhere nothing happens.

The protocol is sd_notify(3): lines of ``NAME=value``. A supervisor that cannot be told is no reason to stop working.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

log = structlog.get_logger(__name__)

SOCKET, WATCHDOG_USEC, WATCHDOG_PID = "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"

LONGEST_STATUS = 200
"""Characters of a status line; what is longer is cut."""


@dataclass(frozen=True)
class Supervisor:
    """Who started this process and waits to hear of it; ``address`` is ``None`` where nobody does.

    ``watchdog_seconds``: :meth:`alive` must be said more often than this, or the process is taken for dead; ``None``
    where nobody counts.
    """

    address: str | None = None
    watchdog_seconds: float | None = None

    def ready(self, status: str) -> bool:
        """Tells systemd that the service is up, with a line of status."""
        return self._tell("READY=1", _status(status))

    def alive(self) -> bool:
        """The watchdog's sign of life."""
        return self._tell("WATCHDOG=1")

    def status(self, text: str) -> bool:
        """One line that ``systemctl status`` shows. It must hold no secret and no label content."""
        return self._tell(_status(text))

    def reloading(self) -> bool:
        """The configuration is being read again; :meth:`ready` says when that is done."""
        return self._tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self, status: str) -> bool:
        """The service is on its way out, and means to be."""
        return self._tell("STOPPING=1", _status(status))

    def _tell(self, *lines: str) -> bool:
        """Whether it was said; ``False`` where nobody listens."""
        if self.address is None:
            return False
        # An at sign stands for the NUL with which an abstract socket's name begins.
        place = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as speaker:
                # A full queue of a systemd that is busy must not hold up the work.
                speaker.setblocking(False)
                speaker.sendto("\n".join(lines).encode(), place)
        except OSError as error:
            log.warning("systemd could not be told", saying=lines[0], error=str(error))
            return False
        return True


def supervisor(environ: Mapping[str, str] = os.environ) -> Supervisor:
    """The supervisor that the environment names."""
    address = environ.get(SOCKET) or None
    if address is not None and address[0] not in "/@":
        log.warning("systemd's socket is of a kind that is not known here", socket=address)
        address = None
    return Supervisor(address, _watchdog(environ))


def _watchdog(environ: Mapping[str, str]) -> float | None:
    """Seconds, where the watchdog is meant for this very process."""
    meant = environ.get(WATCHDOG_PID)
    if meant is not None and meant != str(os.getpid()):
        return None
    microseconds = environ.get(WATCHDOG_USEC, "")
    return int(microseconds) / 1e6 if microseconds.isdecimal() and int(microseconds) > 0 else None


def _status(text: str) -> str:
    """The status line: a line break would begin a statement of its own."""
    return f"STATUS={' '.join(text.split())[:LONGEST_STATUS]}"

"""Asks a daemon from outside: to look at a binding at once, and how it is."""

from __future__ import annotations

import json
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import quote

from syncd.config import Config, HttpAddress

ANY = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - compared with, never bound
"""Where a daemon that listens everywhere is found on its own host."""

SECONDS = 2.0


def wake(config: Config, binding: str, *, address: HttpAddress | None = None) -> bool:
    """Asks the daemon at ``daemon.http`` (or ``address``) to look at the binding now; whether one does.

    ``False`` where no daemon answers there, or the one that does is not at the binding: its poll comes all the same.
    ``ConfigError`` for a name that is no binding.
    """
    name = config.binding(binding).name
    where = address or config.daemon.http
    if where is None:
        return False
    connection = HTTPConnection(ANY.get(where.host, where.host), where.port, timeout=SECONDS)
    try:
        connection.request("POST", f"/wake/{quote(name, safe='')}")
        return connection.getresponse().status == 202
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def told_by_daemon(config: Config) -> list[dict[str, Any]] | None:
    """What the daemon at ``daemon.http`` says of its bindings; ``None`` where none answers there."""
    where = config.daemon.http
    if where is None:
        return None
    connection = HTTPConnection(ANY.get(where.host, where.host), where.port, timeout=SECONDS)
    try:
        connection.request("GET", "/status.json")
        answer = connection.getresponse()
        found = json.loads(answer.read(1 << 22)) if answer.status == 200 else {}
        bindings = found.get("bindings") if isinstance(found, dict) else None
        return [each for each in bindings if isinstance(each, dict)] if isinstance(bindings, list) else None
    except (OSError, HTTPException, ValueError):
        return None
    finally:
        connection.close()

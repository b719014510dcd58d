"""Wakes a daemon from outside: the next poll begins at once."""

from __future__ import annotations

from http.client import HTTPConnection, HTTPException
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

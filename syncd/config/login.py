"""User and password in an address: whether a driver reads them as they are meant.

A password with an ``@``, ``:`` or ``/`` that is not percent-encoded ends early for a driver, and its rest is taken for
a host, a port or a database, and shown as one. What drivers do read as it is meant is left alone.
"""

from __future__ import annotations

import re

HINT = "percent-encode special characters of a user or password: %40 for @, %3A for :, %2F for /, %3F for ?, %23 for #"

_DATABASE = re.compile(
    r"(?P<login>[^:/]*(?::[^@]*)?@)?(?:\[[^/?]+\]|(?P<host>[^/:?]+))?(?::(?P<port>[^/?]*))?"
    r"(?:/(?P<path>[^?]*))?(?:\?(?P<query>.*))?",
    re.DOTALL,
)
"""How SQLAlchemy reads what follows ``://``."""

_WITHOUT_HOST = ("sqlite", "duckdb")
_ENCODED = re.compile(r"(?:[^@:/?#\[\]%]|%[0-9A-Fa-f]{2})*")
_ADDRESS = re.compile(r"(?:\[[^\]]*\]|[^\s:@\[\]]*)(?::[0-9]*)?")
_LOGIN_IN_PATH = re.compile(r"@.*/|:.*@", re.DOTALL)


def is_clear_database_url(url: str) -> bool:
    """Whether user and password end where SQLAlchemy thinks that they end."""
    scheme, _, rest = url.partition("://")
    if scheme.partition("+")[0] in _WITHOUT_HOST:
        return True
    read = _DATABASE.fullmatch(rest)
    if read is None:
        return "@" not in rest
    login, host, port, path = (read[name] or "" for name in ("login", "host", "port", "path"))
    # Where there is neither login nor host, the path is that of a file.
    if "@" in host + port or ((login or host) and _LOGIN_IN_PATH.search(path)):
        return False
    return not _is_login(read["query"])


def is_clear_mongodb_uri(uri: str) -> bool:
    """Whether user and password hold no character that MongoDB's driver would take for the end of them."""
    rest = uri.partition("://")[2]
    authority, path, query = _parts(rest)
    login, at, hosts = authority.rpartition("@")
    if at:
        user, _, password = login.partition(":")
        if not (_ENCODED.fullmatch(user) and _ENCODED.fullmatch(password)):
            return False
    elif "@" in path or ("@" in rest and not all(map(_ADDRESS.fullmatch, hosts.split(",")))):
        return False
    return not (_LOGIN_IN_PATH.search(path) or _is_login(query))


def is_clear_web_address(url: str) -> bool:
    """Whether the host of a web address is one, and not the half of a password."""
    authority = re.split(r"[/?#]", url.partition("://")[2], maxsplit=1)[0]
    return _ADDRESS.fullmatch(authority.rpartition("@")[2]) is not None


def has_login(url: str) -> bool:
    """Whether a web address names a user or a password."""
    return "@" in re.split(r"[/?#]", url.partition("://")[2], maxsplit=1)[0]


def _parts(rest: str) -> tuple[str, str, str]:
    """(authority, path, query)."""
    before, _, query = rest.partition("?")
    authority, _, path = before.partition("/")
    return authority, path, query


def _is_login(query: str | None) -> bool:
    """Whether an ``@`` stands where a query has the name of a parameter."""
    return any("@" in parameter.partition("=")[0] for parameter in (query or "").split("&"))

"""Shows values without the secrets in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from urllib.parse import unquote, unquote_plus

from pydantic import SecretStr

from syncd.printable import printable

HIDDEN = "***"

# An allow-list, because drivers keep inventing parameters with passwords (odbc_connect, sslpassword, …).
_HARMLESS_PARAMETERS = frozenset(
    {
        "application_name",
        "appname",
        "authsource",
        "charset",
        "client_encoding",
        "connect_timeout",
        "connecttimeoutms",
        "directconnection",
        "host",
        "port",
        "readpreference",
        "replicaset",
        "retrywrites",
        "serverselectiontimeoutms",
        "sockettimeoutms",
        "sslmode",
        "target_session_attrs",
        "tls",
        "w",
    }
)
_SECRET_NAME = re.compile(
    r"(^|_)(ur[il]s?|webhooks?|passw(or)?d|pwd|dsn|secrets?|tokens?|credentials?)($|_)", re.IGNORECASE
)
_SECRET_TEXT = re.compile(r"://|(passw(or)?d|pwd|secret|token|credential)\w*\s*[:=]", re.IGNORECASE)
_SHOWN_CHARACTERS = 60
_ADDRESS_IN_TEXT = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")
_SECRET_IN_TEXT = re.compile(
    r"((?:passw(?:or)?d|pwd|secret|token)\w*[\"']?\s*[:=]\s*)(\"[^\"]*\"|'[^']*'|[^\s,;&)}\]]+)", re.IGNORECASE
)


def redact_url(url: str | SecretStr) -> str:
    """A database, MongoDB or web address that may be shown: no password, no web path, no doubtful parameter.

    Text that is not such an address is hidden whole. Never raises.
    """
    text = url.get_secret_value() if isinstance(url, SecretStr) else url
    scheme, separator, rest = text.partition("://")
    if not separator or not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*", scheme):
        return HIDDEN
    # A password may hold an unescaped "/", "?" or "@": all up to the last "@" counts as user and password.
    login, at, address = rest.rpartition("@")
    if scheme.lower() in ("http", "https"):
        # The path of a web hook is its key.
        host = re.split(r"[/?#]", address, maxsplit=1)[0]
        return printable(f"{scheme}://{host}" + (f"/{HIDDEN}" if host != address else ""))
    user, colon, _ = login.partition(":")
    shown_login = (user + (f":{HIDDEN}" if colon else "")) if at else ""
    address, question, query = address.partition("?")
    parameters = "&".join(_redact_parameter(p) for p in query.split("&"))
    return printable(f"{scheme}://{shown_login}{at}{address}{question}{parameters}")


def redact_text(text: str) -> str:
    """Any text with the addresses in it as `redact_url` shows them, and without what follows ``password=`` and such."""
    text = _ADDRESS_IN_TEXT.sub(lambda found: redact_url(found.group()), text)
    return _SECRET_IN_TEXT.sub(lambda found: found.group(1) + HIDDEN, text)


def names_secret(name: str) -> bool:
    """Whether a key of this name holds something that must not be shown (`url`, `webhook`, `password`, …)."""
    return _SECRET_NAME.search(name) is not None


def looks_secret(text: str) -> bool:
    """Whether this text itself may carry a secret, wherever it stands (an address, ``password=…``)."""
    return _SECRET_TEXT.search(text) is not None


def quote(text: str) -> str:
    """Text as a fault shows it: in quotes, shortened, escaped, and not at all if it may carry a secret."""
    if looks_secret(text):
        return "text (not shown)"
    if len(text) > _SHOWN_CHARACTERS:
        text = text[: _SHOWN_CHARACTERS - 1] + "…"
    return f'"{printable(text)}"'


def _redact_parameter(parameter: str) -> str:
    name, equals, _ = parameter.partition("=")
    return parameter if not equals or name.lower() in _HARMLESS_PARAMETERS else f"{name}={HIDDEN}"


SHORT = 6
"""Secrets shorter than this are replaced only where they stand alone: they might be part of any word."""


def without_secrets(addresses: Iterable[str], text: str) -> str:
    """The text without the passwords of these addresses, and without the pieces into which a driver may cut them."""
    found = {each for url in addresses for each in _parts(url) if each}
    # The longest first: a part of a password must not spoil the search for the whole.
    for secret in sorted(found, key=len, reverse=True):
        text = _pattern(secret).sub(HIDDEN, text)
    return text


def _parts(url: str) -> Iterator[str]:
    """The password of an address, and the pieces into which a driver may have cut it."""
    _, _, rest = url.partition("://")
    login, _, address = rest.rpartition("@")
    password = login.partition(":")[2]
    parameters = [each.partition("=")[2] for each in _secret_parameters(address)]
    for secret in [password, *parameters]:
        yield from _forms([secret])
        # An unescaped "@", "/", ":", "?" or "#" in a password ends it for a parser, and begins a host or a port.
        yield from _forms(re.split(r"[@/:?#]", secret))


def _secret_parameters(address: str) -> list[str]:
    query = address.partition("?")[2]
    return [each for each in query.split("&") if re.search(r"passw|pwd|secret|token|credential", each, re.IGNORECASE)]


def _forms(secrets: Iterable[str]) -> Iterator[str]:
    for each in secrets:
        yield from (each, unquote(each), unquote_plus(each))


def _pattern(secret: str) -> re.Pattern[str]:
    plain = re.escape(secret)
    return re.compile(plain if len(secret) >= SHORT else rf"(?<!\w){plain}(?!\w)")


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
    """Whether user and password end where SQLAlchemy thinks that they end.

    A password with an ``@``, ``:`` or ``/`` that is not percent-encoded ends early for a driver, and its rest is taken
    for a host, a port or a database, and shown as one.
    """
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
    authority, path, query = _address_parts(rest)
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


def _address_parts(rest: str) -> tuple[str, str, str]:
    """(authority, path, query)."""
    before, _, query = rest.partition("?")
    authority, _, path = before.partition("/")
    return authority, path, query


def _is_login(query: str | None) -> bool:
    """Whether an ``@`` stands where a query has the name of a parameter."""
    return any("@" in parameter.partition("=")[0] for parameter in (query or "").split("&"))

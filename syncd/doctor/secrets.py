"""Keeps passwords out of what drivers say: some quote the address that they could not make sense of."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from urllib.parse import unquote, unquote_plus

from syncd.config import Config
from syncd.config.redact import HIDDEN

SHORT = 6
"""Secrets shorter than this are replaced only where they stand alone: they might be part of any word."""


class Secrets:
    """The secrets of a configuration, and text without them."""

    def __init__(self, config: Config) -> None:
        found = {each for url in _addresses(config) for each in _parts(url) if each}
        # The longest first: a part of a password must not spoil the search for the whole.
        self._patterns = [_pattern(each) for each in sorted(found, key=len, reverse=True)]

    def hide(self, text: str) -> str:
        """The text without any secret in it."""
        for pattern in self._patterns:
            text = pattern.sub(HIDDEN, text)
        return text


def _addresses(config: Config) -> Iterator[str]:
    given = (config.database.url, config.state.url, config.fiftyone.database_uri, config.notify.webhook)
    yield from (each.get_secret_value() for each in given if each is not None)
    # Read by FiftyOne, and so by us, where the configuration names no database.
    yield os.environ.get("FIFTYONE_DATABASE_URI", "")


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

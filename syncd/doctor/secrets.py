"""Keeps passwords out of what drivers say: some quote the address that they could not parse."""

from __future__ import annotations

import os
from collections.abc import Iterator

from syncd.config import Config
from syncd.config.redact import without_secrets


class Secrets:
    """The secrets of a configuration, and text without them."""

    def __init__(self, config: Config) -> None:
        self._addresses = tuple(_addresses(config))

    def hide(self, text: str) -> str:
        """The text without any secret in it."""
        return without_secrets(self._addresses, text)


def _addresses(config: Config) -> Iterator[str]:
    given = (config.database.url, config.state.url, config.fiftyone.database_uri, config.notify.webhook)
    yield from (each.get_secret_value() for each in given if each is not None)
    # Read by FiftyOne, and so by us, where the configuration names no database.
    yield os.environ.get("FIFTYONE_DATABASE_URI", "")

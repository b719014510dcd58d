"""Which configuration file is meant."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from syncd.errors import ConfigError

VARIABLE = "SYNCD_CONFIG"
"""The environment variable that names the file."""


class NoConfig(ConfigError):
    """No configuration is named, and there is none in this folder."""


_NAMES = ("syncd.yaml", "syncd.yml")


def find_config(given: Path | None = None, environ: Mapping[str, str] = os.environ) -> Path:
    """The file given, else the one that SYNCD_CONFIG names, else ``syncd.yaml`` or ``syncd.yml`` here.

    Raises NoConfig, a ConfigError, where there is none.
    """
    if given is not None:
        return _existing(given, "")
    named = environ.get(VARIABLE)
    if named:
        return _existing(Path(named), f", which {VARIABLE} names")
    for name in _NAMES:
        if os.path.lexists(name):
            return Path(name)
    raise NoConfig(
        f"there is no {_NAMES[0]} in this folder",
        remedy=f"`syncd init` writes one to start from; --config PATH or {VARIABLE} names one elsewhere.",
    )


def _existing(path: Path, which: str) -> Path:
    # lexists: a dangling link or a folder is better explained when it is read.
    if not os.path.lexists(path):
        raise ConfigError(
            f"there is no configuration file {path}{which}", remedy="`syncd init` writes one to start from."
        )
    return path

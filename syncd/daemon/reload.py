"""Notices changed configuration files and loads them; an invalid configuration is refused, and reported once."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

import structlog

from syncd.config import Config, load_config_with_files
from syncd.errors import ConfigError

log = structlog.get_logger(__name__)

SETTLE_S = 0.5
"""A file that was written to so short a time ago may be half written."""

Print = dict[Path, "tuple[int, int, int] | None"]


class Reloader:
    """Looks at the files when asked: by their stamps, not by events.

    What tells of events is silent on network file systems and follows no symbolic link, as those are through which
    Kubernetes mounts configurations and secrets; a look every second costs nothing.
    """

    def __init__(self, path: Path, files: Iterable[Path]) -> None:
        self._path = path
        self._files = frozenset([path, *files])
        self._loaded = self._seen = _print(self._files)
        self._seen_at = time.monotonic()
        self._told: str | None = None

    def changed(self) -> bool:
        """Whether the files are others than those that were loaded last, and have been the same for a moment."""
        now = _print(self._files)
        if now != self._seen:
            self._seen, self._seen_at = now, time.monotonic()
        return self._seen != self._loaded and time.monotonic() - self._seen_at >= SETTLE_S

    def load(self, *, asked: bool = False) -> Config | None:
        """The configuration of now; ``None`` where it is invalid, which is said once for the same faults.

        Somebody who ``asked`` is always told.
        """
        self._loaded = self._seen = _print(self._files)
        try:
            config, files = load_config_with_files(self._path)
        except ConfigError as error:
            self._refuse(error, asked=asked)
            return None
        if self._told is not None:
            log.info("the configuration is valid again")
        self._told = None
        wanted = frozenset([self._path, *files])
        if wanted != self._files:
            self._files = wanted
            self._loaded = self._seen = _print(wanted)
        return config

    def _refuse(self, error: ConfigError, *, asked: bool) -> None:
        if asked or error.message != self._told:
            log.error("the new configuration is invalid; the old one stays", why=error.message, remedy=error.remedy)
        self._told = error.message


def _print(files: Iterable[Path]) -> Print:
    return {each: _stamp(each) for each in files}


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino

"""The commented configuration that `syncd init` writes."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from syncd.config.starter_text import STARTER
from syncd.errors import ConfigError


def starter_config() -> str:
    """A complete, commented configuration; valid as it stands once SYNCD_DATABASE_URL is set."""
    return STARTER


def write_starter(path: Path, force: bool = False) -> None:
    """Write the starter configuration, readable by its owner alone (0600), whole or not at all.

    Raises ConfigError where it cannot be written, or where a file is there already and `force` is not given.
    """
    try:
        if path.is_dir():
            raise ConfigError(f"{path} is a folder", remedy=f"Try {path / 'syncd.yaml'}.")
        if not force and os.path.lexists(path):
            raise FileExistsError
        # Overwriting follows a link, so that a configuration kept elsewhere stays there.
        _write_atomically(path.resolve() if force else path, force)
    except FileExistsError:
        raise ConfigError(f"{path} exists and is left as it is", remedy="--force overwrites it.") from None
    except (OSError, ValueError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no valid path"
        raise ConfigError(f"{path} cannot be written: {reason}", remedy="Check the folder and its rights.") from None


def _write_atomically(path: Path, force: bool) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mkstemp makes it 0600
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(STARTER)
            stream.flush()
            os.fsync(stream.fileno())
        if force or not _link(temporary, path):
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _link(temporary: Path, path: Path) -> bool:
    """Give the file its name; a link, unlike a rename, fails if someone else was faster. False: no links here."""
    try:
        path.hardlink_to(temporary)
    except OSError:
        if os.path.lexists(path):
            raise FileExistsError from None
        return False
    return True

"""Keys from a credentials file that is read again whenever it changes, so that renewed keys need no restart."""

from __future__ import annotations

import configparser
import os
import threading
from pathlib import Path
from typing import Any

import structlog
from botocore.credentials import CredentialProvider, Credentials, ReadOnlyCredentials

from syncd.errors import SyncdError

ISSUE = "Run `syncd credentials issue`, or mend `s3.credentials_file`."
KEY, SECRET, TOKEN = "aws_access_key_id", "aws_secret_access_key", "aws_session_token"

log = structlog.get_logger()


class FileCredentials(Credentials):  # type: ignore[misc]  # botocore comes without types
    """The keys of one section of an INI file as ~/.aws/credentials is one; botocore asks for them at each request.

    The file counts as changed when its time, size or inode is another. Where a changed file cannot be read, the keys
    from before are used on, with a warning; S3 says when they have expired.
    """

    def __init__(self, path: Path, section: str) -> None:
        self._path = path
        self._section = section
        self._guard = threading.Lock()
        self._stamp = _stamp(path)
        self._keys = read_keys(path, section)
        super().__init__(*self._keys[:3], method="syncd-credentials-file")

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """The keys as the file has them now."""
        with self._guard:
            stamp = _stamp(self._path)
            if stamp != self._stamp:
                self._stamp = stamp
                try:
                    self._keys = read_keys(self._path, self._section)
                    self.access_key, self.secret_key, self.token = self._keys[:3]
                except SyncdError as error:
                    log.warning("s3.credentials_file.unreadable", path=str(self._path), reason=error.message)
            return self._keys


class FileProvider(CredentialProvider):  # type: ignore[misc]
    """Hands botocore the keys of `s3.credentials_file`, and of no other place."""

    METHOD = "syncd-credentials-file"

    def __init__(self, path: Path, section: str) -> None:
        super().__init__()
        self._path = path
        self._section = section

    def load(self) -> Any:
        """The keys; SyncdError where the file has none."""
        return FileCredentials(self._path, self._section)


def read_keys(path: Path, section: str) -> ReadOnlyCredentials:
    """The keys in a section of the file; SyncdError names the file and what it lacks, never what it holds."""
    # Without interpolation: a secret key may hold a percent sign.
    parser = configparser.RawConfigParser()
    try:
        with path.open(encoding="utf-8") as file:
            parser.read_file(file)
    except FileNotFoundError:
        raise SyncdError(f"The credentials file {path} is not there.", remedy=ISSUE) from None
    except OSError as error:
        raise SyncdError(f"The credentials file {path} cannot be read: {error.strerror}.", remedy=ISSUE) from error
    except (configparser.Error, UnicodeDecodeError):
        # The parser's message would quote the line.
        raise SyncdError(f"The credentials file {path} is no INI file.", remedy=ISSUE) from None
    if not parser.has_section(section):
        raise SyncdError(f"The credentials file {path} has no section [{section}].", remedy=ISSUE)
    found = dict(parser.items(section))
    for name in (KEY, SECRET):
        if not found.get(name):
            raise SyncdError(f"The credentials file {path} has no {name} in [{section}].", remedy=ISSUE)
    return ReadOnlyCredentials(found[KEY], found[SECRET], found.get(TOKEN) or None)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116  # asked at every request
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino

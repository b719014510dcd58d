"""Makes the boto3 client for S3 that the configuration describes, with keys that are renewed without a restart."""

from __future__ import annotations

import configparser
import os
import threading
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import structlog
from botocore.config import Config as BotoConfig
from botocore.credentials import CredentialProvider, CredentialResolver, Credentials, ReadOnlyCredentials
from botocore.exceptions import BotoCoreError

from syncd import __version__
from syncd.adapters.s3.errors import failure
from syncd.config import S3Config
from syncd.errors import SyncdError

ATTEMPTS = 7
"""Of a request that is throttled or breaks off: with the pauses between them about half a minute."""

CONNECT_S, READ_S = 10, 60
PAID_BY_REQUESTER = (
    *("GetObject", "HeadObject", "ListObjectsV2", "PutObject"),
    *("CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "AbortMultipartUpload"),
)


def s3_client(settings: S3Config, *, attempts: int = ATTEMPTS, read_timeout_s: float = READ_S) -> Any:
    """A client that threads may share.

    Keys come from `credentials_file` (section `profile`, else ``default``), which is read again when it changes;
    without one, from wherever boto3 finds them. Throttled and broken requests are repeated, up to ``attempts`` in all,
    after longer and longer pauses. SyncdError where the settings do not fit together.
    """
    path_style = {"addressing_style": "path"} if settings.endpoint_url else {}
    try:
        client = _session(settings).client(
            "s3",
            endpoint_url=settings.endpoint_url,
            region_name=settings.region,
            config=BotoConfig(
                max_pool_connections=settings.connections,
                connect_timeout=CONNECT_S,
                read_timeout=read_timeout_s,
                # With one request in five refused, "adaptive" falls to two a second and takes minutes to recover.
                retries={"mode": "standard", "total_max_attempts": attempts},
                s3=path_style,
                user_agent_extra=f"syncd/{__version__}",
            ),
        )
    except (BotoCoreError, ValueError) as error:
        raise failure(error, "Reaching S3", endpoint=settings.endpoint_url) from error
    if settings.requester_pays:
        for operation in PAID_BY_REQUESTER:
            client.meta.events.register(f"provide-client-params.s3.{operation}", _pay)
    return client


def _session(settings: S3Config) -> boto3.Session:
    if settings.credentials_file is None:
        return boto3.Session(profile_name=settings.profile)
    below = botocore.session.Session()
    provider = FileProvider(settings.credentials_file.expanduser(), settings.profile or "default")
    below.register_component("credential_provider", CredentialResolver([provider]))
    return boto3.Session(botocore_session=below)


def _pay(params: dict[str, Any], **_: Any) -> dict[str, Any]:
    return {"RequestPayer": "requester"} | params


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

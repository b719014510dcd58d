"""Makes the boto3 client for S3 that the configuration describes, with keys that are renewed without a restart."""

from __future__ import annotations

from typing import Any

import boto3
import botocore.session
from botocore.config import Config as BotoConfig
from botocore.credentials import CredentialResolver
from botocore.exceptions import BotoCoreError

from syncd import __version__
from syncd.adapters.s3.credentials import FileProvider
from syncd.adapters.s3.errors import failure
from syncd.config import S3Config

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

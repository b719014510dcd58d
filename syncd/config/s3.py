"""S3 and the keys to it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator

from syncd.config.ingest import beside_the_configuration
from syncd.config.kinds import (
    ByteSize,
    EndpointUrl,
    FilePath,
    Flag,
    FolderPath,
    PositiveCount,
    PositiveDuration,
    RoleArn,
    S3Address,
    Text,
)
from syncd.config.section import Section


class S3Config(Section):
    """How S3 is reached; what is left out is boto3's own affair (environment, ~/.aws, instance role).

    `credentials_file` is read again whenever it changes. `cache` is where the open-source FiftyOne finds the media;
    `cache_size` bounds it, in bytes.
    """

    endpoint_url: EndpointUrl | None = None
    region: Text | None = None
    profile: Text | None = None
    credentials_file: Annotated[FilePath, AfterValidator(beside_the_configuration)] | None = None
    requester_pays: Flag = False
    connections: PositiveCount = 16
    cache: Annotated[FolderPath, AfterValidator(beside_the_configuration)] = Path("~/.cache/syncd/media")
    cache_size: ByteSize = 100_000_000_000


class CredentialsConfig(Section):
    """Time-limited keys that `syncd credentials issue` makes through STS, and to whom they go.

    `hand_to` is `file` (`s3.credentials_file`, or `file` here) or `enterprise` (FiftyOne Enterprise).
    """

    role_arn: RoleArn | None = None
    bucket: S3Address | None = None
    write: Flag = False
    duration: PositiveDuration = timedelta(hours=1)
    sts_endpoint_url: EndpointUrl | None = None
    external_id: Text | None = None
    hand_to: Literal["file", "enterprise"] = "file"
    file: Annotated[FilePath, AfterValidator(beside_the_configuration)] | None = None

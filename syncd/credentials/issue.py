"""Issues time-limited keys through STS, for the configured role under a session policy."""

from __future__ import annotations

import getpass
import re
import socket
from datetime import timedelta
from typing import Any

import boto3
from botocore.config import Config as ClientConfig
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import SecretStr

from syncd.config import format_duration
from syncd.config.s3 import CredentialsConfig
from syncd.credentials.failures import explain_failure
from syncd.credentials.keys import Issued, Keys
from syncd.credentials.policy import Scope, partition_of, session_policy
from syncd.errors import ConfigError

SHORTEST = timedelta(minutes=15)
"""STS gives no shorter keys; how long they may be is the role's own affair."""

REGIONS = {"aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}
"""Where STS is asked if nothing names a region."""


def issue_keys(settings: CredentialsConfig, scope: Scope, region: str | None = None) -> Keys:
    """Asks STS for keys that can do what ``scope`` says, for ``settings.duration``.

    The keys that ask are boto3's own affair: environment, ``AWS_PROFILE``, ``~/.aws``, instance role. Raises
    ConfigError for settings that STS cannot fulfil, IssueFailed where it refuses, ConnectionFailed where it does not
    answer.
    """
    role_arn = required_role(settings)
    if settings.duration < SHORTEST:
        raise ConfigError(
            f"`credentials.duration` is {format_duration(settings.duration)}; STS gives keys for 15m or more.",
            remedy="Set it to between 15m and the role's maximum session duration (1h unless it was raised).",
        )
    partition = partition_of(role_arn)
    request: dict[str, Any] = {
        "RoleArn": role_arn,
        "RoleSessionName": session_name(),
        "Policy": session_policy(scope, partition),
        "DurationSeconds": int(settings.duration.total_seconds()),
    }
    if settings.external_id is not None:
        request["ExternalId"] = settings.external_id
    try:
        answer = _sts(settings.sts_endpoint_url, region, partition).assume_role(**request)
    except (BotoCoreError, ClientError) as error:
        # Not chained: botocore's errors carry the whole request, and some of STS's answers quote a session token.
        raise explain_failure(error, settings) from None
    found = answer["Credentials"]
    return Keys(
        access_key_id=SecretStr(found["AccessKeyId"]),
        secret_access_key=SecretStr(found["SecretAccessKey"]),
        session_token=SecretStr(found["SessionToken"]),
        issued=Issued(role_arn, str(scope), found["Expiration"]),
    )


def required_role(settings: CredentialsConfig) -> str:
    """The role whose keys are wanted; ``ConfigError`` where none is configured."""
    if settings.role_arn is None:
        raise ConfigError(
            "There is no `credentials.role_arn`: keys are made for a role.",
            remedy="Make a role with the policy of `syncd credentials policy` and set `credentials.role_arn`.",
        )
    return settings.role_arn


def session_name() -> str:
    """What AWS's own log (CloudTrail) calls the session: who asked, on which host."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as containers have them
        user = "unknown"
    return re.sub(r"[^\w+=,.@-]", "-", f"syncd-{user}@{socket.gethostname()}", flags=re.ASCII)[:64]


def _sts(endpoint: str | None, region: str | None, partition: str) -> Any:
    session = boto3.Session()
    return session.client(
        "sts",
        endpoint_url=endpoint,
        region_name=region or session.region_name or REGIONS.get(partition, "us-east-1"),
        config=ClientConfig(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "max_attempts": 3}),
    )

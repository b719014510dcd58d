"""Issues time-limited keys through STS, for the configured role under a session policy."""

from __future__ import annotations

import getpass
import json
import re
import socket
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import boto3
from botocore.config import Config as ClientConfig
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
from botocore.exceptions import ConnectionError as NoConnection
from pydantic import SecretStr

from syncd.config import format_duration
from syncd.config.redact import redact_url
from syncd.config.schema import CredentialsConfig
from syncd.credentials.policy import Scope, partition_of, session_policy
from syncd.errors import ConfigError, ConnectionFailed, SyncdError
from syncd.model.kinds import iso

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


EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
UNKNOWN_KEYS = frozenset(
    {"InvalidClientTokenId", "InvalidAccessKeyId", "UnrecognizedClientException", "SignatureDoesNotMatch",
     "IncompleteSignature", "MissingAuthenticationToken"}
)  # fmt: skip
SHOWN = 300


class IssueFailed(SyncdError):
    """STS made no keys, or they could not be handed over."""


def explain_failure(error: BotoCoreError | ClientError, settings: CredentialsConfig) -> SyncdError:
    """The error as one of ours."""
    if isinstance(error, ClientError):
        return _refused(error, settings)
    if isinstance(error, (NoCredentialsError, PartialCredentialsError)):
        return IssueFailed(
            "There are no AWS keys to ask STS with.",
            remedy="Give boto3 some: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or an instance role.",
        )
    if isinstance(error, (ProfileNotFound, CredentialRetrievalError, TokenRetrievalError, SSOError)):
        return IssueFailed(
            f"The AWS keys to ask STS with cannot be had ({type(error).__name__}).",
            remedy="Look at AWS_PROFILE and ~/.aws/config, or sign in again; `aws sts get-caller-identity` tries them.",
        )
    if isinstance(error, (HTTPClientError, NoConnection)):
        where = settings.sts_endpoint_url
        return ConnectionFailed(
            f"STS{f' at {redact_url(where)}' if where else ''} does not answer ({type(error).__name__}).",
            remedy="Look at the network and `credentials.sts_endpoint_url`, then try again.",
        )
    return IssueFailed(
        f"Asking STS for keys failed ({type(error).__name__}).", remedy="Look at the AWS settings: region, ~/.aws."
    )


def _refused(error: ClientError, settings: CredentialsConfig) -> SyncdError:
    code = str(error.response.get("Error", {}).get("Code", "unknown"))
    said = " ".join(str(error.response.get("Error", {}).get("Message", "")).split())[:SHOWN]
    role = settings.role_arn
    if code in ("AccessDenied", "AccessDeniedException"):
        external = ", with the external id that it asks for (`credentials.external_id`)"
        return IssueFailed(
            f"sts:AssumeRole on {role} is not allowed: {said}",
            remedy="Allow sts:AssumeRole on the role to the keys that ask, and name their user or role in the role's "
            f"trust policy{external}.",
        )
    if code in EXPIRED:
        return IssueFailed(
            "The AWS keys that ask STS have expired.", remedy="Renew them (sign in again), then try again."
        )
    if code in UNKNOWN_KEYS:
        return IssueFailed(
            f"STS does not accept the AWS keys that ask ({code}).",
            remedy="They are not (or no longer) valid: look at AWS_PROFILE, the environment and ~/.aws/credentials.",
        )
    if "DurationSeconds" in said or "durationSeconds" in said:
        return IssueFailed(
            f"`credentials.duration` of {format_duration(settings.duration)} is more than {role} allows: {said}",
            remedy="Set a shorter `credentials.duration`, or raise the role's maximum session duration (12h at most; "
            "1h for keys that were assumed themselves).",
        )
    if code == "PackedPolicyTooLarge":
        return IssueFailed(
            f"The session policy is too large for STS: {said}",
            remedy="Set `credentials.bucket` to one prefix, and pass fewer session tags.",
        )
    if code == "RegionDisabledException":
        return IssueFailed(f"STS is switched off in this region: {said}", remedy="Set `s3.region` to another region.")
    return IssueFailed(
        f"STS made no keys for {role} ({code}).", remedy="Try the same with `aws sts assume-role` to see more."
    )


@dataclass(frozen=True)
class Issued:
    """What is written down beside keys: for whom, for what, until when. No part of the keys themselves."""

    role_arn: str
    scope: str
    expires_at: datetime

    def lasts(self, margin: timedelta, now: datetime) -> bool:
        """Whether the keys are good for longer than ``margin``."""
        return self.expires_at - now > margin

    def is_for(self, role_arn: str, scope: str) -> bool:
        """Whether the keys are those that the configuration asks for."""
        return (self.role_arn, self.scope) == (role_arn, scope)

    def as_json(self) -> dict[str, str]:
        """As it is written into a file."""
        return {"expires_at": written(self.expires_at), "role_arn": self.role_arn, "scope": self.scope}


@dataclass(frozen=True)
class Keys:
    """The keys. Neither ``repr`` nor ``str`` shows any part of them."""

    access_key_id: SecretStr = field(repr=False)
    secret_access_key: SecretStr = field(repr=False)
    session_token: SecretStr = field(repr=False)
    issued: Issued


def read_issued(text: str) -> Issued | None:
    """What `Issued.as_json` wrote; ``None`` where it is anything else."""
    try:
        found: Any = json.loads(text)
    except ValueError:
        return None
    return issued_from(found)


def issued_from(found: Any) -> Issued | None:
    """What `Issued.as_json` made; ``None`` where it is anything else."""
    try:
        moment = datetime.fromisoformat(str(found["expires_at"]).replace("Z", "+00:00"))
        role_arn, scope = found["role_arn"], found["scope"]
    except (KeyError, TypeError, ValueError):
        return None
    if moment.tzinfo is None or not isinstance(role_arn, str) or not isinstance(scope, str):
        return None
    return Issued(role_arn, scope, moment)


def written(moment: datetime) -> str:
    """A moment in UTC: ``2026-11-23T12:00:00.000000Z``."""
    return iso(moment)

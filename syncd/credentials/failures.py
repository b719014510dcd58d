"""Why STS gave no keys, as a sentence and the next step; never a part of a key."""

from __future__ import annotations

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

from syncd.config import format_duration
from syncd.config.redact import redact_url
from syncd.config.s3 import CredentialsConfig
from syncd.errors import ConnectionFailed, SyncdError

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

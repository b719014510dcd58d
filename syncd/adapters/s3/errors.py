"""S3's errors as syncd's own: what was asked, which permission is missing, what to do; never a key or a token."""

from __future__ import annotations

from dataclasses import dataclass

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004  # botocore's, the base of its network errors
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSLError,
)

from syncd.config import redact_url
from syncd.errors import ConnectionFailed, SyncdError

SHOWN = 300
GET, LIST = "s3:GetObject", "s3:ListBucket"
KEYS_REMEDY = "Run `syncd credentials issue`, or check `s3.credentials_file`, `s3.profile` or the environment."

_MISSING_KEY = frozenset(("NoSuchKey", "NoSuchVersion", "404"))
_DENIED = frozenset(("AccessDenied", "AllAccessDisabled", "AccountProblem", "403", "Forbidden"))
_EXPIRED = frozenset(("ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"))
_UNKNOWN_KEYS = frozenset(
    ("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "InvalidClientTokenId", "InvalidSecurity")
)
_ELSEWHERE = frozenset(
    ("PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "301")
)
_BUSY = frozenset(
    (
        *("SlowDown", "ServiceUnavailable", "Throttling", "ThrottlingException", "RequestLimitExceeded"),
        *("InternalError", "RequestTimeout", "TooManyRequests", "429", "500", "502", "503", "504"),
    )
)


@dataclass(frozen=True)
class Place:
    """An object, or, where the key is empty or ends with a slash, all that begins with it."""

    bucket: str
    key: str = ""

    @property
    def whole(self) -> bool:
        """Whether this is a bucket or a prefix rather than one object."""
        return not self.key or self.key.endswith("/")

    @property
    def arn(self) -> str:
        """As a policy names it."""
        return f"arn:aws:s3:::{self.bucket}/{self.key}" + ("*" if self.whole else "")

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


class S3Failed(ConnectionFailed):
    """S3 does not answer, or refuses us as a whole."""


class S3Busy(S3Failed):
    """S3 went on throttling us, or failing, however often it was asked."""


class AccessDenied(S3Failed):
    """A permission is missing; the message names it."""


class KeysRefused(S3Failed):
    """The keys are missing, unknown or expired."""


class ObjectFault(SyncdError):
    """One object cannot be had; of the others it says nothing."""


class ObjectDenied(ObjectFault):
    """The access to one object is denied; whether to others too, it does not say."""


class ObjectChanged(ObjectFault):
    """The object is another than when it was listed."""


def failure(
    error: Exception, doing: str, place: Place | None = None, *, action: str = GET, endpoint: str | None = None
) -> SyncdError:
    """The error that says what S3 refused.

    ``doing`` begins the sentence ("Listing s3://…"), ``action`` is the permission that it takes. An `ObjectFault` is
    returned only where ``place`` is one object.
    """
    if isinstance(error, SyncdError):
        return error
    if isinstance(error, ClientError):
        return _of_s3(error, doing, place, action)
    if isinstance(error, NoCredentialsError | PartialCredentialsError | CredentialRetrievalError | ProfileNotFound):
        return KeysRefused(f"{doing} failed: {said(error)}", remedy=KEYS_REMEDY)
    if isinstance(error, ConnectionError | HTTPClientError):
        where = f"at {redact_url(endpoint)}" if endpoint else "of Amazon"
        look_at = "`s3.endpoint_url`, `s3.region` and the network"
        if isinstance(error, SSLError):
            look_at = "the certificate of the server, and the file that AWS_CA_BUNDLE names"
        return S3Failed(
            f"{doing} failed: the S3 {where} does not answer ({said(error)}).",
            remedy=f"Check {look_at}, then run the same command again.",
        )
    return S3Failed(f"{doing} failed: {said(error)}", remedy="Check the section `s3` of the configuration.")


def _of_s3(error: ClientError, doing: str, place: Place | None, action: str) -> SyncdError:
    code = code_of(error)
    text = f"{doing} failed: {said(error)}"
    if place is not None and not place.whole and (fault := _of_the_object(code, error, place)):
        return fault
    if code in ("NoSuchBucket", "404"):
        bucket = place.bucket if place else "of the configuration"
        return S3Failed(
            f"{doing} failed: there is no bucket {bucket}.",
            remedy="Make it, or mend its name (`ingest.media`, `--to`) or `s3.endpoint_url`.",
        )
    if code in _DENIED and place is not None:
        return denied(place, action, error)
    if code in _EXPIRED:
        return KeysRefused(f"{doing} failed: the keys for S3 have expired.", remedy="Run `syncd credentials issue`.")
    if code in _UNKNOWN_KEYS:
        return KeysRefused(text, remedy=KEYS_REMEDY)
    if code == "RequestTimeTooSkewed":
        return S3Failed(text, remedy="Set this machine's clock: S3 takes 15 minutes of difference at most.")
    if code in _ELSEWHERE:
        return S3Failed(text, remedy="Set `s3.region` to the region of the bucket.")
    if code in _BUSY:
        return S3Busy(
            text, remedy="Run the same command again: it goes on where it stopped. Fewer `s3.connections` may help."
        )
    return S3Failed(text, remedy="Check the section `s3` of the configuration.")


def _of_the_object(code: str, error: ClientError, place: Place) -> ObjectFault | None:
    if code in _MISSING_KEY:
        return ObjectFault(f"{place} is not there.")
    if code in ("PreconditionFailed", "412"):
        return ObjectChanged(f"{place} was replaced while it was being read.", remedy="Run the same command again.")
    if code == "InvalidObjectState":
        return ObjectFault(f"{place} is archived and must be restored before it can be read.")
    if code in _DENIED:
        return ObjectDenied(
            f"The access to {place} is denied: {_permission(place, GET, error)} is missing. (S3 says the same of an "
            f"object that is not there to whoever lacks {LIST} on {_bucket_arn(place)}.)"
        )
    return None


def denied(place: Place, action: str, error: object) -> AccessDenied:
    """The error of a missing permission, for all of ``place``; ``error`` is what S3 said."""
    return AccessDenied(
        f"S3 denies the access to {place}: the permission {_permission(place, action, error)} is missing.",
        remedy="Print the policy with `syncd credentials policy`, and have it granted. Where the reader pays, "
        "set `s3.requester_pays`.",
    )


def _permission(place: Place, action: str, error: object) -> str:
    if "kms:" in str(error):
        return f"kms:Decrypt on the key that encrypts {place}"
    return f"{action} on {_bucket_arn(place) if action == LIST else place.arn}"


def _bucket_arn(place: Place) -> str:
    return f"arn:aws:s3:::{place.bucket}"


def code_of(error: ClientError) -> str:
    """S3's code; of an answer without a body the HTTP status."""
    return str(error.response.get("Error", {}).get("Code", ""))


def said(error: Exception) -> str:
    """What S3 or boto3 said, as one line."""
    if isinstance(error, ClientError):
        answer = error.response.get("Error", {})
        return " ".join(f"{answer.get('Message') or 'no reason given'} ({code_of(error)})".split())[:SHOWN]
    return " ".join(str(error).split())[:SHOWN]


BOTO = (ClientError, BotoCoreError)
"""What boto3 raises when a request fails."""

"""Places in S3 as people write them on a command line."""

from __future__ import annotations

from pydantic import TypeAdapter, ValidationError

from syncd.config.kinds import S3Address, S3Prefix
from syncd.errors import ConfigError

_ADDRESS: TypeAdapter[S3Prefix] = TypeAdapter(S3Address)


def s3_place(text: str, option: str) -> S3Prefix:
    """``s3://bucket/prefix``, or the bare name of a bucket; ConfigError names the option."""
    try:
        return _ADDRESS.validate_python(text if "://" in text else f"s3://{text}")
    except ValidationError:
        raise ConfigError(f"{option} {text!r} is no place in S3.", remedy="Expected s3://bucket/prefix.") from None

"""The IAM policy that ingest and viewing need, and not more. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from syncd.config.kinds import S3Prefix
from syncd.errors import ConfigError

LONGEST_SESSION_POLICY = 2048
"""Characters that STS takes as a session policy (AWS: AssumeRole, parameter Policy)."""

READ_ACTIONS = ["s3:GetObject"]
WRITE_ACTIONS = ["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
"""PutObject covers the parts of a large upload; the other two end one that was cut off."""


@dataclass(frozen=True)
class Scope:
    """Which media a policy is for: buckets with their prefixes, and whether they may be written."""

    places: tuple[S3Prefix, ...]
    write: bool = False

    def __str__(self) -> str:
        return f"{'read and write' if self.write else 'read'} {', '.join(map(str, self.places))}"

    @property
    def buckets(self) -> tuple[str, ...]:
        """The buckets, each once."""
        return tuple(dict.fromkeys(place.bucket for place in self.places))


def policy_document(scope: Scope, partition: str = "aws") -> dict[str, Any]:
    """The policy as AWS reads it; ``partition`` is ``aws``, ``aws-cn`` or ``aws-us-gov``."""
    places = _outermost(scope.places)
    objects = [f"arn:{partition}:s3:::{place.bucket}/{_literal(place.prefix)}*" for place in places]
    buckets = list(dict.fromkeys(f"arn:{partition}:s3:::{place.bucket}" for place in places))
    statements = [
        _allow("LocateBucket", ["s3:GetBucketLocation"], buckets),
        *_listings(places, partition),
        _allow("ReadMedia", READ_ACTIONS, objects),
    ]
    if scope.write:
        statements.append(_allow("WriteMedia", WRITE_ACTIONS, objects))
    return {"Version": "2012-10-17", "Statement": statements}


def session_policy(scope: Scope, partition: str = "aws") -> str:
    """The policy as compact JSON for STS; ``ConfigError`` where it is longer than STS takes."""
    text = json.dumps(policy_document(scope, partition), separators=(",", ":"))
    if len(text) > LONGEST_SESSION_POLICY:
        raise ConfigError(
            f"The session policy for {len(scope.places)} prefixes has {len(text):,} characters; STS takes "
            f"{LONGEST_SESSION_POLICY:,}.",
            remedy="Set `credentials.bucket` to one prefix that they share.",
        )
    return text


def partition_of(role_arn: str | None, region: str | None = None) -> str:
    """The part of AWS (``aws``, ``aws-cn``, ``aws-us-gov``) that a role is in, else a region."""
    if role_arn is not None:
        return role_arn.split(":")[1]
    if region is not None and region.startswith("cn-"):
        return "aws-cn"
    if region is not None and region.startswith("us-gov-"):
        return "aws-us-gov"
    return "aws"


def _outermost(places: Sequence[S3Prefix]) -> list[S3Prefix]:
    """The places that lie in no other."""
    kept: list[S3Prefix] = []
    for place in sorted(set(places)):
        if not any(place.bucket == outer.bucket and place.prefix.startswith(outer.prefix) for outer in kept):
            kept.append(place)
    return kept


def _listings(places: Sequence[S3Prefix], partition: str) -> list[dict[str, Any]]:
    """One statement for each bucket: a prefix of one must not open the listing of another."""
    prefixes: dict[str, list[str]] = {}
    for place in places:
        prefixes.setdefault(place.bucket, []).append(f"{_literal(place.prefix)}*")
    statements = []
    for number, (bucket, allowed) in enumerate(prefixes.items(), start=1):
        sid = "ListMedia" if number == 1 else f"ListMedia{number}"
        statement = _allow(sid, ["s3:ListBucket"], [f"arn:{partition}:s3:::{bucket}"])
        if allowed != ["*"]:
            statement["Condition"] = {"StringLike": {"s3:prefix": allowed}}
        statements.append(statement)
    return statements


def _allow(sid: str, actions: list[str], resources: list[str]) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources}


def _literal(prefix: str) -> str:
    """A prefix in which nothing is a wildcard or a variable: IAM reads ``${*}``, ``${?}``, ``${$}`` as themselves."""
    return "".join(f"${{{each}}}" if each in "*?$" else each for each in prefix)

"""The policy allows what ingest and viewing need, and nothing else."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import Any

import pytest

from syncd.config.kinds import S3Prefix
from syncd.credentials.policy import LONGEST_SESSION_POLICY, Scope, partition_of, policy_document, session_policy
from syncd.errors import ConfigError

MEDIA = S3Prefix("plankton", "highmag/2026/")


def _statements(*places: S3Prefix, write: bool = False, partition: str = "aws") -> list[dict[str, Any]]:
    statements: list[dict[str, Any]] = policy_document(Scope(places, write), partition)["Statement"]
    return statements


def _allowed(action: str, resource: str, statements: list[dict[str, Any]], **context: str) -> bool:
    """IAM's own rule, as far as these policies use it: some statement names the action, resource and condition."""
    for statement in statements:
        named = action in statement["Action"] and any(fnmatchcase(resource, each) for each in statement["Resource"])
        condition = statement.get("Condition", {}).get("StringLike", {})
        assert set(statement.get("Condition", {})) <= {"StringLike"}
        met = all(
            key in context and any(fnmatchcase(context[key], each) for each in allowed)
            for key, allowed in condition.items()
        )
        if named and met:
            return True
    return False


def test_reading_is_the_objects_of_the_prefix_their_listing_and_the_place_of_the_bucket() -> None:
    assert policy_document(Scope((MEDIA,))) == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "LocateBucket",
                "Effect": "Allow",
                "Action": ["s3:GetBucketLocation"],
                "Resource": ["arn:aws:s3:::plankton"],
            },
            {
                "Sid": "ListMedia",
                "Effect": "Allow",
                "Action": ["s3:ListBucket"],
                "Resource": ["arn:aws:s3:::plankton"],
                "Condition": {"StringLike": {"s3:prefix": ["highmag/2026/*"]}},
            },
            {
                "Sid": "ReadMedia",
                "Effect": "Allow",
                "Action": ["s3:GetObject"],
                "Resource": ["arn:aws:s3:::plankton/highmag/2026/*"],
            },
        ],
    }


def test_writing_adds_the_upload_and_no_deletion() -> None:
    actions = {action for each in _statements(MEDIA, write=True) for action in each["Action"]}

    assert actions == {
        "s3:ListBucket",
        "s3:GetBucketLocation",
        "s3:GetObject",
        "s3:PutObject",
        "s3:AbortMultipartUpload",
        "s3:ListMultipartUploadParts",
    }
    assert {resource for each in _statements(MEDIA, write=True)[2:] for resource in each["Resource"]} == {
        "arn:aws:s3:::plankton/highmag/2026/*"
    }


def test_a_whole_bucket_is_listed_without_a_condition() -> None:
    statements = _statements(S3Prefix("plankton", ""))

    assert _allowed("s3:ListBucket", "arn:aws:s3:::plankton", statements)
    assert _allowed("s3:GetObject", "arn:aws:s3:::plankton/any/thing", statements)


def test_a_prefix_of_one_bucket_opens_no_listing_of_another() -> None:
    statements = _statements(S3Prefix("one", "a/"), S3Prefix("two", "b/"))

    assert _allowed("s3:ListBucket", "arn:aws:s3:::one", statements, **{"s3:prefix": "a/"})
    assert not _allowed("s3:ListBucket", "arn:aws:s3:::one", statements, **{"s3:prefix": "b/"})
    assert not _allowed("s3:ListBucket", "arn:aws:s3:::one", statements)
    assert not _allowed("s3:GetObject", "arn:aws:s3:::two/a/image.png", statements)
    sids = [each["Sid"] for each in statements]
    assert len(set(sids)) == len(sids)


def test_a_prefix_within_another_is_not_named_twice() -> None:
    inner, outer = S3Prefix("plankton", "a/b/"), S3Prefix("plankton", "a/")

    assert _statements(inner, outer) == _statements(outer)


@pytest.mark.parametrize("prefix", ["a*b/", "what?/", "${aws:username}/"])
def test_nothing_in_a_prefix_is_a_wildcard_or_a_variable(prefix: str) -> None:
    (resource,) = _statements(S3Prefix("plankton", prefix))[2]["Resource"]

    literal = resource.removesuffix("*")
    for each in "*?$":
        literal = literal.replace(f"${{{each}}}", "")
    assert not set(literal) & set("*?$"), resource
    assert resource.replace("${*}", "*").replace("${?}", "?").replace("${$}", "$").endswith(f"/{prefix}*")


@pytest.mark.parametrize(
    ("role", "region", "partition"),
    [
        ("arn:aws-cn:iam::123456789012:role/media", None, "aws-cn"),
        ("arn:aws-us-gov:iam::123456789012:role/media", "eu-central-1", "aws-us-gov"),
        (None, "cn-north-1", "aws-cn"),
        (None, "us-gov-west-1", "aws-us-gov"),
        (None, "eu-central-1", "aws"),
        (None, None, "aws"),
    ],
)
def test_the_policy_is_for_the_part_of_aws_that_the_role_is_in(
    role: str | None, region: str | None, partition: str
) -> None:
    found = partition_of(role, region)

    assert found == partition
    assert all(
        resource.startswith(f"arn:{partition}:s3:::")
        for each in _statements(MEDIA, write=True, partition=found)
        for resource in each["Resource"]
    )


def test_a_session_policy_is_the_policy_without_blanks() -> None:
    text = session_policy(Scope((MEDIA,), write=True))

    assert json.loads(text) == policy_document(Scope((MEDIA,), write=True))
    assert len(text) < LONGEST_SESSION_POLICY
    assert ": " not in text


def test_a_session_policy_longer_than_sts_takes_is_refused() -> None:
    places = tuple(S3Prefix("plankton", f"deployment-{number:04}/") for number in range(40))

    with pytest.raises(ConfigError, match=r"40 prefixes has [0-9,]+ characters; STS takes 2,048") as caught:
        session_policy(Scope(places))

    assert "credentials.bucket" in str(caught.value.remedy)

"""Keys that were issued can do what they are for, and no more; IAM judges every request."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from moto import settings

from syncd.adapters.s3.client import s3_client
from syncd.adapters.s3.errors import AccessDenied, Place
from syncd.adapters.s3.objects import pages, read_range
from syncd.adapters.s3.upload import PART, upload
from syncd.config import parse_config
from syncd.config.kinds import S3Prefix
from syncd.credentials.policy import Scope, policy_document
from syncd.credentials.renew import renew

BINDING = {
    "name": "highmag",
    "dataset": "highmag",
    "label_field": "ground_truth",
    "table": "annotation",
    "columns": {"id": "annotation_id", "label": "label", "media": "media_uri"},
}


@contextmanager
def judging() -> Iterator[None]:
    """Has moto (its server is in this process) judge every request by IAM's policies, for the length of a block."""
    before = settings.INITIAL_NO_AUTH_ACTION_COUNT
    settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
    try:
        yield
    finally:
        settings.INITIAL_NO_AUTH_ACTION_COUNT = before


@pytest.fixture
def client_for(
    s3_endpoint: str, s3_bucket: str, tmp_path: Path, client: Callable[..., Any]
) -> Iterator[Callable[[bool], Any]]:
    """A client with keys that were issued for a role that has the printed policy; True: also to write."""
    made: list[str] = []
    iam = client("iam")

    def make(write: bool) -> Any:
        name = f"media-{write}"
        trust = {"Version": "2012-10-17", "Statement": []}
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        made.append(name)
        policy = json.dumps(policy_document(Scope((S3Prefix(s3_bucket, "p/"),), write)))
        iam.put_role_policy(RoleName=name, PolicyName="media", PolicyDocument=policy)
        config = parse_config(
            {
                "database": {"url": "sqlite:///not-used.db"},
                "bindings": [BINDING],
                "s3": {"endpoint_url": s3_endpoint, "credentials_file": str(tmp_path / "aws"), "profile": "lab"},
                "credentials": {
                    "role_arn": role,
                    "bucket": f"s3://{s3_bucket}/p",
                    "write": write,
                    "sts_endpoint_url": s3_endpoint,
                },
            }
        )
        assert renew(config).renewed
        return s3_client(config.s3, attempts=1)

    yield make
    for name in made:
        iam.delete_role_policy(RoleName=name, PolicyName="media")
        iam.delete_role(RoleName=name)


def _never() -> bool:
    return False


def test_keys_for_reading_list_and_read_and_cannot_write(
    client_for: Callable[[bool], Any], client: Callable[..., Any], s3_bucket: str, tmp_path: Path
) -> None:
    client("s3").put_object(Bucket=s3_bucket, Key="p/a.png", Body=b"content")
    theirs = client_for(False)
    (tmp_path / "b.png").write_bytes(b"b")

    with judging():
        assert [page.height for page in pages(theirs, Place(s3_bucket, "p/"))] == [1]
        assert read_range(theirs, Place(s3_bucket, "p/a.png"), 0, 100)[0] == b"content"
        with pytest.raises(AccessDenied, match="s3:PutObject"):
            upload(theirs, tmp_path / "b.png", Place(s3_bucket, "p/b.png"), _never)


@pytest.mark.parametrize("size", [3, PART + 1])
def test_keys_for_writing_upload_files_of_any_size(
    client_for: Callable[[bool], Any], s3_bucket: str, tmp_path: Path, size: int
) -> None:
    theirs = client_for(True)
    (tmp_path / "b.png").write_bytes(bytes(size))

    with judging():
        assert upload(theirs, tmp_path / "b.png", Place(s3_bucket, "p/b.png"), _never).size_bytes == size
        with pytest.raises(Exception, match="AccessDenied"):
            theirs.delete_object(Bucket=s3_bucket, Key="p/b.png")


def test_a_running_client_takes_renewed_keys_from_the_file(
    client_for: Callable[[bool], Any], s3_bucket: str, tmp_path: Path
) -> None:
    (tmp_path / "b.png").write_bytes(b"b")
    theirs = client_for(False)
    with judging(), pytest.raises(AccessDenied):
        upload(theirs, tmp_path / "b.png", Place(s3_bucket, "p/b.png"), _never)

    client_for(True)

    with judging():
        upload(theirs, tmp_path / "b.png", Place(s3_bucket, "p/b.png"), _never)

"""An inbox whose media root is a bucket."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import s3
from inbox_lab import InboxLab, picture
from syncd.adapters.s3.errors import S3Failed
from syncd.config import Config
from syncd.ingest.inbox.result import Became

TEXT = "image,label\nä b.png,Copepoda\nb.png,Diatom\n"


def config(lab: InboxLab, endpoint: str, bucket: str, tmp_path: Path) -> Config:
    """The configuration, with media in the bucket."""
    settings = {"endpoint_url": endpoint, "cache": str(tmp_path / "cache")}
    return lab.config(ingest={"media": f"s3://{bucket}/high mag"}, s3=settings)


def keys(endpoint: str, bucket: str) -> dict[str, Any]:
    """{key: size} of the bucket."""
    found = s3.plain_client(endpoint).list_objects_v2(Bucket=bucket)
    return {each["Key"]: each["Size"] for each in found.get("Contents", ())}


def drop(lab: InboxLab) -> None:
    picture(lab.inbox / "ä b.png", 1)
    lab.drop(TEXT, b=2)


def test_images_are_uploaded_verified_and_named_as_the_others_are(
    lab: InboxLab, s3_endpoint: str, s3_bucket: str, tmp_path: Path
) -> None:
    given = config(lab, s3_endpoint, s3_bucket, tmp_path)
    drop(lab)
    size = (lab.inbox / "b.png").stat().st_size
    [outcome] = lab.empty(given).outcomes
    assert (outcome.became, outcome.added) == (Became.LOADED, 2)
    there = keys(s3_endpoint, s3_bucket)
    assert set(there) == {"high mag/station7/ä b.png", "high mag/station7/b.png"}
    assert there["high mag/station7/b.png"] == size
    assert [row["media_uri"] for row in lab.rows()] == ["station7/b.png", "station7/ä b.png"]
    assert sorted(lab.labels().values()) == ["Copepoda", "Diatom"]
    drop(lab)
    [outcome] = lab.empty(given).outcomes
    assert (outcome.added, outcome.already) == (0, 2)
    assert keys(s3_endpoint, s3_bucket) == there


def test_another_object_of_the_same_name_is_left_as_it_is(
    lab: InboxLab, s3_endpoint: str, s3_bucket: str, tmp_path: Path
) -> None:
    client = s3.plain_client(s3_endpoint)
    client.put_object(Bucket=s3_bucket, Key="high mag/station7/b.png", Body=b"somebody else's")
    drop(lab)
    [outcome] = lab.empty(config(lab, s3_endpoint, s3_bucket, tmp_path)).outcomes
    assert outcome.became is Became.LOADED
    assert client.get_object(Bucket=s3_bucket, Key="high mag/station7/b.png")["Body"].read() == b"somebody else's"
    assert len(keys(s3_endpoint, s3_bucket)) == 3
    assert {row["media_uri"] for row in lab.rows()} < {
        each.removeprefix("high mag/") for each in keys(s3_endpoint, s3_bucket)
    }


def test_what_cannot_be_uploaded_is_not_in_the_table_and_the_next_call_does_it(
    lab: InboxLab, s3_endpoint: str, s3_bucket: str, tmp_path: Path
) -> None:
    drop(lab)
    with s3.gate(s3_endpoint) as gate:
        gate.refuse = lambda request: s3.access_denied() if request.method == "PUT" else None
        with pytest.raises(S3Failed, match="s3:PutObject"):
            lab.empty(config(lab, gate.url, s3_bucket, tmp_path))
    assert lab.rows() == []
    assert (lab.inbox / "station7.csv").exists()
    [outcome] = lab.empty(config(lab, s3_endpoint, s3_bucket, tmp_path)).outcomes
    assert outcome.added == 2

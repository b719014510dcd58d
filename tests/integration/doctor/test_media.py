"""Where the media are: folders and buckets that are not there, or may not be read or written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import s3
from integration.doctor.lab import Lab, find, wanting


@pytest.fixture
def folder(lab: Lab, tmp_path: Path) -> Path:
    """A media folder with an image in it; what syncd reads is ingested from there."""
    media = tmp_path / "media"
    media.mkdir()
    (media / "a.png").write_bytes(b"image")
    lab.binding["ingest"] = {"media": str(media)}
    return media


def test_a_folder_that_can_be_read_is_well(lab: Lab, folder: Path) -> None:
    findings = lab.diagnose()
    assert wanting(findings) == []
    assert find(findings, "Media folder", "plankton").detail == f"{folder} can be read"


def test_a_binding_without_media_is_not_asked_for_them(lab: Lab) -> None:
    assert not [each for each in lab.diagnose() if "edia folder" in each.check or each.check == "Inbox"]


def test_a_folder_that_is_not_there(lab: Lab, folder: Path) -> None:
    lab.binding["ingest"]["media"] = str(folder / "nowhere")
    found = lab.finding("Media folder")
    assert (found.status, "nowhere cannot be read: No such file" in found.detail) == ("fault", True)
    assert "`ingest.media`" in str(found.remedy)


def test_an_empty_folder_may_be_one_that_is_not_mounted(lab: Lab, folder: Path) -> None:
    (folder / "a.png").unlink()
    found = lab.finding("Media folder")
    assert (found.status, found.detail) == ("warning", f"{folder} is empty")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may do anything")
def test_a_folder_and_files_that_may_not_be_read(lab: Lab, folder: Path) -> None:
    (folder / "a.png").chmod(0)
    assert lab.finding("Media folder").status == "fault"
    folder.chmod(0o444)
    assert lab.finding("Media folder").status == "fault"
    folder.chmod(0o755)


def test_an_inbox_that_is_not_there_is_made_by_its_remedy(lab: Lab, folder: Path) -> None:
    lab.binding["ingest"]["inbox"] = str(folder.parent / "inbox")
    found = lab.finding("Inbox")
    assert (found.status, "is no folder" in found.detail) == ("fault", True)
    os.system(str(found.remedy).removeprefix("Run: ").partition("   (")[0])  # noqa: S605 - a remedy is what is tested
    assert lab.finding("Inbox").status == "ok"
    assert lab.finding("Media folder").detail.endswith("can be read and written")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may do anything")
def test_a_folder_that_the_inbox_may_not_write(lab: Lab, folder: Path) -> None:
    (folder.parent / "inbox").mkdir()
    lab.binding["ingest"]["inbox"] = str(folder.parent / "inbox")
    folder.chmod(0o555)
    found = lab.finding("Media folder")
    assert (found.status, "cannot be written, where the inbox puts images" in found.detail) == ("fault", True)
    folder.chmod(0o755)


@pytest.fixture
def bucket(lab: Lab, s3_endpoint: str, s3_bucket: str, tmp_path: Path) -> Any:
    """Media in S3; the cache is the test's own."""
    lab.binding["ingest"] = {"media": f"s3://{s3_bucket}/cruise"}
    lab.settings["s3"] = {"endpoint_url": s3_endpoint, "cache": str(tmp_path / "cache")}
    client = s3.plain_client(s3_endpoint)
    client.put_object(Bucket=s3_bucket, Key="cruise/a.png", Body=b"image")
    return client


def test_a_bucket_that_can_be_listed_and_read_is_well(lab: Lab, bucket: Any, s3_bucket: str) -> None:
    findings = lab.diagnose()
    assert wanting(findings) == []
    assert find(findings, "Media in S3", "plankton").detail == f"s3://{s3_bucket}/cruise/ can be listed and read"


def test_a_bucket_that_is_not_there(lab: Lab, bucket: Any) -> None:
    lab.binding["ingest"]["media"] = "s3://another-bucket/cruise"
    found = lab.finding("Media in S3")
    assert (found.status, "there is no bucket another-bucket" in found.detail) == ("fault", True)
    assert "`ingest.media`" in str(found.remedy)


def test_a_prefix_that_holds_nothing(lab: Lab, bucket: Any, s3_bucket: str) -> None:
    lab.binding["ingest"]["media"] = f"s3://{s3_bucket}/other"
    found = lab.finding("Media in S3")
    assert (found.status, "holds nothing" in found.detail) == ("warning", True)


def test_an_s3_that_does_not_answer_is_named_soon(lab: Lab, bucket: Any) -> None:
    lab.settings["s3"]["endpoint_url"] = "http://127.0.0.1:9"
    found = lab.finding("Media in S3")
    assert (found.status, "does not answer" in found.detail) == ("fault", True)
    assert "`s3.endpoint_url`" in str(found.remedy)


def test_keys_that_are_missing(lab: Lab, bucket: Any, tmp_path: Path) -> None:
    lab.settings["s3"]["credentials_file"] = str(tmp_path / "no-keys")
    found = lab.finding("Media in S3")
    assert (found.status, "no-keys is not there" in found.detail) == ("fault", True)
    assert "syncd credentials issue" in str(found.remedy)


@pytest.mark.parametrize(("what", "right"), [("list", "s3:ListBucket"), ("get", "s3:GetObject")])
def test_a_permission_that_is_missing_is_named(lab: Lab, bucket: Any, s3_endpoint: str, what: str, right: str) -> None:
    with s3.gate(s3_endpoint) as gate:
        gate.refuse = lambda request: s3.access_denied() if request.is_listing == (what == "list") else None
        lab.settings["s3"]["endpoint_url"] = gate.url
        found = lab.finding("Media in S3")
    assert (found.status, right in found.detail) == ("fault", True), found


def test_a_cache_that_cannot_be_made(lab: Lab, bucket: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    lab.settings["s3"]["cache"] = str(tmp_path / "file" / "cache")
    found = lab.finding("Cache of media")
    assert (found.status, "is no folder" in found.detail) == ("fault", True)
    assert "`s3.cache`" in str(found.remedy)

"""A file becomes an object only whole, only under a free key, and only as S3's own size and checksum say."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import s3
from syncd.adapters.s3.client import s3_client
from syncd.adapters.s3.errors import AccessDenied, ObjectFault, Place, S3Failed
from syncd.adapters.s3.objects import Stopped
from syncd.adapters.s3.upload import PART, Fingerprint, OtherContent, fingerprint, stored, upload
from syncd.config import S3Config

NAMES = ["plain.png", "a b/ü #?%20+&=.png", "nfd/u\u0308.png", "back\\slash", "日本.tif"]


@pytest.fixture
def client(s3_endpoint: str, s3_bucket: str) -> Any:
    return s3_client(S3Config(endpoint_url=s3_endpoint), attempts=4)


def _never() -> bool:
    return False


def _file(folder: Path, content: bytes) -> Path:
    path = folder / "a.png"
    path.write_bytes(content)
    return path


def _content(s3_endpoint: str, place: Place) -> bytes:
    answer = s3.plain_client(s3_endpoint).get_object(Bucket=place.bucket, Key=place.key)
    content: bytes = answer["Body"].read()
    return content


@pytest.mark.parametrize("name", NAMES)
def test_a_file_arrives_under_its_name_with_the_etag_that_is_returned(
    client: Any, s3_endpoint: str, s3_bucket: str, tmp_path: Path, name: str
) -> None:
    place = Place(s3_bucket, f"p/{name}")

    made = upload(client, _file(tmp_path, b"content"), place, _never)

    assert _content(s3_endpoint, place) == b"content"
    assert made.etag == hashlib.md5(b"content", usedforsecurity=False).hexdigest()
    assert made.sha256 in (None, base64.b64encode(hashlib.sha256(b"content").digest()).decode())


@pytest.mark.parametrize("size", [0, 1, PART, PART + 1, 2 * PART])
def test_a_file_of_any_size_arrives_and_is_recognised_afterwards(
    client: Any, s3_endpoint: str, s3_bucket: str, tmp_path: Path, size: int
) -> None:
    place = Place(s3_bucket, "a.png")
    path = _file(tmp_path, bytes(range(251)) * (size // 251) + bytes(size % 251))

    made = upload(client, path, place, _never)

    assert _content(s3_endpoint, place) == path.read_bytes()
    assert fingerprint(path, _never).proves(made)
    there = stored(client, place)
    assert there is not None
    assert fingerprint(path, _never).proves(there)
    assert (made.etag.partition("-")[2] or "1") == str(max(1, -(-size // PART)))


def test_the_kind_of_media_goes_with_it(client: Any, s3_endpoint: str, s3_bucket: str, tmp_path: Path) -> None:
    upload(client, _file(tmp_path, b"x"), Place(s3_bucket, "a.png"), _never)

    head = s3.plain_client(s3_endpoint).head_object(Bucket=s3_bucket, Key="a.png")
    assert head["ContentType"] == "image/png"


@pytest.mark.parametrize("size", [3, PART + 1])
def test_another_object_of_that_key_is_never_replaced(
    client: Any, s3_endpoint: str, s3_bucket: str, tmp_path: Path, size: int
) -> None:
    place = Place(s3_bucket, "a.png")
    s3.plain_client(s3_endpoint).put_object(Bucket=s3_bucket, Key="a.png", Body=b"old")

    with pytest.raises(OtherContent, match="is there already, with other content"):
        upload(client, _file(tmp_path, b"x" * size), place, _never)

    assert _content(s3_endpoint, place) == b"old"
    assert not s3.plain_client(s3_endpoint).list_multipart_uploads(Bucket=s3_bucket).get("Uploads")


def test_the_same_object_from_somebody_else_is_as_good(
    client: Any, s3_endpoint: str, s3_bucket: str, tmp_path: Path
) -> None:
    s3.plain_client(s3_endpoint).put_object(Bucket=s3_bucket, Key="a.png", Body=b"same")

    made = upload(client, _file(tmp_path, b"same"), Place(s3_bucket, "a.png"), _never)

    assert made.size_bytes == 4


def test_a_server_without_conditional_writes_is_asked_without(s3_endpoint: str, s3_bucket: str, tmp_path: Path) -> None:
    with s3.gate(s3_endpoint) as gate:
        gate.refuse = lambda request: s3.Refusal(501, "NotImplemented") if "if-none-match" in request.headers else None
        client = s3_client(S3Config(endpoint_url=gate.url), attempts=2)
        upload(client, _file(tmp_path, b"content"), Place(s3_bucket, "a.png"), _never)

    assert _content(s3_endpoint, Place(s3_bucket, "a.png")) == b"content"


@pytest.mark.parametrize("refusal", [s3.throttled(), s3.HANG_UP], ids=["throttled", "hung up"])
def test_throttling_and_broken_connections_are_sat_out(
    s3_endpoint: str, s3_bucket: str, tmp_path: Path, refusal: s3.Refusal
) -> None:
    with s3.gate(s3_endpoint) as gate:
        gate.refuse = lambda request: refusal if len(gate.requests) < 3 else None
        client = s3_client(S3Config(endpoint_url=gate.url), attempts=5)
        upload(client, _file(tmp_path, b"content"), Place(s3_bucket, "a.png"), _never)

    assert _content(s3_endpoint, Place(s3_bucket, "a.png")) == b"content"


def test_an_answer_that_got_lost_is_no_other_content(s3_endpoint: str, s3_bucket: str, tmp_path: Path) -> None:
    """The object was made and the connection broke: the repeated request finds it, and it is the file."""
    lost = []

    with s3.gate(s3_endpoint) as gate:

        def lose_the_first(request: s3.Request) -> s3.Refusal | None:
            if request.method == "PUT" and not lost:
                lost.append(request)
                s3.plain_client(s3_endpoint).put_object(Bucket=s3_bucket, Key="a.png", Body=b"content")
                return s3.HANG_UP
            return None

        gate.refuse = lose_the_first
        client = s3_client(S3Config(endpoint_url=gate.url), attempts=3)
        made = upload(client, _file(tmp_path, b"content"), Place(s3_bucket, "a.png"), _never)

    assert lost
    assert made.size_bytes == 7


def test_a_missing_permission_is_named(s3_endpoint: str, s3_bucket: str, tmp_path: Path) -> None:
    with s3.gate(s3_endpoint) as gate:
        gate.refuse = lambda request: s3.access_denied() if request.method == "PUT" else None
        client = s3_client(S3Config(endpoint_url=gate.url), attempts=1)
        with pytest.raises(AccessDenied, match=rf"s3:PutObject on arn:aws:s3:::{s3_bucket}/p/\*") as caught:
            upload(client, _file(tmp_path, b"content"), Place(s3_bucket, "p/a.png"), _never)

    assert "policy --write" in str(caught.value.remedy)


def test_a_missing_bucket_is_named(client: Any, tmp_path: Path) -> None:
    with pytest.raises(S3Failed, match="no bucket none-of-this-name") as caught:
        upload(client, _file(tmp_path, b"content"), Place("none-of-this-name", "a.png"), _never)

    assert "--to" in str(caught.value.remedy)


def test_what_arrived_otherwise_than_it_was_sent_is_a_fault(
    client: Any, s3_endpoint: str, s3_bucket: str, tmp_path: Path
) -> None:
    """Somebody overwrites the object right after it was made, before S3 is asked what it holds."""

    def overwrite(**_: Any) -> None:
        s3.plain_client(s3_endpoint).put_object(Bucket=s3_bucket, Key="a.png", Body=b"CONTENT")

    client.meta.events.register_first("before-call.s3.HeadObject", overwrite)

    with pytest.raises(ObjectFault, match="not what was sent"):
        upload(client, _file(tmp_path, b"content"), Place(s3_bucket, "a.png"), _never)


def test_told_to_stop_it_stops_between_parts_and_leaves_none(
    client: Any, s3_endpoint: str, s3_bucket: str, tmp_path: Path
) -> None:
    asked = []

    def second_time() -> bool:
        asked.append(1)
        return len(asked) > 1

    with pytest.raises(Stopped):
        upload(client, _file(tmp_path, bytes(3 * PART)), Place(s3_bucket, "a.png"), second_time)

    assert stored(client, Place(s3_bucket, "a.png")) is None
    assert not s3.plain_client(s3_endpoint).list_multipart_uploads(Bucket=s3_bucket).get("Uploads")


def test_what_is_not_there_has_no_fingerprint(client: Any, s3_bucket: str) -> None:
    assert stored(client, Place(s3_bucket, "a.png")) is None


def _proof(change: Callable[[Fingerprint], Fingerprint]) -> bool:
    file = Fingerprint(7, "0" * 32, "sha")
    return file.proves(change(file))


def test_only_equal_size_and_checksum_prove_an_object() -> None:
    assert _proof(lambda file: file)
    assert _proof(lambda file: Fingerprint(7, "0" * 32, None))
    assert _proof(lambda file: Fingerprint(7, "another of an encrypted object", "sha"))
    assert not _proof(lambda file: Fingerprint(8, file.etag, file.sha256))
    assert not _proof(lambda file: Fingerprint(7, "1" * 32, None))
    assert not _proof(lambda file: Fingerprint(7, "1" * 32, "another"))


def test_of_an_object_in_parts_the_number_of_parts_may_be_missing() -> None:
    file = Fingerprint(7, f"{'0' * 32}-3", "sha-3")

    assert file.proves(Fingerprint(7, "another", "sha"))
    assert file.proves(Fingerprint(7, "another", "sha-3"))
    assert not file.proves(Fingerprint(7, "another", "sha-2"))

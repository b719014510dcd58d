"""Media in S3, over HTTP: what a survey finds, and how the open-source FiftyOne and Enterprise get at them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

import s3
from media_stores import Fill, fetched, image, located, open_store, surveyed
from syncd.ingest.media.store import MediaStore, Survey

NAMES = ["a.png", "deep/er b/ü.png", "100%#?+&=.png", "x//y.png"]


def test_more_than_a_page_is_listed(put: Fill, client: Any, store: MediaStore, gate: s3.Gate, s3_bucket: str) -> None:
    put(**{f"cruise/{number:04}.png": b"x" for number in range(1_003)})
    put(**{"cruise/notes.txt": b"x", "cruise/folder/": b"", "cruises/other.png": b"x"})
    told: list[int] = []
    found = store.survey(located(store, "0000.png", "1002.png", "gone.png")["location"], told.append)
    assert found == Survey(frozenset({f"s3://{s3_bucket}/cruise/gone.png"}), 1_001)
    assert sum(told) == 1_004
    assert len(gate.requests) == 2


def test_without_a_root_what_the_keys_share_is_listed(put: Fill, s3_bucket: str, gate: s3.Gate, tmp_path: Path) -> None:
    put(**{"cruise/day 1/a.png": b"x", "cruise/day 2/b.png": b"x", "other/c.png": b"x"})
    store = open_store(None, tmp_path / "cache", endpoint_url=gate.url)
    keys = [f"s3://{s3_bucket}/cruise/day {day}.png" for day in ("1/a", "2/b", "2/gone")]
    assert surveyed(store, *keys) == Survey(frozenset({keys[2]}), None)
    (listing,) = gate.requests
    assert "prefix=cruise%2F" in listing.path


@pytest.mark.parametrize("looked_first", [True, False])
def test_the_open_source_fiftyone_gets_files(
    put: Fill, store: MediaStore, gate: s3.Gate, s3_bucket: str, tmp_path: Path, *, looked_first: bool
) -> None:
    contents = {name: image(seed=number) for number, name in enumerate(NAMES)}
    put(**{f"cruise/{name}": content for name, content in contents.items()})
    if looked_first:
        assert surveyed(store, *NAMES) == Survey(frozenset(), 0)
        gate.forget()
    rows = fetched(store, *NAMES)
    for row, (name, content) in zip(rows, contents.items(), strict=True):
        assert row["fault"] is None
        assert row["key"] == name
        assert row["uri"] == f"s3://{s3_bucket}/cruise/{name}"
        assert row["etag"] == hashlib.md5(content, usedforsecurity=False).hexdigest()
        assert (row["size_bytes"], row["width"], row["height"]) == (len(content), 40, 30)
        assert Path(row["path"]).read_bytes() == content
        assert Path(row["path"]).is_relative_to(tmp_path / "cache" / s3_bucket / "cruise")
        assert Path(row["path"]).suffix == ".png"
    if looked_first:
        assert len(gate.requests) == len(NAMES)


def test_what_is_in_the_cache_is_not_asked_for_again(
    put: Fill, store: MediaStore, gate: s3.Gate, s3_bucket: str, tmp_path: Path
) -> None:
    put(**{f"cruise/{name}": image() for name in NAMES})
    first = fetched(store, *NAMES)
    again = open_store(f"s3://{s3_bucket}/cruise", tmp_path / "cache", endpoint_url=gate.url)
    surveyed(again, *NAMES)
    gate.forget()
    assert fetched(again, *NAMES) == first
    assert gate.requests == []


def test_an_object_that_was_replaced_is_another_file(put: Fill, store: MediaStore) -> None:
    put(**{"cruise/a.png": image(seed=1)})
    surveyed(store, "a.png")
    (before,) = fetched(store, "a.png")
    put(**{"cruise/a.png": image(seed=2)})
    (stale,) = fetched(store, "a.png")
    assert stale == before, "what a survey has seen stays so until the next"
    surveyed(store, "a.png")
    (after,) = fetched(store, "a.png")
    assert after["path"] != before["path"]
    assert Path(after["path"]).read_bytes() == image(seed=2)
    assert Path(before["path"]).read_bytes() == image(seed=1)


def test_an_object_that_was_replaced_since_the_survey_is_loaded_as_it_is_now(put: Fill, store: MediaStore) -> None:
    put(**{"cruise/a.png": image(seed=1)})
    surveyed(store, "a.png")
    put(**{"cruise/a.png": image(seed=2)})
    (row,) = fetched(store, "a.png")
    assert Path(row["path"]).read_bytes() == image(seed=2)
    assert row["etag"] == hashlib.md5(image(seed=2), usedforsecurity=False).hexdigest()


def test_enterprise_keeps_the_uri_and_needs_one_request_each(
    put: Fill, gate: s3.Gate, s3_bucket: str, tmp_path: Path
) -> None:
    large = image("JPEG", size=(2_000, 1_500), quality=98)
    assert len(large) > 100_000
    put(**{"cruise/a.jpg": large, "cruise/b.png": image()})
    store = open_store(f"s3://{s3_bucket}/cruise", tmp_path / "cache", edition="enterprise", endpoint_url=gate.url)
    rows = fetched(store, "a.jpg", "b.png")
    assert [row["path"] for row in rows] == [f"s3://{s3_bucket}/cruise/a.jpg", f"s3://{s3_bucket}/cruise/b.png"]
    assert [row["uri"] for row in rows] == [row["path"] for row in rows]
    assert [(row["size_bytes"], row["width"], row["mime_type"]) for row in rows] == [
        (len(large), 2_000, "image/jpeg"),
        (len(image()), 40, "image/png"),
    ]
    assert len(gate.requests) == 2
    assert {each.headers["range"] for each in gate.requests} == {"bytes=0-65535"}
    assert gate.body_bytes <= 65_536 + len(image())
    assert not (tmp_path / "cache").exists()


def test_enterprise_asks_again_where_the_header_is_longer(
    put: Fill, gate: s3.Gate, s3_bucket: str, tmp_path: Path
) -> None:
    wordy = image("JPEG", icc_profile=bytes(150_000))
    put(**{"cruise/wordy.jpg": wordy, "cruise/end.tif": image("TIFF", size=(400, 300))})
    store = open_store(f"s3://{s3_bucket}/cruise", tmp_path / "cache", edition="enterprise", endpoint_url=gate.url)
    rows = fetched(store, "wordy.jpg", "end.tif")
    assert [(row["width"], row["fault"]) for row in rows] == [(40, None), (400, None)]
    assert 3 <= len(gate.requests) <= 5


@pytest.mark.parametrize("edition", ["open_source", "enterprise"])
def test_bad_objects_are_faults_of_their_own(
    put: Fill, gate: s3.Gate, s3_bucket: str, tmp_path: Path, edition: str
) -> None:
    cut = image("JPEG", size=(300, 200))[:-500]
    put(**{"cruise/text.png": b"image,label", "cruise/empty.png": b"", "cruise/really.png": image("JPEG")})
    put(**{"cruise/cut.jpg": cut, "cruise/good.png": image()})
    store = open_store(f"s3://{s3_bucket}/cruise", tmp_path / "cache", edition=edition, endpoint_url=gate.url)
    keys = ["text.png", "empty.png", "gone.png", "cut.jpg", "really.png", "good.png"]
    rows = {row["key"]: row for row in fetched(store, *keys)}
    assert list(rows) == keys
    uri = f"s3://{s3_bucket}/cruise"
    assert rows["text.png"]["fault"].startswith(f"{uri}/text.png is not an image that can be read")
    assert rows["empty.png"]["fault"] == f"{uri}/empty.png is empty (0 bytes)."
    assert rows["gone.png"]["fault"] == f"{uri}/gone.png is not there."
    assert rows["good.png"]["fault"] is None
    assert rows["really.png"]["fault"] is None
    assert rows["really.png"]["mime_type"] == "image/jpeg"
    assert rows["really.png"]["note"] == "The name ends in .png, but the content is image/jpeg"
    if edition == "open_source":  # Enterprise's media stay where they are: only their beginnings are looked at
        assert rows["cut.jpg"]["fault"].startswith(f"{uri}/cut.jpg is damaged or not whole")


def test_requester_pays_goes_with_every_request(put: Fill, gate: s3.Gate, s3_bucket: str, tmp_path: Path) -> None:
    put(**{"cruise/a.png": image()})
    store = open_store(f"s3://{s3_bucket}/cruise", tmp_path / "cache", endpoint_url=gate.url, requester_pays=True)
    surveyed(store, "a.png")
    fetched(store, "a.png")
    assert [each.headers.get("x-amz-request-payer") for each in gate.requests] == ["requester", "requester"]


def test_a_changed_credentials_file_is_used_without_a_restart(
    put: Fill, gate: s3.Gate, s3_bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    put(**{"cruise/a.png": image(), "cruise/b.png": image()})
    keys = tmp_path / "keys"

    def write(key_id: str, section: str = "default") -> None:
        new = tmp_path / "keys.new"
        new.write_text(f"[{section}]\naws_access_key_id = {key_id}\naws_secret_access_key = a%b\n")
        new.replace(keys)

    write("AKIAFIRST")
    store = open_store(
        f"s3://{s3_bucket}/cruise", tmp_path / "cache", endpoint_url=gate.url, credentials_file=str(keys)
    )
    fetched(store, "a.png")
    assert all("Credential=AKIAFIRST/" in each.headers["authorization"] for each in gate.requests)
    gate.forget()
    write("AKIASECOND")
    fetched(store, "b.png")
    assert all("Credential=AKIASECOND/" in each.headers["authorization"] for each in gate.requests)
    gate.forget()
    keys.write_text("[default]\naws_access")
    fetched(store, "a.png")
    assert all("Credential=AKIASECOND/" in each.headers["authorization"] for each in gate.requests)
    assert gate.requests

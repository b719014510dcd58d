"""A dataset's media go to S3: every file verified there before a sample points to it, whatever happens in between."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

import s3
import servers
from ingest_lab import IngestLab, ingest_lab
from syncd.adapters.connect import open_database
from syncd.cli.main import app
from syncd.config import Config, S3Prefix, parse_config
from syncd.errors import Busy, MappingError
from syncd.ingest.media import rewrite as rewriting
from syncd.ingest.media.transfer import UploadResult
from syncd.ingest.media.upload import UploadOptions, upload_media
from syncd.store.lock import one_run

IMAGES = 6


@pytest.fixture
def lab(database_url: str, mongo_uri: str, tmp_path: Path, fiftyone: ModuleType) -> Iterator[IngestLab]:
    """A lab without images or rows."""
    folder = tmp_path / "images"
    folder.mkdir()
    with ingest_lab(database_url, mongo_uri, folder) as made:
        yield made


@pytest.fixture
def bucket(s3_bucket: str) -> S3Prefix:
    """Where the media go."""
    return S3Prefix(s3_bucket, "highmag/")


def fill(lab: IngestLab, *, folders: bool = False) -> list[Path]:
    """A dataset of local images; half of them in a folder within that of the others, if asked for."""
    paths = [lab.image(f"{'zoo/' * (folders and number % 2)}i {number}.png") for number in range(IMAGES)]
    for number, path in enumerate(paths):
        path.write_bytes(path.read_bytes() + bytes([number]))  # no two have the same content
        lab.row(f"a-{number}", str(path.relative_to(lab.folder)))
    assert lab.ingest().exit_code == 0
    return paths


def document(lab: IngestLab, s3_endpoint: str, edition: str = "enterprise", **binding: Any) -> dict[str, Any]:
    given = lab.document(s3={"endpoint_url": s3_endpoint, "connections": 4}, **binding)
    given["fiftyone"]["edition"] = edition
    return given


def config(lab: IngestLab, s3_endpoint: str, edition: str = "enterprise", **binding: Any) -> Config:
    return parse_config(document(lab, s3_endpoint, edition, **binding))


def upload(settings: Config, to: S3Prefix, **options: Any) -> UploadResult:
    return upload_media(settings, "lab", UploadOptions(to, **options))


def objects(s3_endpoint: str, to: S3Prefix) -> dict[str, bytes]:
    client = s3.plain_client(s3_endpoint)
    found = client.list_objects_v2(Bucket=to.bucket).get("Contents", [])
    return {each["Key"]: client.get_object(Bucket=to.bucket, Key=each["Key"])["Body"].read() for each in found}


def paths(lab: IngestLab) -> list[str]:
    return [each["filepath"] for each in lab.documents()]


def check_moved(lab: IngestLab, s3_endpoint: str, to: S3Prefix, files: list[Path]) -> None:
    """Every sample points to the object that holds its file, and both sides still agree."""
    there = objects(s3_endpoint, to)
    assert there == {f"{to.prefix}{each.relative_to(lab.folder)}": each.read_bytes() for each in files}
    for each in lab.documents():
        assert each["filepath"] == each["s3_uri"] == f"{to}{each['media_uri']}"
        assert each["s3_etag"] == s3.plain_client(s3_endpoint).head_object(
            Bucket=to.bucket, Key=to.prefix + each["media_uri"]
        )["ETag"].strip('"')
    result = lab.reconcile(full=True)
    assert result.plan is not None
    assert (result.plan.is_empty, result.plan.conflicts) == (True, ())


def test_on_enterprise_the_files_go_to_s3_and_the_samples_point_there(
    lab: IngestLab, s3_endpoint: str, bucket: S3Prefix
) -> None:
    files = fill(lab, folders=True)
    before = {each["_id"]: each for each in lab.documents()}

    done = upload(config(lab, s3_endpoint), bucket)

    assert (done.sent, done.present, done.failed, done.rewritten, done.exit_code) == (IMAGES, 0, (), IMAGES, 0)
    assert done.sent_bytes == sum(each.stat().st_size for each in files)
    check_moved(lab, s3_endpoint, bucket, files)
    for each in lab.documents():
        was = before[each["_id"]]
        assert each["last_modified_at"] > was["last_modified_at"]
        changed = {name for name in each.keys() | was.keys() if each.get(name) != was.get(name)}
        assert changed == {"filepath", "s3_uri", "s3_etag", "last_modified_at"}
    assert {each.filepath for each in lab.loaded()} == {f"{bucket}{each.relative_to(lab.folder)}" for each in files}


def test_a_second_call_finds_nothing_to_do(lab: IngestLab, s3_endpoint: str, bucket: S3Prefix) -> None:
    fill(lab)
    upload(config(lab, s3_endpoint), bucket)
    before = lab.documents()

    again = upload(config(lab, s3_endpoint), bucket)

    assert (again.sent, again.present, again.rewritten, again.elsewhere, again.exit_code) == (0, 0, 0, IMAGES, 0)
    assert lab.documents() == before


def test_on_the_open_source_version_no_sample_changes_unless_told_to(
    lab: IngestLab, s3_endpoint: str, bucket: S3Prefix
) -> None:
    files = fill(lab)
    before = lab.documents()
    settings = config(lab, s3_endpoint, "open_source")

    first = upload(settings, bucket)

    assert (first.sent, first.rewritten, first.to_rewrite, first.rewrite) == (IMAGES, 0, IMAGES, False)
    assert lab.documents() == before

    second = upload(settings, bucket, rewrite=True)

    assert (second.sent, second.present, second.rewritten) == (0, IMAGES, IMAGES)
    check_moved(lab, s3_endpoint, bucket, files)


def test_on_enterprise_too_the_rewriting_can_be_left_out(lab: IngestLab, s3_endpoint: str, bucket: S3Prefix) -> None:
    fill(lab)
    before = lab.documents()

    done = upload(config(lab, s3_endpoint), bucket, rewrite=False)

    assert (done.sent, done.rewritten) == (IMAGES, 0)
    assert lab.documents() == before


def test_a_dry_run_says_what_would_be_done_and_does_nothing(lab: IngestLab, s3_endpoint: str, bucket: S3Prefix) -> None:
    files = fill(lab)
    files[0].unlink()
    s3.plain_client(s3_endpoint).put_object(
        Bucket=bucket.bucket, Key=f"highmag/{files[1].name}", Body=files[1].read_bytes()
    )
    before = (lab.documents(), objects(s3_endpoint, bucket))

    done = upload(config(lab, s3_endpoint), bucket, dry_run=True)

    assert (done.sent, done.present, len(done.failed), done.to_rewrite) == (IMAGES - 2, 1, 1, IMAGES - 1)
    assert done.sent_bytes == sum(each.stat().st_size for each in files[2:])
    assert (lab.documents(), objects(s3_endpoint, bucket)) == before


def test_files_that_are_missing_are_listed_and_stop_no_others(
    lab: IngestLab, s3_endpoint: str, bucket: S3Prefix
) -> None:
    files = fill(lab)
    files[2].unlink()

    done = upload(config(lab, s3_endpoint), bucket)

    assert done.exit_code == 1
    assert [(each.path, each.reason) for each in done.failed] == [(str(files[2]), f"{files[2]} is not there.")]
    assert done.rewritten == IMAGES - 1
    assert paths(lab).count(str(files[2])) == 1


def test_an_object_with_other_content_is_never_replaced_and_its_file_stays(
    lab: IngestLab, s3_endpoint: str, bucket: S3Prefix
) -> None:
    files = fill(lab)
    client = s3.plain_client(s3_endpoint)
    same_size = bytes(files[0].stat().st_size)
    client.put_object(Bucket=bucket.bucket, Key=f"highmag/{files[0].name}", Body=same_size)
    client.put_object(Bucket=bucket.bucket, Key=f"highmag/{files[1].name}", Body=b"shorter")

    done = upload(config(lab, s3_endpoint), bucket)

    assert [each.path for each in done.failed] == [str(files[0]), str(files[1])]
    assert all("other content" in each.reason for each in done.failed)
    there = objects(s3_endpoint, bucket)
    assert there[f"highmag/{files[0].name}"] == same_size
    assert there[f"highmag/{files[1].name}"] == b"shorter"
    assert paths(lab)[:2] == [str(files[0]), str(files[1])]


def test_what_is_there_already_is_not_sent_again(lab: IngestLab, s3_endpoint: str, bucket: S3Prefix) -> None:
    files = fill(lab)

    def interrupt(phase: str, done: int, _: int) -> None:
        if phase == "uploading" and done == 2:
            raise KeyboardInterrupt

    with s3.gate(s3_endpoint) as gate:
        settings = config(lab, gate.url)
        with pytest.raises(KeyboardInterrupt):
            upload(settings, bucket, progress=interrupt)
        assert not any(path.startswith("s3:") for path in paths(lab))
        there = set(objects(s3_endpoint, bucket))
        assert len(there) >= 2
        gate.forget()
        done = upload(settings, bucket)
        sent = sum(each.method == "PUT" for each in gate.requests)

    # Nobody waits for what was under way at the interruption: it may have arrived since.
    assert done.sent <= sent <= IMAGES - len(there)
    assert done.sent + done.present == IMAGES
    check_moved(lab, s3_endpoint, bucket, files)


@pytest.mark.parametrize("call", range(6))
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_call_that_ended_anywhere_in_the_rewriting_is_completed_by_the_next(
    lab: IngestLab, s3_endpoint: str, bucket: S3Prefix, monkeypatch: pytest.MonkeyPatch, call: int, after: bool
) -> None:
    files = fill(lab, folders=True)
    # Nothing says where the files are relative to: the folder that the rest of them shares may be a deeper one.
    settings = config(lab, s3_endpoint, ingest={"media": None})
    calls = []
    really = rewriting.set_where_path_is

    def end(*arguments: Any) -> int:
        calls.append(arguments)
        if len(calls) == call + 1 and not after:
            raise KeyboardInterrupt
        found = really(*arguments)
        if len(calls) == call + 1:
            raise KeyboardInterrupt
        return found

    with monkeypatch.context() as patch:
        patch.setattr(rewriting, "AT_ONCE", 2)
        patch.setattr(rewriting, "set_where_path_is", end)
        with pytest.raises(KeyboardInterrupt):
            upload(settings, bucket)

    done = upload(settings, bucket)

    assert (done.sent, done.failed, done.overtaken) == (0, (), 0)
    check_moved(lab, s3_endpoint, bucket, files)


KILLED = """
import os, signal, sys, yaml
from syncd.config import S3Prefix, parse_config
from syncd.ingest.media import rewrite
from syncd.ingest.media.upload import UploadOptions, upload_media
rewrite.set_where_path_is = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
upload_media(parse_config(yaml.safe_load(sys.argv[1])), "lab", UploadOptions(S3Prefix(*sys.argv[2:])))
"""


def test_a_process_killed_between_upload_and_rewriting_leaves_the_rest_to_the_next(
    lab: IngestLab, s3_endpoint: str, bucket: S3Prefix
) -> None:
    files = fill(lab)
    given = yaml.safe_dump(document(lab, s3_endpoint))

    killed = subprocess.run([sys.executable, "-c", KILLED, given, *bucket], check=False, timeout=120)

    assert killed.returncode == -signal.SIGKILL
    assert paths(lab) == [str(each) for each in files]
    assert len(objects(s3_endpoint, bucket)) == IMAGES
    done = upload(config(lab, s3_endpoint), bucket)
    assert (done.sent, done.present, done.rewritten) == (0, IMAGES, IMAGES)
    check_moved(lab, s3_endpoint, bucket, files)


def test_a_sample_that_got_another_path_meanwhile_keeps_it(lab: IngestLab, s3_endpoint: str, bucket: S3Prefix) -> None:
    fill(lab)
    other = lab.image("another.png")

    def edit(phase: str, done: int, total: int) -> None:
        if phase == "uploading" and done == total:
            _set_path(lab, "i 3.png", str(other))

    done = upload(config(lab, s3_endpoint), bucket, progress=edit)

    assert (done.rewritten, done.overtaken, done.exit_code) == (IMAGES - 1, 1, 1)
    assert paths(lab)[3] == str(other)


def _set_path(lab: IngestLab, media: str, path: str) -> None:
    with servers.mongo_client(lab.mongo_uri) as client:
        database = client[os.environ["FIFTYONE_DATABASE_NAME"]]
        found = database["datasets"].find_one({"name": lab.dataset})
        assert found is not None
        database[found["sample_collection_name"]].update_one({"media_uri": media}, {"$set": {"filepath": path}})


def test_samples_that_share_a_file_share_its_object(lab: IngestLab, s3_endpoint: str, bucket: S3Prefix) -> None:
    files = fill(lab)
    _set_path(lab, "i 1.png", str(files[0]))

    done = upload(config(lab, s3_endpoint), bucket)

    assert (done.sent, done.rewritten) == (IMAGES - 1, IMAGES)
    assert paths(lab)[0] == paths(lab)[1] == f"{bucket}i 0.png"


def test_samples_that_are_in_the_cloud_are_left_alone(lab: IngestLab, s3_endpoint: str, bucket: S3Prefix) -> None:
    fill(lab)
    _set_path(lab, "i 0.png", "s3://elsewhere/a.png")
    _set_path(lab, "i 1.png", "gs://elsewhere/b.png")

    done = upload(config(lab, s3_endpoint), bucket)

    assert (done.elsewhere, done.sent, done.rewritten) == (2, IMAGES - 2, IMAGES - 2)
    assert paths(lab)[:2] == ["s3://elsewhere/a.png", "gs://elsewhere/b.png"]


def test_where_samples_are_found_by_their_path_nothing_is_done_and_the_way_out_is_named(
    lab: IngestLab, s3_endpoint: str, bucket: S3Prefix, fiftyone: ModuleType
) -> None:
    files = fill(lab)
    bound = {"sample_key": "filepath", "ingest": {"media": None}}
    lab.sql("UPDATE annotation SET media_uri = :folder || '/' || media_uri", folder=str(lab.folder))

    with pytest.raises(MappingError, match="finds samples by their filepath") as caught:
        upload(config(lab, s3_endpoint, **bound), bucket)

    assert not objects(s3_endpoint, bucket)
    assert paths(lab) == [str(each) for each in files]
    # What the remedy says is done, and does it.
    code = f'import fiftyone as fo; fo.load_dataset("{lab.dataset}").clone_sample_field("filepath", "media_uri")'
    assert str(caught.value.remedy).endswith(f"python -c {shlex.quote(code)}")
    fiftyone.load_dataset(lab.dataset).clone_sample_field("filepath", "media_copy")
    settings = config(lab, s3_endpoint, **bound | {"sample_key": "media_copy"})
    assert upload(settings, bucket).rewritten == IMAGES
    result = lab.reconcile(settings, full=True)
    assert result.plan is not None
    assert (result.plan.is_empty, result.plan.counts.not_ingested) == (True, 0)


def test_without_a_rewrite_such_a_binding_may_upload(lab: IngestLab, s3_endpoint: str, bucket: S3Prefix) -> None:
    fill(lab)

    done = upload(config(lab, s3_endpoint, "open_source", sample_key="filepath"), bucket)

    assert done.sent == IMAGES
    assert "finds samples by their filepath" in str(done.refusal)


def _with_second(lab: IngestLab, s3_endpoint: str, **second: Any) -> Config:
    given = document(lab, s3_endpoint)
    given["bindings"].append(given["bindings"][0] | {"name": "second", "label_field": "other"} | second)
    return parse_config(given)


def test_another_binding_of_the_dataset_is_asked_too(lab: IngestLab, s3_endpoint: str, bucket: S3Prefix) -> None:
    fill(lab)

    with pytest.raises(MappingError, match="binding 'second' finds samples by their filepath"):
        upload(_with_second(lab, s3_endpoint, sample_key="filepath"), bucket)

    assert not objects(s3_endpoint, bucket)
    assert upload(_with_second(lab, s3_endpoint, sample_key="filepath", dataset="another"), bucket).rewritten == IMAGES


@pytest.mark.parametrize("held", ["lab", "second"])
def test_while_a_run_of_any_of_its_bindings_is_under_way_no_path_changes(
    lab: IngestLab, s3_endpoint: str, bucket: S3Prefix, monkeypatch: pytest.MonkeyPatch, held: str
) -> None:
    fill(lab)
    before = lab.documents()
    monkeypatch.setattr(rewriting, "PATIENCE_S", 0.4)
    settings = _with_second(lab, s3_endpoint)

    with open_database(lab.url) as connection:
        with one_run(connection, "syncd", held), pytest.raises(Busy, match=f"Another run of '{held}'"):
            upload(settings, bucket)
        connection.engine.dispose()

    assert lab.documents() == before
    assert upload(settings, bucket).rewritten == IMAGES


def test_while_paths_change_no_run_of_its_bindings_begins(
    lab: IngestLab, s3_endpoint: str, bucket: S3Prefix, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(lab)
    refused: list[str] = []

    def reconcile(phase: str, _: int, __: int) -> None:
        if phase == "rewriting paths":
            with pytest.raises(Busy) as caught:
                lab.reconcile()
            refused.append(caught.value.message)

    upload(config(lab, s3_endpoint), bucket, progress=reconcile)

    assert refused
    assert lab.reconcile().held is None


def test_media_that_came_from_s3_need_no_upload_to_be_pointed_to(
    lab: IngestLab, s3_endpoint: str, bucket: S3Prefix, tmp_path: Path
) -> None:
    """An open-source dataset with its media in the cache goes to Enterprise."""
    client = s3.plain_client(s3_endpoint)
    for number in range(IMAGES):
        path = lab.image(f"i {number}.png")
        client.put_object(Bucket=bucket.bucket, Key=f"highmag/{path.name}", Body=path.read_bytes())
        lab.row(f"a-{number}", path.name)
    section = {"endpoint_url": s3_endpoint, "cache": str(tmp_path / "cache")}
    given = lab.document(s3=section, ingest={"media": str(bucket)})
    assert lab.ingest(parse_config(given)).exit_code == 0
    assert all(path.startswith(str(tmp_path / "cache")) for path in paths(lab))
    before = objects(s3_endpoint, bucket)

    given["fiftyone"]["edition"] = "enterprise"
    done = upload(parse_config(given), bucket)

    assert (done.sent, done.present, done.rewritten) == (0, IMAGES, IMAGES)
    assert objects(s3_endpoint, bucket) == before
    assert paths(lab) == [f"{bucket}i {number}.png" for number in range(IMAGES)]


def test_crops_go_to_s3_as_files_of_their_own(
    lab: IngestLab, s3_endpoint: str, bucket: S3Prefix, tmp_path: Path
) -> None:
    lab.image("frame.png", (40, 40))
    for number in range(3):
        lab.row(f"a-{number}", "frame.png", box=(0.2 * number, 0.0, 0.2, 0.5))
    given = document(lab, s3_endpoint, "open_source", sample_key="filepath", ingest={"crops": True})
    given["s3"]["cache"] = str(tmp_path / "cache")
    assert lab.ingest(parse_config(given)).exit_code == 0
    files = [Path(path) for path in paths(lab)]

    done = upload(parse_config(given), bucket, rewrite=True)

    assert (done.sent, done.rewritten, done.failed) == (3, 3, ())
    assert sorted(objects(s3_endpoint, bucket).values()) == sorted(each.read_bytes() for each in files)
    assert len(set(paths(lab))) == 3
    result = lab.reconcile(parse_config(given), full=True)
    assert result.plan is not None
    assert result.plan.is_empty


def test_a_field_of_another_type_is_a_clear_error_and_no_path_changes(
    lab: IngestLab, s3_endpoint: str, bucket: S3Prefix, fiftyone: ModuleType
) -> None:
    fill(lab)
    dataset = fiftyone.load_dataset(lab.dataset)
    dataset.add_sample_field("s3_etag", fiftyone.IntField)

    with pytest.raises(MappingError, match=r"'s3_etag' .* is declared as IntField"):
        upload(config(lab, s3_endpoint), bucket)

    assert not any(path.startswith("s3:") for path in paths(lab))


def test_the_fields_are_declared_where_the_dataset_has_none(
    lab: IngestLab, s3_endpoint: str, bucket: S3Prefix, fiftyone: ModuleType
) -> None:
    fill(lab)
    assert not {"s3_uri", "s3_etag"} & set(lab.loaded().get_field_schema())

    upload(config(lab, s3_endpoint), bucket)

    assert {"s3_uri", "s3_etag"} <= set(lab.loaded().get_field_schema())
    assert {each.s3_uri for each in lab.loaded()} == set(paths(lab))


# On the command line.


@pytest.fixture
def syncd(lab: IngestLab, s3_endpoint: str, tmp_path: Path) -> Callable[..., Any]:
    """``syncd("media", "upload", …)`` with a configuration of this edition."""

    def call(*arguments: str, edition: str = "enterprise") -> Any:
        file = tmp_path / "syncd.yaml"
        file.write_text(yaml.safe_dump(document(lab, s3_endpoint, edition)), encoding="utf-8")
        done = CliRunner().invoke(app, [*arguments, "--config", str(file)], env={"COLUMNS": "200"})
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done

    return call


def test_the_command_moves_a_dataset_and_says_so(
    lab: IngestLab, s3_endpoint: str, bucket: S3Prefix, syncd: Callable[..., Any]
) -> None:
    files = fill(lab)

    rehearsal = syncd("media", "upload", "lab", "--to", str(bucket), "--dry-run")
    assert rehearsal.exit_code == 0
    assert f"{IMAGES} files" in rehearsal.stdout
    assert "would be uploaded" in rehearsal.stdout
    assert not objects(s3_endpoint, bucket)

    done = syncd("media", "upload", "lab", "--to", str(bucket), "--json")
    assert done.exit_code == 0
    said = json.loads(done.stdout)
    assert said["files"]["sent"] == IMAGES
    assert said["samples"]["rewritten"] == IMAGES
    assert said["failed"] == []
    assert s3.SECRET not in done.output
    check_moved(lab, s3_endpoint, bucket, files)

    assert "nothing to do" in syncd("media", "upload", "lab", "--to", str(bucket)).stdout


def test_on_the_open_source_version_the_command_names_the_option_that_rewrites(
    lab: IngestLab, bucket: S3Prefix, syncd: Callable[..., Any]
) -> None:
    fill(lab)

    done = syncd("media", "upload", "lab", "--to", str(bucket), edition="open_source")

    assert done.exit_code == 0
    assert "No path was rewritten" in done.stdout
    assert "--rewrite" in done.stdout


def test_files_that_failed_are_named_and_the_code_is_1(
    lab: IngestLab, bucket: S3Prefix, syncd: Callable[..., Any]
) -> None:
    files = fill(lab)
    files[0].unlink()

    done = syncd("media", "upload", "lab", "--to", str(bucket))

    assert done.exit_code == 1
    assert f"{files[0]} is not there." in done.stdout


@pytest.mark.parametrize("to", ["s3://", "/data", "gs://bucket/x"])
def test_a_place_that_is_none_is_wrong_usage(lab: IngestLab, syncd: Callable[..., Any], to: str) -> None:
    assert syncd("media", "upload", "lab", "--to", to).exit_code == 2

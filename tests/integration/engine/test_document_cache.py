"""What documents hold is kept between complete readings; whatever becomes of it, the outcome is the same."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from syncd.adapters.fiftyone import read_all
from syncd.engine import document_cache, partitioned, partitions
from syncd.engine import read as reading
from syncd.engine.result import RunResult
from syncd.model.snapshot import DOCUMENT_CACHE_SCHEMA
from worlds import LIST, NO_BRAKES, World, utc


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where it is kept."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture(params=["in memory", "in parts"])
def read(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways of laying down what was read."""
    if request.param == "in parts":
        monkeypatch.setattr(partitions, "IN_MEMORY", 0)
        monkeypatch.setattr(partitions, "SIZE", 20)
        monkeypatch.setattr(partitioned, "TOGETHER", 0)


class Decoded:
    """How many documents were decoded while they were read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        plain = read_all.plain

        def counted(*given: Any) -> Any:
            found = plain(*given)
            self.count += found.read
            return found

        monkeypatch.setattr(read_all, "plain", counted)

    def taken(self) -> int:
        count, self.count = self.count, 0
        return count


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> Decoded:
    return Decoded(monkeypatch)


def kept(cache: Path) -> Path:
    (file,) = (cache / "syncd" / "documents").glob("*.familiar")
    return file


def full(world: World, **options: Any) -> RunResult:
    result = world.reconcile(full=True, **options)
    assert result.plan is not None
    assert result.plan.counts.scanned_fiftyone == len(world.raw_labels())
    assert result.plan.counts.scanned_database == len(world.rows())
    return result


def samples(world: World) -> int:
    return int(world.samples.count_documents({}))


@pytest.mark.usefixtures("read")
def test_the_second_time_nothing_is_decoded_that_holds_what_was_agreed(world: World, decoded: Decoded) -> None:
    assert full(world).recorded == ()
    assert decoded.taken() == samples(world)
    assert full(world).recorded == ()
    assert decoded.taken() == 0


@pytest.mark.usefixtures("read")
def test_what_either_side_edits_is_decoded_and_goes_its_way(world: World, decoded: Decoded) -> None:
    full(world)
    decoded.taken()
    reviewed, corrected = (world.data.rows[at].annotation_id for at in (0, 40))
    world.review(reviewed, label="Reviewed")
    world.correct(corrected, label="Corrected")
    result = full(world)
    assert (result.to_database, result.to_fiftyone) == (1, 1)
    assert decoded.taken() == 2
    assert world.disagreements() == {}
    assert full(world).recorded == ()
    assert decoded.taken() == 1, "the run itself has written to it"
    assert full(world).recorded == ()
    assert decoded.taken() == 0


@pytest.mark.usefixtures("read")
def test_an_edit_that_leaves_no_stamp_is_found(world: World) -> None:
    full(world)
    row = world.data.rows[3].annotation_id
    sample, label = world.place(row)
    world.samples.update_one({"_id": sample, f"{LIST}._id": label}, {"$set": {f"{LIST}.$.label": "Unstamped"}})
    assert full(world).to_database == 1
    assert world.rows()[row]["label"] == "Unstamped"


@pytest.mark.usefixtures("read")
def test_a_row_changed_and_a_label_changed_back_meanwhile_are_told_apart(world: World) -> None:
    """A document of the same bytes as long ago means nothing where the baseline has moved since."""
    row = world.data.rows[3].annotation_id
    sample, _ = world.place(row)
    long_ago = world.samples.find_one({"_id": sample})
    full(world)
    world.correct(row, label="Corrected")
    assert world.reconcile().to_fiftyone == 1
    world.samples.replace_one({"_id": sample}, long_ago)
    result = full(world)
    was = next(each.label for each in world.data.rows if each.annotation_id == row)
    assert (result.to_database, result.to_fiftyone, result.opened) in {(1, 0, 0), (0, 1, 0), (0, 0, 1)}
    if result.to_database:
        assert world.rows()[row]["label"] == was


@pytest.mark.usefixtures("read")
def test_labels_and_samples_that_are_gone_are_missed(world: World) -> None:
    full(world)
    world.erase(world.data.rows[1].annotation_id)
    gone = world.place(world.data.rows[50].annotation_id)[0]
    lost = len(world.samples.find_one({"_id": gone})["ground_truth"]["detections"])
    world.samples.delete_one({"_id": gone})
    result = full(world, config=world.config(brakes=NO_BRAKES))
    assert [each["kind"] for each in world.conflicts()] == ["deleted_in_fiftyone"]
    assert result.as_json()["not_ingested"] == lost


@pytest.mark.usefixtures("read")
def test_what_cannot_be_read_is_said_each_time(world: World) -> None:
    row = world.data.rows[3].annotation_id
    sample, label = world.place(row)
    poison = {f"{LIST}.$.label": datetime(2024, 1, 1, tzinfo=timezone.utc), "last_modified_at": utc()}
    world.samples.update_one({"_id": sample, f"{LIST}._id": label}, {"$set": poison})
    for _ in range(3):
        full(world)
        assert [(each["annotation_id"], each["kind"]) for each in world.conflicts()] == [(row, "unsafe_value")]


def _truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes(each ^ 0xFF for each in content[middle : middle + 64]) + content[middle + 64 :]


@pytest.mark.parametrize(
    "damage", [_truncated, _flipped, lambda _: b"", lambda _: b"not this", lambda content: content[::-1]]
)
def test_a_damaged_file_costs_time_and_nothing_else(
    world: World, cache: Path, damage: Callable[[bytes], bytes]
) -> None:
    full(world)
    kept(cache).write_bytes(damage(kept(cache).read_bytes()))
    row = world.data.rows[5].annotation_id
    world.review(row, label="Reviewed")
    assert full(world).to_database == 1
    assert world.disagreements() == {}
    assert full(world).recorded == ()


@pytest.mark.usefixtures("read")
def test_digests_that_mean_nothing_cost_time_and_nothing_else(world: World, cache: Path) -> None:
    full(world)
    table = pl.read_ipc(kept(cache))
    with pa.ipc.open_file(kept(cache).read_bytes()) as file:
        rules = file.schema.metadata
    changed = table.with_columns(pl.col("digest_1").reverse(), pl.col("labels") + 1).to_arrow()
    with pa.ipc.new_file(kept(cache), changed.schema.with_metadata(rules)) as writer:
        writer.write_table(changed.replace_schema_metadata(rules))
    world.review(world.data.rows[5].annotation_id, label="Reviewed")
    assert full(world).to_database == 1
    assert world.disagreements() == {}


def test_nobody_else_may_read_it_and_it_holds_no_label(world: World, cache: Path) -> None:
    full(world)
    assert kept(cache).stat().st_mode & 0o077 == 0
    assert dict(pl.read_ipc(kept(cache)).schema) == DOCUMENT_CACHE_SCHEMA


@pytest.fixture
def no_folder(cache: Path) -> Iterator[None]:
    (cache / "syncd").write_text("a file where a folder should be")
    yield
    (cache / "syncd").unlink()


@pytest.mark.usefixtures("no_folder")
def test_where_it_cannot_be_kept_everything_is_decoded(world: World, decoded: Decoded) -> None:
    for _ in range(2):
        assert full(world).recorded == ()
        assert decoded.taken() == samples(world)


@pytest.mark.parametrize(
    "other",
    [{"review": {"mode": "tagged"}}, {"vocabulary": {"classes": ["Copepod"]}}, {"attributes": {}}],
    ids=["review", "vocabulary", "mapping"],
)
def test_under_other_rules_everything_is_decoded(world: World, decoded: Decoded, other: dict[str, Any]) -> None:
    full(world)
    decoded.taken()
    world.reconcile(full=True, config=world.config(**other), dry_run=True)
    assert decoded.taken() == samples(world)


def test_a_run_for_one_tag_decodes_everything_and_leaves_what_is_kept(world: World, decoded: Decoded) -> None:
    full(world)
    full(world)
    decoded.taken()
    row = world.data.rows[5].annotation_id
    sample, label = world.place(row)
    world.samples.update_one({"_id": sample, f"{LIST}._id": label}, {"$set": {f"{LIST}.$.tags": ["mine"]}})
    world.review(row, label="Reviewed")
    assert full(world, tag="mine").to_database == 1
    assert decoded.taken() == samples(world)


def test_of_too_many_samples_nothing_is_kept(world: World, decoded: Decoded, monkeypatch: pytest.MonkeyPatch) -> None:
    full(world)
    monkeypatch.setattr(document_cache, "MOST_SAMPLES", 10)
    decoded.taken()
    full(world)
    assert decoded.taken() == 0, "what is known is good as long as there is nothing new"
    world.review(world.data.rows[0].annotation_id, label="Reviewed")
    for _ in range(2):
        full(world)
    decoded.taken()
    full(world)
    assert decoded.taken() == samples(world)


def test_a_user_without_a_home_decodes_everything(
    world: World, decoded: Decoded, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(_: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "expanduser", unknown)
    for _ in range(2):
        assert full(world).recorded == ()
        assert decoded.taken() == samples(world)


def test_of_few_annotations_nothing_is_kept(world: World, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "WORTH_KEEPING", 5_000)
    full(world)
    assert list(cache.iterdir()) == []


def test_a_file_that_nobody_has_used_for_long_goes(world: World, cache: Path) -> None:
    full(world)
    old = kept(cache).with_name("another.familiar")
    old.write_bytes(b"of a dataset that is gone")
    os.utime(old, (0, 0))
    world.review(world.data.rows[5].annotation_id, label="Reviewed")
    full(world)
    assert not old.exists()
    assert kept(cache).exists()

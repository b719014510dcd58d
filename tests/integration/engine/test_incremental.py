"""What an incremental run finds, and what makes a run read everything."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from types import ModuleType
from typing import Any

import pytest

from syncd.adapters.connect import open_database
from syncd.diff.quiet_period import MOST_PERIODS
from syncd.engine.mode import Pace
from syncd.engine.status import status_of
from syncd.errors import SyncdError
from syncd.store.tables import tables_for
from worlds import BINDING, LIST, NO_BRAKES, World, utc

OVERLAP = timedelta(minutes=10)


def ids(world: World) -> list[str]:
    return [row.annotation_id for row in world.data.rows]


def test_edits_are_found_without_reading_the_rest(world: World) -> None:
    one, other = ids(world)[:2]
    world.review(one, label="Reviewed")
    world.correct(other, label="Corrected")
    world.add_row(world.data.rows[3].image, "Added")
    world.draw(world.data.rows[4].image, "Drawn")
    result = world.reconcile()
    assert result.mode == "incremental"
    assert (result.to_database, result.to_fiftyone) == (2, 2)
    assert result.plan is not None
    assert result.plan.counts.scanned_fiftyone < 15
    assert world.disagreements() == {}


def test_a_deleted_label_is_found_by_its_samples_stamp(world: World) -> None:
    alone = next(row for row in world.data.rows if [r.image for r in world.data.rows].count(row.image) == 1)
    world.erase(alone.annotation_id)
    result = world.reconcile()
    assert (result.mode, [each["kind"] for each in world.conflicts()]) == ("full", ["deleted_in_fiftyone"])


def test_a_deleted_row_is_found_by_the_number_of_rows(world: World) -> None:
    world.remove_row(ids(world)[0])
    result = world.reconcile()
    assert (result.mode, result.to_fiftyone) == ("full", 1)
    assert "number of rows" in str(result.why_full)
    assert ids(world)[0] not in world.labels()


def test_a_deleted_row_is_found_behind_a_new_one(world: World) -> None:
    world.remove_row(ids(world)[0])
    world.add_row(world.data.rows[3].image, "Added")
    result = world.reconcile()
    assert (result.mode, result.to_fiftyone) == ("full", 2)
    assert world.disagreements() == {}


def test_samples_deleted_by_the_sdk_are_found(world: World, fiftyone: ModuleType) -> None:
    rows = world.rows()
    dataset = fiftyone.load_dataset(world.dataset)
    dataset.delete_samples(dataset.first().id)
    result = world.reconcile()
    assert (result.mode, result.why_full) == ("full", "something was deleted in fiftyone")
    assert result.as_json()["not_ingested"] == len(rows) - len(world.labels()) > 0
    assert (world.rows(), world.conflicts()) == (rows, [])


def test_samples_deleted_without_a_trace_are_found_by_their_number(world: World) -> None:
    world.samples.delete_one({"_id": world.place(ids(world)[0])[0]})
    result = world.reconcile()
    assert (result.mode, result.why_full) == ("full", "FiftyOne has fewer samples than before")
    assert result.as_json()["not_ingested"] > 0
    assert world.conflicts() == []


def test_rows_that_wait_for_their_media_do_not_make_every_run_read_everything(world: World) -> None:
    world.add_row("/not/ingested.png", "Waiting")
    results = [world.reconcile() for _ in range(3)]
    assert [each.mode for each in results] == ["incremental"] * 3
    assert [each.as_json()["not_ingested"] for each in results] == [1, 1, 1]
    world.remove_row(ids(world)[0])
    assert world.reconcile().mode == "full"


def test_rows_that_are_not_counted_every_time_are_counted_from_where_the_count_was(world: World) -> None:
    world.add_row(world.data.rows[3].image, "Added")
    assert world.reconcile(count_rows=False).mode == "incremental"
    assert world.reconcile().mode == "incremental"
    world.remove_row(ids(world)[0])
    assert world.reconcile(count_rows=False).mode == "incremental"
    assert ids(world)[0] in world.labels()
    assert world.reconcile().mode == "full"
    assert ids(world)[0] not in world.labels()


def test_a_tag_touches_a_sample_and_changes_nothing(world: World) -> None:
    sample, _ = world.place(ids(world)[0])
    world.samples.update_one(
        {"_id": sample}, {"$push": {"tags": "seen", f"{LIST}.0.tags": "odd"}, "$set": {"last_modified_at": utc()}}
    )
    result = world.reconcile()
    assert (result.mode, result.recorded, result.opened) == ("incremental", (), 0)


def test_stamps_without_changes_change_nothing(world: World) -> None:
    world.samples.update_many({}, {"$set": {"last_modified_at": utc()}})
    world.sql("UPDATE annotation SET label = label")
    before = world.samples.find_one(), world.sql("SELECT * FROM annotation ORDER BY 1 LIMIT 1"), world.baseline()
    result = world.reconcile()
    assert (result.mode, result.recorded, result.opened) == ("incremental", (), 0)
    assert result.plan is not None
    assert result.plan.counts.scanned_fiftyone == len(world.data.rows)
    assert (
        world.samples.find_one(),
        world.sql("SELECT * FROM annotation ORDER BY 1 LIMIT 1"),
        world.baseline(),
    ) == before


def stamped(world: World, annotation_id: str, label: str, ago: timedelta) -> None:
    """A correction whose stamp is older than its commit."""
    world.sql("ALTER TABLE annotation DISABLE TRIGGER annotation_touch")
    world.sql(
        "UPDATE annotation SET label = :label, updated_at = clock_timestamp() - :ago WHERE annotation_id = :id",
        label=label,
        ago=ago,
        id=annotation_id,
    )
    world.sql("ALTER TABLE annotation ENABLE TRIGGER annotation_touch")


def test_a_commit_that_came_later_than_its_stamp_is_found_within_the_overlap(world: World) -> None:
    world.reconcile()
    late = OVERLAP - timedelta(minutes=1)
    world.review(ids(world)[0], label="Late", stamp=utc() - late)
    stamped(world, ids(world)[1], "Late", late)
    result = world.reconcile()
    assert (result.mode, result.to_database, result.to_fiftyone) == ("incremental", 1, 1)


def test_what_no_stamp_names_is_found_by_the_sweep(world: World) -> None:
    world.reconcile()
    late = OVERLAP + timedelta(minutes=1)
    world.review(ids(world)[0], label="Late", stamp=utc() - late)
    stamped(world, ids(world)[1], "Late", late)
    assert world.reconcile().recorded == ()
    result = world.reconcile(pace=Pace(full_scan_interval=timedelta(0)))
    assert (result.why_full, result.to_database, result.to_fiftyone) == ("a complete sweep is due", 1, 1)
    assert world.reconcile().mode == "incremental"


def test_a_changed_mapping_makes_a_run_read_everything(world: World) -> None:
    document = world.document()
    document["bindings"][0]["attributes"] = {"depth": {"column": "depth_m"}}
    config = world.parse(document)
    assert world.reconcile(config=config).why_full == "the mapping changed"
    assert world.reconcile(config=config).mode == "incremental"
    assert world.reconcile().why_full == "the mapping changed"
    assert world.reconcile(full=True).recorded == ()


@pytest.mark.parametrize(
    "changed",
    [{"read": "SELECT * FROM annotation"}, {"directions": {"label": "to_fiftyone"}}],
    ids=["read", "a direction"],
)
def test_what_is_read_otherwise_is_read_whole_once(world: World, changed: dict[str, Any]) -> None:
    document = world.document()
    document["bindings"][0] |= changed
    config = world.parse(document)
    assert world.reconcile(config=config, dry_run=True).why_full == "the mapping changed"


def test_a_newly_mapped_attribute_is_met_and_not_taken_for_an_edit(world: World) -> None:
    narrow = world.document()
    narrow["bindings"][0]["attributes"] = {}
    world.sql("UPDATE syncd.baseline SET fields = (fields::jsonb - 'depth' - 'verified')::json")
    world.reconcile(config=world.parse(narrow))
    world.correct(ids(world)[0], depth_m=1.5)
    world.reconcile(config=world.parse(narrow))
    assert "depth" not in world.baseline()[ids(world)[0]]
    result = world.reconcile()
    assert result.why_full == "the mapping changed"
    (conflict,) = world.conflicts()
    assert (conflict["kind"], conflict["field"], conflict["annotation_id"]) == ("no_baseline", "depth", ids(world)[0])
    assert all("verified" in each for each in world.baseline().values())


def test_without_a_stamp_everything_is_read_every_time(world: World) -> None:
    document = world.document()
    del document["bindings"][0]["columns"]["updated_at"]
    config = world.parse(document)
    world.correct(ids(world)[0], label="Corrected")
    for expected in (1, 0):
        result = world.reconcile(config=config)
        assert (result.why_full, result.to_fiftyone) == ("no column is mapped to updated_at", expected)


def test_cursors_stay_where_they_were_when_a_run_fails_or_is_held(world: World) -> None:
    before = world.cursors()
    world.review(ids(world)[0], label="Reviewed")
    world.sql("ALTER TABLE syncd.change ADD CONSTRAINT never CHECK (status <> 'applied')")
    with pytest.raises(SyncdError):
        world.reconcile()
    assert world.cursors() == before
    world.sql("ALTER TABLE syncd.change DROP CONSTRAINT never")
    for each in ids(world):
        world.correct(each, depth_m=5)
    assert world.reconcile().held is not None
    assert world.cursors() == before
    assert world.reconcile(force=True).held is None
    assert world.disagreements() == {}


QUIET = Pace(overlap=timedelta(0), quiet_period=timedelta(seconds=30))
NO_OVERLAP = Pace(overlap=timedelta(0))


@pytest.mark.parametrize("full", [False, True], ids=["incremental", "full"])
def test_an_edit_made_a_moment_ago_waits_and_the_cursor_waits_with_it(world: World, full: bool) -> None:
    young, old = ids(world)[0], ids(world)[5]
    world.review(old, label="Reviewed", stamp=utc() - timedelta(seconds=60))
    world.review(young, label="Typing")
    world.reconcile(pace=Pace(quiet_period=timedelta(seconds=30)), full=full)
    assert world.rows()[old]["label"] == "Reviewed"
    assert world.rows()[young]["label"] == world.data.rows[0].label
    stamp = next(each["last_modified_at"] for each in world.samples.find({"_id": world.place(young)[0]}))
    assert world.cursors()["fiftyone"]["position"].replace(tzinfo=None) <= stamp
    # Without any overlap the next run finds the edit only because the cursor did not pass it.
    assert world.reconcile(pace=NO_OVERLAP).to_database == 1
    assert world.rows()[young]["label"] == "Typing"


@pytest.mark.parametrize("full", [False, True], ids=["incremental", "full"])
def test_what_the_database_says_of_a_label_that_is_left_alone_is_looked_at_in_the_next_run(
    world: World, full: bool
) -> None:
    """Nothing names it again: its row's stamp lies before the cursor by then, and its label is what was agreed."""
    corrected, removed, other = ids(world)[0], ids(world)[3], ids(world)[5]
    stamp = {"$set": {"last_modified_at": utc()}}
    world.samples.update_many({"_id": {"$in": [world.place(each)[0] for each in (corrected, removed)]}}, stamp)
    world.correct(corrected, label="Corrected")
    world.remove_row(removed)
    result = world.reconcile(pace=QUIET, full=full)
    assert result.to_fiftyone == 0
    assert corrected in world.cursors()["database"]["left_alone"]
    world.correct(other, label="Corrected too")
    world.reconcile(pace=NO_OVERLAP)
    assert {world.labels()[each]["label"] for each in (corrected, other)} == {"Corrected", "Corrected too"}
    assert removed not in world.labels()
    assert world.cursors()["database"]["left_alone"] is None


def _touch(world: World, annotation_id: str) -> None:
    world.samples.update_one({"_id": world.place(annotation_id)[0]}, {"$set": {"last_modified_at": utc()}})


def test_an_edit_of_a_sample_that_is_touched_all_the_time_arrives_all_the_same(world: World) -> None:
    edited = ids(world)[0]
    world.review(edited, label="Reviewed")
    for _ in range(3):
        _touch(world, edited)
        assert world.reconcile(pace=QUIET).to_database == 0
    put_off = world.cursors()["fiftyone"]["put_off"]
    sample = str(world.place(edited)[0])
    assert list(put_off) == [sample]
    with open_database(world.url) as connection:
        status = status_of(connection, tables_for(connection, "syncd"), BINDING, datetime.now(timezone.utc))
        connection.engine.dispose()
    assert status.as_json()["put_off"] == {"samples": 1, "since": put_off[sample]}
    # As if it had been so for ten quiet periods.
    since = datetime.fromisoformat(put_off[sample]) - MOST_PERIODS * QUIET.quiet_period
    put_back = json.dumps({sample: since.isoformat()})
    world.sql("UPDATE syncd.cursor SET put_off = cast(:left AS json) WHERE side = 'fiftyone'", left=put_back)
    _touch(world, edited)
    assert world.reconcile(pace=QUIET).to_database == 1
    assert world.rows()[edited]["label"] == "Reviewed"
    # From then on somebody may be at it again.
    world.review(edited, label="Typing")
    assert world.reconcile(pace=QUIET).to_database == 0


@pytest.mark.parametrize("side", ["fiftyone", "database"])
def test_a_clock_that_was_ahead_hides_nothing_once_it_is_right(world: World, side: str) -> None:
    """What was stamped meanwhile, and what no stamp names, is found by the next run."""
    shift = timedelta(days=30)
    world.sql(
        "UPDATE syncd.cursor SET position = position + :by, swept_at = swept_at + :by WHERE side = :side",
        by=shift + timedelta(days=1),
        side=side,
    )
    edited, unnamed = ids(world)[0], ids(world)[1]
    world.review(edited, label="Reviewed")
    world.sql("ALTER TABLE annotation DISABLE TRIGGER annotation_touch")
    world.sql("UPDATE annotation SET label = 'Corrected' WHERE annotation_id = :id", id=unnamed)
    world.sql("ALTER TABLE annotation ENABLE TRIGGER annotation_touch")
    result = world.reconcile()
    assert (result.mode, result.why_full) == ("full", f"the clock of {side} was ahead")
    assert world.disagreements() == {}
    assert world.reconcile().mode == "incremental"


def test_rows_of_the_future_that_wait_for_their_media_do_not_make_every_run_read_everything(world: World) -> None:
    world.add_row("/not/ingested.png", "Waiting")
    world.sql("ALTER TABLE annotation DISABLE TRIGGER annotation_touch")
    world.sql("UPDATE annotation SET updated_at = now() + interval '30 days' WHERE label = 'Waiting'")
    world.sql("ALTER TABLE annotation ENABLE TRIGGER annotation_touch")
    results = [world.reconcile() for _ in range(4)]
    assert [each.mode for each in results[1:]] == ["incremental"] * 3


@pytest.mark.parametrize("world", [{"brakes": NO_BRAKES}], indirect=True)
def test_what_was_written_while_the_clock_was_ahead_keeps_no_window_open(world: World) -> None:
    """A reviewer who puts back later what the database corrected then makes an edit, and sends nobody back in time."""
    corrected = ids(world)[:12]
    before = {each: world.rows()[each]["label"] for each in corrected}
    for each in corrected:
        world.correct(each, label="Corrected")
    world.reconcile()
    ahead = "+ interval '30 days'"
    world.sql(f"UPDATE syncd.change SET applied_at = applied_at {ahead}")
    world.sql(f"UPDATE syncd.run SET started_at = started_at {ahead}, finished_at = finished_at {ahead}")
    for each in corrected:
        world.review(each, label=before[each])
    result = world.reconcile(pace=Pace())
    assert (result.held, world.conflicts()) == (None, [])
    assert {each: world.rows()[each]["label"] for each in corrected} == before


def test_an_edit_stamped_in_the_future_does_not_wait_for_ever(world: World) -> None:
    world.review(ids(world)[0], label="Ahead", stamp=utc() + timedelta(hours=3))
    assert world.reconcile(pace=QUIET).to_database == 1


def test_a_label_drawn_a_moment_ago_waits_until_its_class_was_chosen(world: World) -> None:
    drawn = world.draw(world.data.rows[0].image, "default class")
    assert world.reconcile(pace=QUIET).to_database == 0
    world.samples.update_many({}, {"$set": {f"{LIST}.$[it].label": "Chosen"}}, array_filters=[{"it._id": drawn}])
    assert world.reconcile().to_database == 1
    assert "Chosen" in {each["label"] for each in world.rows().values()}
    assert [each["reason"] for each in world.log("applied")] == ["drawn_in_fiftyone"]


@pytest.mark.parametrize("world", [{"brakes": NO_BRAKES}], indirect=True)
def test_everything_at_once_still_takes_only_what_was_touched(world: World) -> None:
    found: Any = None
    for turn in range(3):
        for each in ids(world)[:10]:
            world.review(each, label=f"Reviewed {turn}")
        for each in ids(world)[20:30]:
            world.correct(each, label=f"Corrected {turn}")
        found = world.reconcile()
        assert (found.mode, found.to_database, found.to_fiftyone) == ("incremental", 10, 10)
    assert world.disagreements() == {}

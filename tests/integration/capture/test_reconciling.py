"""What a run makes of a captured table: it goes by what was recorded, and no longer by stamps and numbers of rows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from integration.capture.lab import CaptureLab
from syncd.config import Config
from syncd.engine.mode import Pace
from worlds import NO_BRAKES, World, utc

NO_OVERLAP = Pace(overlap=timedelta(0))


def ids(world: World) -> list[str]:
    return [row.annotation_id for row in world.data.rows]


@pytest.fixture
def captured(world: World) -> World:
    """A world whose table is captured, and that was read whole since."""
    CaptureLab(world.url).install()
    first = world.reconcile()
    assert (first.mode, first.why_full, first.recorded) == ("full", "change capture is new", ())
    return world


def touched(world: World, annotation_id: str, label: str) -> None:
    """A correction that bears no stamp of its own: updated_at says what it said yesterday."""
    world.sql("ALTER TABLE annotation DISABLE TRIGGER annotation_touch")
    world.correct(annotation_id, label=label)
    world.sql("ALTER TABLE annotation ENABLE TRIGGER annotation_touch")


def test_an_edit_without_a_stamp_is_found_at_once(captured: World) -> None:
    touched(captured, ids(captured)[0], "Corrected")
    result = captured.reconcile()
    assert (result.mode, result.to_fiftyone) == ("incremental", 1)
    assert captured.disagreements() == {}


def test_an_unchanged_poll_looks_at_nothing(captured: World) -> None:
    captured.sql("UPDATE annotation SET label = label")
    captured.reconcile()
    result = captured.reconcile(pace=NO_OVERLAP)
    assert result.plan is not None
    assert (result.mode, result.plan.counts.scanned_database) == ("incremental", 0), "though all stamps are new"


def test_what_syncd_wrote_is_looked_at_once_more_and_then_no_longer(captured: World) -> None:
    captured.review(ids(captured)[0], label="Reviewed")
    results = [captured.reconcile(pace=NO_OVERLAP) for _ in range(3)]
    assert [each.to_database for each in results] == [1, 0, 0]
    assert [each.plan.counts.scanned_database for each in results if each.plan is not None] == [1, 1, 0]


def test_a_row_deleted_while_somebody_types_at_its_sample_is_known_when_they_have_stopped(captured: World) -> None:
    one = ids(captured)[0]
    captured.samples.update_one({"_id": captured.place(one)[0]}, {"$set": {"last_modified_at": utc()}})
    captured.remove_row(one)
    assert captured.reconcile(pace=Pace(quiet_period=timedelta(seconds=30))).to_fiftyone == 0
    assert captured.reconcile().to_fiftyone == 1
    assert one not in captured.labels()


def test_a_deleted_row_is_known_at_once_and_no_rows_are_counted(captured: World) -> None:
    gone, other = ids(captured)[:2]
    captured.remove_row(gone)
    captured.add_row(captured.data.rows[3].image, "Added")
    captured.correct(other, label="Corrected")
    result = captured.reconcile(count_rows=False)
    assert (result.mode, result.to_fiftyone) == ("full", 3)
    assert "known annotations were not where they were" in str(result.why_full)
    assert captured.disagreements() == {}
    assert captured.reconcile().mode == "incremental"


@pytest.mark.parametrize("world", [{"policy": {"on_database_delete": "quarantine"}}], indirect=True)
def test_a_deletion_that_is_a_conflict_is_not_looked_for_again(captured: World) -> None:
    with CaptureLab(captured.url).person() as slow:
        # As long as it is open, what was recorded since is read again each time.
        slow.exec_driver_sql("CREATE TABLE other (n int)")
        captured.remove_row(ids(captured)[0])
        modes = [captured.reconcile().mode for _ in range(3)]
        slow.rollback()
    assert modes == ["full", "incremental", "incremental"]
    assert [each["kind"] for each in captured.conflicts()] == ["deleted_in_database"]


@pytest.mark.parametrize("world", [{"brakes": NO_BRAKES}], indirect=True)
def test_a_truncated_table_makes_a_run_read_everything_and_hold(captured: World) -> None:
    captured.sql("TRUNCATE annotation")
    result = captured.reconcile()
    assert (result.mode, result.why_full) == ("full", "the table was truncated")
    assert result.held is not None
    assert len(captured.labels()) == len(captured.data.rows)


def test_a_late_commit_is_found_without_any_overlap(captured: World) -> None:
    late = ids(captured)[0]
    with CaptureLab(captured.url).person() as slow:
        slow.exec_driver_sql("UPDATE annotation SET label = 'Late' WHERE annotation_id = %s", (late,))
        captured.correct(ids(captured)[1], label="Corrected")
        assert captured.reconcile(pace=NO_OVERLAP).to_fiftyone == 1
        slow.commit()
    result = captured.reconcile(pace=NO_OVERLAP)
    assert (result.mode, result.to_fiftyone) == ("incremental", 1)
    assert captured.disagreements() == {}


def without_stamp(world: World) -> Config:
    document: dict[str, Any] = world.document()
    del document["bindings"][0]["columns"]["updated_at"]
    return world.parse(document)


def test_a_table_without_updated_at_is_read_incrementally(captured: World) -> None:
    config = without_stamp(captured)
    captured.reconcile(config=config)
    captured.correct(ids(captured)[0], label="Corrected")
    captured.review(ids(captured)[1], label="Reviewed")
    result = captured.reconcile(config=config)
    assert (result.mode, result.to_fiftyone, result.to_database) == ("incremental", 1, 1)
    CaptureLab(captured.url).remove()
    assert captured.reconcile(config=config).why_full == "no column is mapped to updated_at"


def test_removing_the_capture_falls_back_to_stamps_without_losing_anything(captured: World) -> None:
    captured.correct(ids(captured)[0], label="Before")
    CaptureLab(captured.url).remove()
    captured.correct(ids(captured)[1], label="After")
    result = captured.reconcile()
    assert (result.mode, result.to_fiftyone) == ("incremental", 2)
    assert captured.cursors()["database"]["captured"] is None
    CaptureLab(captured.url).install()
    assert captured.reconcile().why_full == "change capture is new"


def test_a_run_that_fails_reads_again_what_was_captured(captured: World) -> None:
    captured.correct(ids(captured)[0], label="Corrected")
    captured.sql("ALTER TABLE syncd.change ADD CONSTRAINT never CHECK (status <> 'pending')")
    before = captured.cursors()
    with pytest.raises(Exception, match="never"):
        captured.reconcile()
    assert captured.cursors() == before
    captured.sql("ALTER TABLE syncd.change DROP CONSTRAINT never")
    assert captured.reconcile().to_fiftyone == 1


def test_what_was_captured_is_kept_for_a_day(captured: World) -> None:
    captured.sql("UPDATE annotation SET label = label")
    captured.sql("UPDATE syncd.captured SET at = at - interval '25 hours'")
    captured.correct(ids(captured)[0], label="Corrected")
    captured.reconcile()
    assert len(captured.sql("SELECT * FROM syncd.captured")) > len(captured.data.rows), "only a complete run prunes"
    captured.reconcile(full=True)
    left = captured.sql("SELECT op FROM syncd.captured ORDER BY 1")
    assert [each["op"] for each in left] == ["P", "U"]
    assert captured.reconcile().mode == "incremental"


def test_everything_at_once_agrees_in_the_end(captured: World) -> None:
    for turn in range(3):
        captured.correct(ids(captured)[turn], label=f"Corrected {turn}")
        captured.review(ids(captured)[10 + turn], label=f"Reviewed {turn}")
        captured.remove_row(ids(captured)[20 + turn])
        captured.add_row(captured.data.rows[3].image, f"Added {turn}")
        captured.until_quiet()
        assert captured.disagreements() == {}

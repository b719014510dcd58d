"""What is done stands in the change log before it is done, and all that a run found is recorded at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest

from children import kill_at
from integration.apply.story import check, expected_differences, patiently
from syncd.engine.options import Options
from syncd.engine.run import reconcile
from syncd.engine.session import open_session
from syncd.engine.steps import Step, observed
from syncd.errors import DatabaseUnavailable
from syncd.store import changes
from worlds import BINDING, World, at_step


def books(world: World) -> dict[str, Any]:
    """Everything that the last transaction of a run writes, besides the rows."""
    return {"baseline": world.baseline(), "conflicts": world.conflicts(), "cursors": world.cursors()}


def test_intents_are_committed_before_anything_can_be_seen(played: World) -> None:
    seen: dict[str, Any] = {}

    def look() -> None:
        seen["pending"] = played.log("pending")
        seen["labels"], seen["rows"] = played.labels(), played.rows()

    labels, rows = played.labels(), played.rows()
    with observed(at_step(Step.INTENTS_COMMITTED, look)):
        result = played.reconcile()
    assert (seen["labels"], seen["rows"]) == (labels, rows)
    assert len(seen["pending"]) == len(result.recorded) > 20
    assert all(each["hash"] is None and each["applied_at"] is None for each in seen["pending"])
    assert [each["seq"] for each in seen["pending"]] == [each["seq"] for each in played.log()]


def test_the_database_is_written_last_and_with_everything_else(played: World) -> None:
    before = (played.rows(), books(played))
    seen: dict[Step, Any] = {}
    steps = [Step.FIFTYONE_WRITTEN, Step.DATABASE_WRITTEN, Step.OUTCOMES_RECORDED]

    def look(step: Step) -> None:
        if step in steps:
            seen[step] = (played.rows(), books(played), {each["status"] for each in played.log()})

    with observed(look):
        played.reconcile()
    assert seen == dict.fromkeys(steps, (*before, {"pending"}))
    assert played.rows() != before[0]
    assert all(played.cursors()[side] != before[1]["cursors"][side] for side in ("fiftyone", "database"))


STATEMENTS = {
    "outcomes": "BEFORE UPDATE ON syncd.change FOR EACH ROW",
    "baseline": "BEFORE INSERT OR UPDATE ON syncd.baseline FOR EACH ROW",
    "conflicts": "BEFORE INSERT ON syncd.conflict FOR EACH ROW",
    "cursors": "BEFORE INSERT ON syncd.cursor FOR EACH ROW",
    "run": "BEFORE UPDATE ON syncd.run FOR EACH ROW WHEN (NEW.status = 'done')",
}


def refuse(world: World, when: str, kind: str = "") -> None:
    world.sql(
        "CREATE FUNCTION syncd.refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the disk is full' USING ERRCODE = 'disk_full'; END $$"
    )
    world.sql(f"CREATE {kind} TRIGGER refuse {when} EXECUTE FUNCTION syncd.refuse()")


@pytest.mark.parametrize("part", [*STATEMENTS, "commit"])
def test_where_one_part_fails_nothing_of_the_others_is_there(
    played: World, undisturbed: dict[str, Any], part: str
) -> None:
    if part == "commit":
        refuse(played, "AFTER INSERT ON syncd.cursor DEFERRABLE INITIALLY DEFERRED FOR EACH ROW", "CONSTRAINT")
    else:
        refuse(played, STATEMENTS[part])
    before = (played.rows(), books(played))
    with pytest.raises(DatabaseUnavailable, match="the disk is full"):
        played.reconcile()
    assert (played.rows(), books(played)) == before
    assert {each["status"] for each in played.log()} == {"pending"}
    run = played.runs()[-1]
    assert (run["status"], "the disk is full" in run["error"]) == ("failed", True)
    played.sql("DROP FUNCTION syncd.refuse CASCADE")
    played.until_quiet()
    check(played, undisturbed)


def test_a_failure_that_lasts_logs_what_waits_once(played: World, undisturbed: dict[str, Any]) -> None:
    """Every change is an entry for as long as nothing comes of it; also where others come about in between."""
    refuse(played, STATEMENTS["cursors"])
    sizes = []
    for turn in range(5):
        played.correct(played.data.rows[55].annotation_id, depth_m=100.0 + turn)
        with pytest.raises(DatabaseUnavailable, match="the disk is full"):
            played.reconcile()
        sizes.append(len(played.log()))
    # What the curator has changed since came about in FiftyOne, where there is no transaction.
    assert sizes == [sizes[0] + turn for turn in range(5)]
    assert len({each["run_id"] for each in played.log("pending")}) == 1
    played.correct(played.data.rows[55].annotation_id, depth_m=played.data.rows[55].depth_m)
    played.sql("DROP FUNCTION syncd.refuse CASCADE")
    played.until_quiet()
    assert "abandoned" not in {each["status"] for each in played.log()}
    with open_session(played.config(), BINDING) as session:
        assert changes.verify(session.state, session.tables, BINDING).is_sound
    assert played.disagreements().keys() == expected_differences(played)


def test_where_the_log_cannot_be_written_nothing_is_done(played: World) -> None:
    refuse(played, "BEFORE INSERT ON syncd.change FOR EACH ROW")
    before = (played.labels(), played.rows(), books(played))
    with pytest.raises(DatabaseUnavailable, match="the disk is full"):
        played.reconcile()
    assert (played.labels(), played.rows(), books(played)) == before


def test_every_change_carries_its_explanation(played: World) -> None:
    begun = datetime.now(timezone.utc)
    result = played.reconcile()
    log = played.log()
    assert {each["run_id"] for each in log} == {result.run_id}
    for each in log:
        assert each["binding"] == BINDING
        assert each["status"] == "applied"
        assert each["annotation_id"] and each["sample_id"] and each["label_id"]
        assert each["reason"] and each["hash"]
        assert begun <= each["applied_at"] <= datetime.now(timezone.utc)
        if each["field"] is not None:
            assert each["old"] != each["new"]
    edited = [each for each in log if each["action"] != "delete" and each["reason"] != "id_restored"]
    assert all(begun.timestamp() - 60 < each["edited_at"].timestamp() for each in edited)
    home = [each for each in edited if each["direction"] == "to_fiftyone"]
    assert {each["actor"] for each in home} == {"curator"}


def test_the_log_tells_old_and_new_of_either_direction(world: World) -> None:
    one, other = (row.annotation_id for row in world.data.rows[:2])
    world.review(one, label="Reviewed")
    world.correct(other, depth_m=3.5)
    world.reconcile()
    told = {each["annotation_id"]: each for each in world.log()}
    first, second = world.data.rows[:2]
    assert (told[one]["direction"], told[one]["field"]) == ("to_database", "label")
    assert (told[one]["old"], told[one]["new"]) == (first.label, "Reviewed")
    assert (told[other]["direction"], told[other]["field"]) == ("to_fiftyone", "depth")
    assert (float(told[other]["old"]), float(told[other]["new"])) == (second.depth_m, 3.5)


def test_a_dry_run_leaves_nothing_behind(played: World) -> None:
    before = (played.labels(), played.rows(), books(played), played.log(), played.runs())
    result = played.reconcile(dry_run=True)
    assert result.plan is not None
    assert result.plan.changes
    assert (played.labels(), played.rows(), books(played), played.log(), played.runs()) == before


class Watched:
    """FiftyOne's side, which looks at the database's connections each time it is asked for something."""

    def __init__(self, inner: Any, look: Callable[[str], None]) -> None:
        self.inner, self.look = inner, look

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        if not callable(found):
            return found

        def looking(*given: Any, **named: Any) -> Any:
            result = found(*given, **named)
            self.look(name)
            return result

        return looking


@pytest.mark.parametrize(
    ("apart", "full", "died"), [(False, False, True), (False, True, False), (True, False, False), (True, True, True)]
)
def test_no_transaction_is_open_while_fiftyone_is_read_or_written(
    played: World, apart: bool, full: bool, died: bool
) -> None:
    """An idle transaction would be ended by the server's own limit, and would keep its cleaning up."""
    config = played.config(**({"state": {"url": played.url}} if apart else {}))
    seen: dict[str, set[str]] = {}

    def look(name: str) -> None:
        if name == "read_all_to":
            # It runs beside the database's own reading: look when that is over and this one still under way.
            time.sleep(0.6)
        states = played.sql(
            "SELECT state FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'syncd'"
        )
        seen.setdefault(name, set()).update(each["state"] for each in states)

    if died:
        kill_at(played.document(), BINDING, Step.FIFTYONE_WRITTEN.value)

    def run() -> None:
        with open_session(config, BINDING) as session:
            fiftyone: Any = Watched(session.fiftyone, look)
            reconcile(replace(session, fiftyone=fiftyone), Options(full=full))

    patiently(run)
    assert "write_slices" in seen
    assert "read_samples" in seen
    assert {name: states for name, states in seen.items() if states != {"idle"}} == {}

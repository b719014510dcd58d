"""A value that the database will not take is said once and not tried again until something changes."""

from __future__ import annotations

from typing import Any

import pytest

from worlds import LIST, NO_BRAKES, World, utc


def ids(world: World) -> list[str]:
    return [row.annotation_id for row in world.data.rows]


def trigger(world: World, body: str, when: str = "BEFORE UPDATE") -> None:
    """The lab's own trigger on its table."""
    world.sql(f"CREATE FUNCTION lab_rule() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$")
    world.sql(f"CREATE TRIGGER a_lab_rule {when} ON annotation FOR EACH ROW EXECUTE FUNCTION lab_rule()")


def check_said_once(world: World, annotation_id: str, said: str) -> dict[str, Any]:
    """One conflict and one line of the log, however many runs there are."""
    for full in (False, True, False):
        world.reconcile(full=full)
        (conflict,) = world.conflicts()
        assert (conflict["kind"], conflict["annotation_id"]) == ("refused_by_database", annotation_id)
        assert said in conflict["suggestions"][0]
        assert [each["status"] for each in world.log() if each["annotation_id"] == annotation_id] == ["refused"]
    return conflict


def test_a_refused_value_costs_no_other_change(world: World) -> None:
    world.sql("ALTER TABLE annotation ADD CONSTRAINT polite CHECK (label NOT LIKE 'Bad%')")
    for number in range(5):
        world.review(ids(world)[number], label=f"Good {number}")
    one = ids(world)[7]
    world.review(one, label="Bad 1")
    assert world.reconcile().to_database == 5
    conflict = check_said_once(world, one, "polite")
    assert (conflict["field"], conflict["fiftyone"], conflict["database"]) == (
        "label",
        "Bad 1",
        world.data.rows[7].label,
    )
    # Another value is tried, and told apart from the first.
    world.review(one, label="Bad 2")
    world.reconcile()
    assert [(each["new"], each["status"]) for each in world.log()][-1] == ("Bad 2", "refused")
    assert [(each["id"], each["fiftyone"]) for each in world.conflicts()] == [(conflict["id"], "Bad 2")]
    world.review(one, label="Good")
    assert world.reconcile().to_database == 1
    assert world.conflicts() == []
    assert [each["resolution"] for each in world.conflicts("resolved")] == ["settled"]


@pytest.mark.parametrize("kind", ["enum", "list", "foreign key"])
def test_a_value_that_the_column_does_not_take_is_foreseen_by_the_dry_run_and_goes_once_it_is_taken(
    world: World, kind: str
) -> None:
    labels = sorted({row.label for row in world.data.rows} | {"Known"})
    listed = ", ".join(f"'{each}'" for each in labels)
    if kind == "enum":
        world.sql(f"CREATE TYPE class AS ENUM ({listed})")
        world.sql("ALTER TABLE annotation ALTER label TYPE class USING label::class")
    elif kind == "list":
        world.sql(f"ALTER TABLE annotation ADD CONSTRAINT listed CHECK (label IN ({listed}))")
    else:
        world.sql("CREATE TABLE class (name text PRIMARY KEY)")
        world.sql("INSERT INTO class VALUES " + ", ".join(f"('{each}')" for each in labels))
        world.sql("ALTER TABLE annotation ADD FOREIGN KEY (label) REFERENCES class")
    world.reconcile(full=True)
    one, two = ids(world)[:2]
    world.review(one, label="Unheard")
    world.review(two, label="Known")
    plan = world.reconcile(dry_run=True).plan
    assert plan is not None
    (conflict,) = plan.conflicts
    assert (conflict.kind, conflict.annotation_id, conflict.fiftyone) == ("unsafe_value", one, "Unheard")
    assert "'Unheard' is none of the" in conflict.suggestions[0]
    assert [each.annotation_id for each in plan.changes] == [two]
    assert world.reconcile().to_database == 1
    add = {
        "enum": "ALTER TYPE class ADD VALUE 'Unheard'",
        "list": "ALTER TABLE annotation DROP CONSTRAINT listed",
        "foreign key": "INSERT INTO class VALUES ('Unheard')",
    }
    world.sql(add[kind])
    assert world.reconcile().to_database == 1
    assert world.conflicts() == []


def test_a_refused_value_is_put_right_from_the_other_side(world: World) -> None:
    world.sql("ALTER TABLE annotation ADD CONSTRAINT polite CHECK (label <> 'Bad')")
    one = ids(world)[0]
    world.review(one, label="Bad")
    check_said_once(world, one, "polite")
    world.review(one, label=world.data.rows[0].label)
    world.reconcile()
    assert (world.conflicts(), world.disagreements()) == ([], {})


def mend(world: World, drawn: object) -> str:
    """A reviewer gives the drawn label another class; returns the id that it bears after the next run."""
    mended = {"$set": {f"{LIST}.$[it].label": "Good", "last_modified_at": utc()}}
    world.samples.update_one({f"{LIST}._id": drawn}, mended, array_filters=[{"it._id": drawn}])
    world.reconcile()
    return str(next(each["annotation_id"] for each in world.raw_labels() if each["_id"] == drawn))


def test_a_drawn_label_that_is_refused_bears_no_id_until_its_row_is_taken(world: World) -> None:
    world.sql("ALTER TABLE annotation ADD CONSTRAINT polite CHECK (label <> 'Bad')")
    drawn = world.draw(world.data.rows[0].image, "Bad")
    before = set(world.rows())
    for full in (False, True, False):
        world.reconcile(full=full)
        assert next(each for each in world.raw_labels() if each["_id"] == drawn).get("annotation_id") is None
        (conflict,) = world.conflicts()
        assert conflict["kind"] == "refused_by_database" and "polite" in str(conflict["suggestions"])
        assert set(world.rows()) == before
    own = mend(world, drawn)
    assert world.rows()[own]["label"] == "Good"
    assert (world.conflicts(), world.disagreements()) == ([], {})


def test_a_row_that_was_drawn_and_then_deleted_at_home_is_not_inserted_again(world: World) -> None:
    """An intent to insert it failed at first; but it has been in the database since."""
    world.sql("ALTER TABLE annotation ADD CONSTRAINT polite CHECK (label <> 'Bad')")
    drawn = world.draw(world.data.rows[0].image, "Bad")
    world.reconcile()
    own = mend(world, drawn)
    kept = next(each for each in world.raw_labels() if each["_id"] == drawn)
    world.remove_row(own)
    world.reconcile()
    assert own not in world.labels()
    sample = kept.pop("sample")
    world.samples.update_one({"_id": sample}, {"$push": {LIST: kept}, "$set": {"last_modified_at": utc()}})
    world.until_quiet()
    assert own not in world.rows()


def test_a_trigger_that_alters_the_value_does_not_start_a_game_of_ping_pong(world: World) -> None:
    trigger(world, "NEW.label := upper(NEW.label); RETURN NEW;")
    one = ids(world)[0]
    world.review(one, label="Reviewed")
    world.reconcile()
    for full in (False, True, False, True):
        world.reconcile(full=full)
        assert (world.labels()[one]["label"], world.rows()[one]["label"]) == ("REVIEWED", "REVIEWED")
        assert world.conflicts() == []
        assert [each["reason"] for each in world.log()] == ["reviewed", "answered"]
    assert world.disagreements() == {}


def test_a_trigger_that_puts_the_old_value_back_has_refused_the_new_one(world: World) -> None:
    trigger(world, "NEW.label := OLD.label; RETURN NEW;")
    one = ids(world)[0]
    world.review(one, label="Reviewed")
    conflict = check_said_once(world, one, "put the old one back")
    assert conflict["database"] == world.rows()[one]["label"] == world.data.rows[0].label


def test_a_trigger_that_drops_the_write_has_refused_it(world: World) -> None:
    trigger(world, "RETURN NULL;")
    one = ids(world)[0]
    world.review(one, label="Reviewed")
    check_said_once(world, one, "left the row as it was")


@pytest.mark.parametrize("world", [{"brakes": NO_BRAKES, "policy": {"on_fiftyone_delete": "delete"}}], indirect=True)
def test_what_was_refused_is_tried_once_more_when_the_table_takes_something_else(world: World) -> None:
    one, two, three = ids(world)[:3]
    world.sql("CREATE TABLE measured (annotation_id uuid CONSTRAINT kept REFERENCES annotation)")
    world.sql("INSERT INTO measured VALUES (:id)", id=two)
    world.sql("ALTER TABLE annotation ADD CONSTRAINT polite CHECK (label NOT LIKE 'Bad%')")
    trigger(world, "IF NEW.label = 'Worse' THEN RAISE 'no worse'; END IF; RETURN NEW;")
    world.reconcile(full=True)
    world.review(one, label="Bad")
    world.erase(two)
    world.review(three, label="Worse")
    drawn = world.draw(world.data.rows[9].image, "Bad too")
    world.reconcile()
    assert [each["kind"] for each in world.conflicts()] == ["refused_by_database"] * 4
    # What has nothing to do with it, and a run that does not read everything, is no reason to try.
    world.sql("CREATE TABLE elsewhere (id int); CREATE INDEX ON annotation (depth_m)")
    log = world.log()
    world.reconcile(full=True)
    world.sql("ALTER TABLE annotation DROP CONSTRAINT polite")
    world.reconcile()
    assert world.log() == log
    world.reconcile(full=True)
    assert {each["annotation_id"] for each in world.conflicts()} == {two, three}
    assert world.rows()[one]["label"] == "Bad"
    assert next(each for each in world.raw_labels() if each["_id"] == drawn)["annotation_id"] in world.rows()
    # They were tried, too, and once.
    tried = [each for each in world.log("refused") if each["annotation_id"] in (two, three)]
    world.reconcile(full=True)
    assert len(tried) == 4 and len(world.log("refused")) == 6
    world.sql("ALTER TABLE measured DROP CONSTRAINT kept")
    world.sql("CREATE OR REPLACE FUNCTION lab_rule() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'")
    world.reconcile(full=True)
    assert (world.conflicts(), world.disagreements()) == ([], {})
    assert two not in world.rows() and world.rows()[three]["label"] == "Worse"


def test_a_column_default_is_taken_over_by_the_label(world: World) -> None:
    world.sql("ALTER TABLE annotation ALTER depth_m SET DEFAULT 42")
    world.draw(world.data.rows[0].image, "Drawn")
    world.until_quiet()
    assert world.disagreements() == {}
    assert 42 in {each["depth"] for each in world.labels().values()}


@pytest.mark.parametrize("world", [{"brakes": NO_BRAKES, "policy": {"on_fiftyone_delete": "delete"}}], indirect=True)
@pytest.mark.parametrize("how", ["foreign key", "trigger"])
def test_a_row_that_may_not_be_deleted_stays(world: World, how: str) -> None:
    one = ids(world)[0]
    if how == "trigger":
        trigger(world, "RETURN NULL;", "BEFORE DELETE")
    else:
        world.sql("CREATE TABLE measured (annotation_id uuid REFERENCES annotation)")
        world.sql("INSERT INTO measured VALUES (:id)", id=one)
    world.erase(one)
    world.reconcile()
    assert one in world.rows()
    (conflict,) = world.conflicts()
    assert (conflict["kind"], conflict["field"]) == ("refused_by_database", None)
    log = world.log()
    for full in (False, True):
        world.reconcile(full=full)
        (still,) = world.conflicts()
        assert (world.log(), still["id"], still["suggestions"]) == (log, conflict["id"], conflict["suggestions"])
    assert ("left the row as it was" if how == "trigger" else "measured") in conflict["suggestions"][0]

"""A drawn label gets the id that the database gives to its row, when the row is there, and not before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from bson import ObjectId

from children import kill_at
from syncd.engine.steps import Step, observed
from worlds import BINDING, LIST, World, at_step, utc

VIEW = """CREATE VIEW shown AS SELECT annotation_id, media_uri, label, x, y, w, h, depth_m, verified, updated_at,
          updated_by FROM annotation"""
KEPT = """INSERT INTO annotation (media_uri, label, x, y, w, h)
          VALUES (new.media_uri, new.label, new.x, new.y, new.w, new.h)"""


def trigger(world: World, body: str, when: str = "BEFORE INSERT ON annotation") -> None:
    """The lab's own trigger."""
    world.sql(f"CREATE FUNCTION lab_rule() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} RETURN new; END $$")
    world.sql(f"CREATE TRIGGER a_lab_rule {when} FOR EACH ROW EXECUTE FUNCTION lab_rule()")


def draw(world: World, label: str, number: int = 0) -> ObjectId:
    """A reviewer draws a label on one of the images."""
    return world.draw(world.data.rows[number].image, label)


def id_of(world: World, label_id: ObjectId) -> str | None:
    """The annotation id that a label bears."""
    found = next(each for each in world.raw_labels() if each["_id"] == label_id)
    bears: str | None = found.get("annotation_id")
    return bears


def of(world: World, label_id: ObjectId) -> list[dict[str, Any]]:
    """What the log says of a label."""
    return [each for each in world.log() if each["label_id"] == str(label_id)]


def relabel(world: World, label_id: ObjectId, **values: Any) -> None:
    """A reviewer changes a label that may have no id."""
    sets = {f"{LIST}.$[it].{name}": value for name, value in values.items()}
    world.samples.update_one(
        {f"{LIST}._id": label_id}, {"$set": sets | {"last_modified_at": utc()}}, array_filters=[{"it._id": label_id}]
    )


def runs(world: World) -> None:
    """A poll, a complete reading, and another poll."""
    for full in (False, True, False):
        world.reconcile(full=full)


def test_a_label_whose_row_was_refused_bears_no_id_until_it_is_edited_and_accepted(world: World) -> None:
    trigger(world, "IF new.label = 'Bad' THEN RAISE EXCEPTION 'this image has no cruise yet'; END IF;")
    bad, good = draw(world, "Bad"), draw(world, "Good")
    runs(world)
    (conflict,) = world.conflicts()
    assert (conflict["kind"], conflict["annotation_id"], conflict["label_id"]) == (
        "refused_by_database",
        None,
        str(bad),
    )
    assert "no cruise yet" in conflict["suggestions"][0]
    assert id_of(world, bad) is None
    assert [(each["annotation_id"], each["status"]) for each in of(world, bad)] == [(None, "refused")]
    assert world.rows()[str(id_of(world, good))]["label"] == "Good"

    relabel(world, bad, label="Better")
    runs(world)
    assert world.conflicts() == []
    assert [(each["annotation_id"], each["status"]) for each in of(world, bad)][1:] == [(id_of(world, bad), "applied")]
    assert world.disagreements() == {}


@pytest.mark.parametrize("state", [False, True], ids=["together", "apart"])
def test_a_trigger_that_gives_rows_their_ids_is_believed_and_nothing_is_repeated(world: World, state: bool) -> None:
    trigger(world, "new.annotation_id := gen_random_uuid();")
    config = world.config(state={"url": world.url}) if state else None
    drawn = [draw(world, f"Drawn {each}", each) for each in range(3)]
    before = len(world.rows())
    for full in (False, True, False):
        world.reconcile(full=full, config=config)
    assert len(world.rows()) == before + 3
    assert world.conflicts() == []
    assert world.disagreements() == {}
    for each in drawn:
        assert [(entry["annotation_id"], entry["status"]) for entry in of(world, each)] == [
            (id_of(world, each), "applied")
        ]
        assert str(id_of(world, each)) in world.baseline()


@pytest.mark.parametrize("world", [{"table": "shown"}], indirect=True)
@pytest.mark.parametrize("tells", [True, False])
def test_a_view_that_gives_rows_their_ids_must_say_which(world: World, tells: bool) -> None:
    world.sql(VIEW)
    trigger(
        world,
        f"{KEPT}{' RETURNING annotation_id INTO new.annotation_id' if tells else ''};",
        "INSTEAD OF INSERT ON shown",
    )
    drawn, before = draw(world, "Drawn"), len(world.rows())
    runs(world)
    assert len(world.rows()) == before + tells
    assert len(of(world, drawn)) == 1
    if tells:
        assert world.rows()[str(id_of(world, drawn))]["label"] == "Drawn"
        assert world.conflicts() == []
        return
    (conflict,) = world.conflicts()
    assert id_of(world, drawn) is None
    assert (conflict["kind"], conflict["label_id"]) == ("refused_by_database", str(drawn))


@pytest.mark.parametrize("world", [{"table": "shown"}], indirect=True)
def test_a_view_over_the_table_takes_drawn_labels_unasked(world: World) -> None:
    world.sql(VIEW)
    drawn = [draw(world, f"Drawn {each}", each) for each in range(5)]
    runs(world)
    assert world.conflicts() == []
    assert {world.rows()[str(id_of(world, each))]["label"] for each in drawn} == {f"Drawn {each}" for each in range(5)}


def test_many_drawn_labels_in_one_run_each_get_their_row(world: World) -> None:
    drawn = {draw(world, f"Drawn {each}", each % 10): f"Drawn {each}" for each in range(200)}
    assert world.reconcile(force=True).to_database == 200
    assert world.reconcile().recorded == ()
    rows = world.rows()
    assert {each: rows[str(id_of(world, each))]["label"] for each in drawn} == drawn
    assert world.conflicts() == []


def _erased(world: World, drawn: ObjectId) -> None:
    world.samples.update_one({f"{LIST}._id": drawn}, {"$pull": {LIST: {"_id": drawn}}})


def _named(world: World, drawn: ObjectId) -> None:
    relabel(world, drawn, annotation_id="00000000-0000-4000-8000-000000000009")


@pytest.mark.parametrize("act", [_erased, _named])
def test_a_label_that_is_gone_or_bears_an_id_by_then_gets_no_row(
    world: World, act: Callable[[World, ObjectId], None]
) -> None:
    drawn, before = draw(world, "Drawn"), len(world.rows())
    with observed(at_step(Step.INTENTS_COMMITTED, lambda: act(world, drawn))):
        world.reconcile()
    assert len(world.rows()) == before
    assert [each["status"] for each in of(world, drawn)] == ["superseded"]


@pytest.mark.parametrize(("act", "kind"), [(_erased, "deleted_in_fiftyone"), (_named, "moved")])
def test_what_happens_to_a_label_before_its_id_is_on_it_is_for_a_person(
    world: World, act: Callable[[World, ObjectId], None], kind: str
) -> None:
    """The row is there, and says whose it is."""
    drawn = draw(world, "Drawn")
    with observed(at_step(Step.COMMITTED, lambda: act(world, drawn))):
        world.reconcile()
    world.reconcile(full=True)
    assert [each["kind"] for each in world.conflicts()] == [kind]
    (entry,) = of(world, drawn)
    assert (entry["status"], world.rows()[entry["annotation_id"]]["label"]) == ("applied", "Drawn")


def test_killed_before_the_id_is_on_its_label_the_next_run_puts_it_there(world: World) -> None:
    drawn, before = draw(world, "Drawn"), len(world.rows())
    assert kill_at(world.document(), BINDING, Step.COMMITTED.value) == -9
    (entry,) = of(world, drawn)
    assert (entry["status"], id_of(world, drawn)) == ("pending", None)
    world.until_quiet()
    assert len(world.rows()) == before + 1
    assert [(each["annotation_id"], each["status"]) for each in of(world, drawn)] == [(id_of(world, drawn), "applied")]
    assert world.conflicts() == []


def test_killed_between_two_databases_a_row_of_somebody_else_under_the_noted_id_is_not_the_labels(world: World) -> None:
    drawn = draw(world, "Drawn")
    assert kill_at(world.document(state={"url": world.url}), BINDING, Step.IDS_NOTED.value) == -9
    (entry,) = of(world, drawn)
    other = world.data.rows[5].image
    world.add_row(other, "Theirs", entry["annotation_id"])
    world.until_quiet(config=world.config(state={"url": world.url}))
    bears = str(id_of(world, drawn))
    assert bears != entry["annotation_id"]
    assert [world.rows()[each]["label"] for each in (bears, entry["annotation_id"])] == ["Drawn", "Theirs"]
    assert world.labels()[entry["annotation_id"]]["label"] == "Theirs"
    assert [each["status"] for each in of(world, drawn)] == ["abandoned", "applied"]


def test_a_number_that_an_earlier_version_left_on_a_label_is_taken_back(world: World) -> None:
    """Its row was refused, and the lab's own row of another image has that id by now."""
    drawn, number = draw(world, "Drawn"), "00000000-0000-4000-8000-000000000041"
    relabel(world, drawn, annotation_id=number)
    world.sql(
        "INSERT INTO syncd.change (run_id, binding, annotation_id, label_id, direction, action, reason, status) "
        "VALUES ('r', :binding, :id, :label, 'to_database', 'insert', 'drawn_in_fiftyone', 'superseded')",
        binding=BINDING, id=number, label=str(drawn),
    )  # fmt: skip
    world.add_row(world.data.rows[5].image, "Drawn", number)
    world.until_quiet()
    assert id_of(world, drawn) not in (None, number)
    place = next(each["sample"] for each in world.raw_labels() if each.get("annotation_id") == number)
    assert world.samples.find_one({"_id": place})["filepath"] == str(world.data.rows[5].image)
    assert world.disagreements() == {}

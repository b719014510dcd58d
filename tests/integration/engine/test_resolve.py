"""A person's answer to each kind of conflict does what it says, on both sides, and to nothing else."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from bson import ObjectId

from integration.engine.answers import DATABASE, FIFTYONE, answer, both, ids, quiet
from integration.engine.test_review_tags import VOCABULARY, other_term, tag_sample, tags
from syncd.diff.resolution.answer import Take
from syncd.engine.resolve import Resolved, resolve
from syncd.engine.session import open_session
from syncd.model.vocabulary import Term, Vocabulary
from trust import many
from worlds import BINDING, LIST, NO_BRAKES, World, utc


def disagree(world: World, *annotation_ids: str) -> None:
    for each in annotation_ids:
        world.review(each, label="One")
        world.correct(each, label="Other")
    world.reconcile()
    assert {each["kind"] for each in world.conflicts()} == {"edit_edit"}


def statuses(resolved: Resolved) -> list[str]:
    return [each.status for each in resolved.outcomes]


@pytest.mark.parametrize(
    ("take", "label", "ways"),
    [
        (FIFTYONE, "One", {"to_database"}),
        (DATABASE, "Other", {"to_fiftyone"}),
        (Take(text="Third"), "Third", {"to_database", "to_fiftyone"}),
    ],
    ids=["fiftyone", "database", "value"],
)
def test_a_disagreement_is_settled_as_the_person_says(world: World, take: Take, label: str, ways: set[str]) -> None:
    one, two = ids(world)[:2]
    disagree(world, one, two)
    (first, _) = world.conflicts()

    done = answer(world, take, ids=[first["id"]], note="asked Ada")

    assert statuses(done) == ["resolved"]
    assert [each["label"] for each in both(world, one)] == [label, label]
    assert [each["label"] for each in both(world, two)] == ["One", "Other"]
    assert [each["id"] for each in world.conflicts()] == [first["id"] + 1], "the other conflict stays open"
    (closed,) = world.conflicts("resolved")
    assert closed["resolution"].startswith(f"took {take.words}, ")
    assert closed["resolution"].endswith(": asked Ada")
    assert closed["resolved_at"] is not None
    entries = [each for each in world.log("applied") if each["reason"] == "resolved"]
    assert {each["direction"] for each in entries} == ways
    assert world.runs()[-1]["mode"] == "resolve"
    assert world.runs()[-1]["counts"]["note"] == "asked Ada"
    assert world.baseline()[one]["label"] == label
    quiet(world)
    world.review(one, label="Later")
    assert world.reconcile().to_database == 1


@pytest.mark.parametrize(
    ("world", "left"),
    [({"review": {"after": "remove"}}, ["seen"]), ({"review": {"after": "keep"}}, ["by:ada", "seen"])],
    indirect=["world"],
    ids=["remove", "keep"],
)
def test_the_tag_that_named_the_editor_goes_with_the_answer(world: World, left: list[str]) -> None:
    one, two = ids(world)[:2]
    for each in (one, two):
        world.review(each, label="One", tags=["by:ada", "seen"])
        world.correct(each, label="Other")
    world.reconcile()
    about = {each["annotation_id"]: each["id"] for each in world.conflicts()}

    answer(world, DATABASE, ids=[about[one]])

    assert sorted(each for each in tags(world, one) if not each.startswith("syncd:")) == left
    assert "by:ada" in tags(world, two), "that edit is not settled"


def test_a_dry_run_says_what_it_would_do_and_does_nothing(world: World) -> None:
    disagree(world, ids(world)[0])
    before = world.labels(), world.rows(), world.conflicts(), world.log(), world.runs()
    done = answer(world, FIFTYONE, dry_run=True)
    assert statuses(done) == ["would_resolve"]
    assert done.result is not None
    assert done.result.plan is not None
    assert len(done.result.plan.changes) == 1
    assert (world.labels(), world.rows(), world.conflicts(), world.log(), world.runs()) == before


@pytest.mark.parametrize("side", ["fiftyone", "database"])
@pytest.mark.parametrize("take", [FIFTYONE, DATABASE, Take(text="Third")], ids=["fiftyone", "database", "value"])
def test_what_nobody_has_seen_is_neither_taken_nor_overwritten(world: World, side: str, take: Take) -> None:
    one = ids(world)[0]
    disagree(world, one)
    if side == "fiftyone":
        world.review(one, label="Newer")
    else:
        world.correct(one, label="Newer")
    before = both(world, one)

    done = answer(world, take)

    assert statuses(done) == ["refused"]
    assert "moved on" in str(done.outcomes[0].why)
    assert "'Newer'" in str(done.outcomes[0].why)
    assert both(world, one) == before
    assert len(world.conflicts()) == 1
    world.reconcile()
    assert statuses(answer(world, take)) == ["resolved"]


def test_sides_that_agree_by_now_are_settled(world: World) -> None:
    one = ids(world)[0]
    disagree(world, one)
    world.review(one, label="Other")
    assert statuses(answer(world, FIFTYONE)) == ["settled"]
    assert world.conflicts("resolved")[0]["resolution"] == "settled"
    assert [each["label"] for each in both(world, one)] == ["Other", "Other"]


@pytest.mark.parametrize("take", [FIFTYONE, DATABASE, Take(text="0.5, 0.5, 0.25, 0.25")], ids=lambda each: each.words)
def test_a_moved_box_is_accepted_or_put_back(world: World, take: Take) -> None:
    one = ids(world)[0]
    world.review(one, bounding_box=[0.1, 0.1, 0.2, 0.2])
    world.reconcile()
    assert world.conflicts()[0]["kind"] == "box_changed"
    assert statuses(answer(world, take, kind="box_changed")) == ["resolved"]
    wanted = [0.1, 0.1, 0.2, 0.2] if take is FIFTYONE else list(world.data.rows[0].box)
    wanted = [0.5, 0.5, 0.25, 0.25] if take.text else wanted
    assert both(world, one)[0]["box"] == pytest.approx(wanted)
    assert both(world, one)[1]["box"] == pytest.approx(wanted)
    quiet(world)


def test_a_value_that_a_side_cannot_hold_is_refused(world: World) -> None:
    disagree(world, ids(world)[0])
    done = answer(world, Take(text="20240101"))
    assert statuses(done) == ["refused"]
    assert "FiftyOne cannot hold it" in str(done.outcomes[0].why)
    assert len(world.conflicts()) == 1


def test_a_value_that_is_no_term_is_refused_with_the_nearest(world: World) -> None:
    disagree(world, ids(world)[0])
    vocabulary = Vocabulary((Term("Copepoda"), Term("Other")), aliases={"Copepods": "Copepoda"})
    done = answer(world, Take(text="Copepda"), vocabulary=vocabulary)
    assert statuses(done) == ["refused"]
    assert "'Copepoda'" in str(done.outcomes[0].why)
    assert statuses(answer(world, FIFTYONE, vocabulary=vocabulary)) == ["refused"]
    assert statuses(answer(world, Take(text="Copepods"), vocabulary=vocabulary)) == ["resolved"]
    assert [each["label"] for each in both(world, ids(world)[0])] == ["Copepoda", "Copepoda"]


def test_what_the_database_refuses_stays_open_with_its_words(world: World) -> None:
    one = ids(world)[0]
    disagree(world, one)
    world.sql("ALTER TABLE annotation ADD CONSTRAINT no_one CHECK (label <> 'One')")
    done = answer(world, FIFTYONE)
    assert statuses(done) == ["refused"]
    (conflict,) = world.conflicts()
    assert conflict["kind"] == "refused_by_database"
    assert "no_one" in conflict["suggestions"][0]
    assert statuses(answer(world, DATABASE)) == ["resolved"]
    quiet(world)


# Whole annotations


@pytest.mark.parametrize("take", [FIFTYONE, DATABASE], ids=lambda each: each.words)
def test_a_label_deleted_in_fiftyone(world: World, take: Take) -> None:
    one = ids(world)[0]
    before = world.labels(), world.rows()
    world.erase(one)
    world.reconcile()
    assert world.conflicts()[0]["kind"] == "deleted_in_fiftyone"
    assert statuses(answer(world, take)) == ["resolved"]
    if take is DATABASE:
        assert (world.labels(), world.rows()) == before
    else:
        assert both(world, one) == (None, None)
    assert (one in world.baseline()) == (take is DATABASE)
    quiet(world)


@pytest.mark.parametrize("world", [{"policy": {"on_database_delete": "quarantine"}}], indirect=True)
@pytest.mark.parametrize("take", [FIFTYONE, DATABASE], ids=lambda each: each.words)
def test_a_row_deleted_in_the_database(world: World, take: Take) -> None:
    one = ids(world)[0]
    before = world.labels(), world.rows()
    world.remove_row(one)
    world.reconcile()
    assert world.conflicts()[0]["kind"] == "deleted_in_database"
    assert statuses(answer(world, take)) == ["resolved"]
    if take is FIFTYONE:
        assert (world.labels(), world.rows()) == before
    else:
        assert both(world, one) == (None, None)
    quiet(world)


@pytest.mark.parametrize("take", [FIFTYONE, DATABASE], ids=lambda each: each.words)
def test_an_id_that_the_database_never_had(world: World, take: Take) -> None:
    new = "00000000-0000-4000-8000-000000000009"
    world.draw(world.data.rows[0].image, "Strange", annotation_id=new)
    world.reconcile()
    assert world.conflicts()[0]["kind"] == "unknown_id"
    assert statuses(answer(world, take)) == ["resolved"]
    assert (new in world.rows(), new in world.labels()) == ((True, True) if take is FIFTYONE else (False, False))
    quiet(world)


def copy_of(world: World, annotation_id: str) -> ObjectId:
    """Somebody duplicates a label inside its sample."""
    sample, _ = world.place(annotation_id)
    found = next(each for each in world.raw_labels() if each["annotation_id"] == annotation_id)
    own = ObjectId()
    copied = {name: value for name, value in found.items() if name != "sample"} | {"_id": own}
    world.samples.update_one({"_id": sample}, {"$push": {LIST: copied}, "$set": {"last_modified_at": utc()}})
    return own


@pytest.mark.parametrize("take", [FIFTYONE, DATABASE], ids=lambda each: each.words)
def test_a_copy_goes_or_becomes_an_annotation_of_its_own(world: World, take: Take) -> None:
    one = ids(world)[0]
    copied = copy_of(world, one)
    world.reconcile()
    assert world.conflicts()[0]["kind"] == "duplicate_id"
    before = world.baseline()[one]

    assert statuses(answer(world, take)) == ["resolved"]

    assert [each["_id"] for each in world.raw_labels() if each.get("annotation_id") == one] != [copied]
    assert world.baseline()[one] == before, "the original is what it was"
    assert world.place(one)[1] != copied
    if take is DATABASE:
        assert copied not in [each["_id"] for each in world.raw_labels()]
        quiet(world)
    else:
        assert world.reconcile().to_database == 1
        assert len(world.rows()) == len(world.data.rows) + 1
    assert world.conflicts() == []


def test_copies_without_an_original_are_nobodys_to_choose(world: World) -> None:
    one = ids(world)[0]
    copy_of(world, one)
    copy_of(world, one)
    sample, label = world.place(one)
    world.samples.update_one({"_id": sample}, {"$pull": {LIST: {"_id": label}}, "$set": {"last_modified_at": utc()}})
    world.reconcile()
    before = world.labels(), world.rows(), len(world.raw_labels())
    done = answer(world, DATABASE, kind="duplicate_id")
    assert statuses(done) == ["refused", "refused"]
    assert "may be the original" in str(done.outcomes[0].why)
    assert (world.labels(), world.rows(), len(world.raw_labels())) == before


def test_a_label_whose_id_was_changed_gets_it_back(world: World) -> None:
    one = ids(world)[0]
    before = world.labels()
    world.review(one, annotation_id="another")
    world.reconcile()
    assert {each["kind"] for each in world.conflicts()} == {"moved"}
    assert statuses(answer(world, FIFTYONE, kind="moved")) == ["refused"]
    assert statuses(answer(world, DATABASE, kind="moved")) == ["resolved"]
    world.reconcile()
    assert world.labels() == before
    assert world.conflicts() == []


@pytest.mark.parametrize("take", [FIFTYONE, DATABASE], ids=lambda each: each.words)
def test_a_label_drawn_anew_in_its_place(world: World, take: Take) -> None:
    one = ids(world)[0]
    row = world.data.rows[0]
    world.erase(one)
    x, y, w, h = row.box
    drawn = world.draw(row.image, "Redrawn", bounding_box=[x, y, w * 0.9, h])
    world.reconcile()
    assert [each["kind"] for each in world.conflicts()] == ["replaced"]
    assert statuses(answer(world, take)) == ["resolved"]
    world.reconcile()
    assert world.conflicts() == []
    assert (world.place(one)[1] == drawn) == (take is FIFTYONE)
    assert len(world.raw_labels()) == len(world.data.rows)
    wanted = "Redrawn" if take is FIFTYONE else row.label
    assert [each["label"] for each in both(world, one)] == [wanted, wanted]
    assert len({tuple(each["box"]) for each in both(world, one)}) == 1
    assert len({each["depth"] for each in both(world, one)}) == 1
    quiet(world)


@pytest.mark.parametrize("world", [{"policy": {"on_new": "quarantine"}}], indirect=True)
@pytest.mark.parametrize("take", [FIFTYONE, DATABASE], ids=lambda each: each.words)
def test_a_new_label_gets_its_row_or_goes(world: World, take: Take) -> None:
    drawn = world.draw(world.data.rows[0].image, "Drawn")
    world.reconcile()
    assert world.conflicts()[0]["kind"] == "new_label"
    assert statuses(answer(world, take)) == ["resolved"]
    assert len(world.rows()) == len(world.data.rows) + (take is FIFTYONE)
    assert (drawn in [each["_id"] for each in world.raw_labels()]) == (take is FIFTYONE)
    quiet(world)
    assert world.conflicts() == []


@pytest.mark.parametrize("take", [FIFTYONE, DATABASE], ids=lambda each: each.words)
def test_a_label_without_id_where_a_new_rows_label_would_go(world: World, take: Take) -> None:
    row = world.data.rows[0]
    drawn = world.draw(row.image, "Drawn", bounding_box=[0.1, 0.1, 0.3, 0.3])
    new = world.add_row(row.image, "Added")
    world.reconcile()
    assert [each["kind"] for each in world.conflicts()] == ["occupied"]
    assert statuses(answer(world, take)) == ["resolved"]
    world.reconcile()
    assert (world.place(new)[1] == drawn) == (take is FIFTYONE)
    assert world.conflicts() == []
    assert [each["label"] for each in both(world, new)] == ["Drawn" if take is FIFTYONE else "Added"] * 2


def test_several_samples_of_one_medium_are_for_hands(world: World) -> None:
    row = world.data.rows[0]
    sample = world.samples.find_one({"filepath": str(row.image)})
    world.samples.insert_one(sample | {"_id": ObjectId(), "ground_truth": None, "last_modified_at": utc()})
    world.add_row(row.image, "Added")
    world.reconcile()
    done = answer(world, DATABASE)
    assert statuses(done) == ["refused"]
    assert "delete the surplus samples" in str(done.outcomes[0].why)


@pytest.mark.parametrize("world", [{"brakes": NO_BRAKES}], indirect=True)
@pytest.mark.parametrize("take", [FIFTYONE, DATABASE], ids=lambda each: each.words)
def test_a_label_that_vanished_right_after_its_insert(world: World, take: Take) -> None:
    new = world.add_row(world.data.rows[0].image, "Added")
    for typed in ("Typed", "Typed again"):
        world.reconcile()
        world.erase(new)
        world.review(ids(world)[0], label=typed)
    world.reconcile()
    assert world.conflicts()[0]["kind"] == "stale_revert"
    assert statuses(answer(world, take)) == ["resolved"]
    assert (new in world.rows(), new in world.labels()) == ((False, False) if take is FIFTYONE else (True, True))
    quiet(world)


@pytest.mark.parametrize("take", [FIFTYONE, DATABASE], ids=lambda each: each.words)
def test_a_value_that_an_idle_window_put_back(world: World, take: Take) -> None:
    images = [row.image for row in world.data.rows]
    image = next(image for image in images if images.count(image) > 1)
    (one, was), (other, _) = [(row.annotation_id, row.label) for row in world.data.rows if row.image == image][:2]
    world.correct(one, label="Corrected")
    for typed in ("Typed", "Typed again"):
        world.reconcile()
        world.review(one, label=was)
        world.review(other, label=typed)
    world.reconcile()
    assert world.conflicts()[0]["kind"] == "stale_revert"
    assert statuses(answer(world, take)) == ["resolved"]
    wanted = was if take is FIFTYONE else "Corrected"
    assert [each["label"] for each in both(world, one)] == [wanted, wanted]
    quiet(world)


# Many at once


def test_all_that_match_are_resolved_and_no_others(world: World) -> None:
    chosen = ids(world)[:10]
    disagree(world, *chosen)
    world.review(ids(world)[20], label="Elsewhere")
    world.correct(ids(world)[20], label="Other")
    world.reconcile()
    assert len(world.conflicts()) == 11
    assert statuses(answer(world, DATABASE, kind="edit_edit", field="label", label="One")) == ["resolved"] * 10
    assert [each["fiftyone"] for each in world.conflicts()] == ["Elsewhere"]


@pytest.mark.parametrize("world", [{"brakes": NO_BRAKES}], indirect=True)
@pytest.mark.parametrize("take", [DATABASE, FIFTYONE, Take(text="Third")][: many(1, 3)], ids=lambda take: take.words)
def test_a_thousand_conflicts_are_resolved_by_few_statements(world: World, take: Take) -> None:
    crowd(world, 1_000)
    world.reconcile()
    world.sql("UPDATE annotation SET label = 'Other', updated_by = 'curator'")
    world.samples.update_many({}, {"$set": {f"{LIST}.$[].label": "One", "last_modified_at": utc()}})
    world.reconcile()
    conflicts = world.conflicts()
    assert len(conflicts) >= 1_000
    statements: list[str] = []

    def count(_: Any, __: Any, statement: str, *___: Any) -> None:
        statements.append(statement)

    sa.event.listen(sa.engine.Engine, "before_cursor_execute", count)
    try:
        done = answer(world, take)
    finally:
        sa.event.remove(sa.engine.Engine, "before_cursor_execute", count)
    assert set(statuses(done)) == {"resolved"}
    assert world.conflicts() == []
    assert world.disagreements() == {}
    assert len(statements) < 200
    quiet(world)


def crowd(world: World, size: int) -> None:
    """Adds annotations by the dozen to the samples that are there."""
    images = [str(each["filepath"]) for each in world.samples.find({}, {"filepath": 1})]
    rows: dict[str, Any] = {f"uri{index}": uri for index, uri in enumerate(images)}
    for start in range(0, size, len(images)):
        values = ", ".join(
            f"(gen_random_uuid(), :uri{index}, 'Crowd', {start / size / 2}, 0.1, 0.01, 0.01, 'curator')"
            for index in range(len(images))
        )
        world.sql(
            "INSERT INTO annotation (annotation_id, media_uri, label, x, y, w, h, updated_by) VALUES " + values, **rows
        )


def test_a_field_without_a_column_that_can_be_written_takes_only_the_databases_value(world: World) -> None:
    world.sql("CREATE VIEW seen AS SELECT *, depth_m * 2 AS twice FROM annotation")
    config = world.config(read="public.seen", attributes={"depth": {"column": "twice"}})
    world.reconcile(config=config, force=True)
    one = ids(world)[0]
    world.review(one, depth=1.5)
    world.reconcile(config=config)
    (conflict,) = [each for each in world.conflicts() if each["annotation_id"] == one]
    assert conflict["kind"] == "wrong_direction"
    with open_session(config, BINDING) as session:
        refused = resolve(session, [conflict], FIFTYONE, vocabulary=None)
        assert statuses(refused) == ["refused"]
        assert "cannot be written" in str(refused.outcomes[0].why)
        assert statuses(resolve(session, [conflict], DATABASE, vocabulary=None)) == ["resolved"]


# Tags and vocabulary


@pytest.mark.parametrize("world", [VOCABULARY], indirect=True)
@pytest.mark.parametrize("which", ["value", "database"])
def test_class_tags_that_disagree_are_answered_and_go(world: World, which: str) -> None:
    world.reconcile()
    one, was = ids(world)[0], world.data.rows[0].label
    terms = [other_term(world, one, 0), other_term(world, one, 1)]
    world.review(one, tags=[*terms, "mine"])
    world.reconcile()
    assert [each["kind"] for each in world.conflicts()] == ["ambiguous_tags"]

    take = Take(text=terms[1]) if which == "value" else DATABASE
    with open_session(world.config(), BINDING) as session:
        done = resolve(session, world.conflicts(), take, vocabulary=session.vocabulary)

    assert statuses(done) == ["resolved"]
    wanted = terms[1] if which == "value" else was
    assert [each["label"] for each in both(world, one)] == [wanted, wanted]
    world.reconcile()
    assert world.conflicts() == []
    assert tags(world, one) == ["mine"]
    quiet(world)


@pytest.mark.parametrize("world", [VOCABULARY], indirect=True)
@pytest.mark.parametrize("take", [DATABASE, "nearest"], ids=["database", "value"])
def test_a_misspelt_label_is_corrected_or_taken_back(world: World, take: Any) -> None:
    world.reconcile()
    one, was = ids(world)[0], world.data.rows[0].label
    term = other_term(world, one)
    world.review(one, label=term + "a")
    world.reconcile()
    (conflict,) = world.conflicts()
    assert conflict["kind"] == "unknown_label"
    with open_session(world.config(), BINDING) as session:
        refused = resolve(session, [conflict], FIFTYONE, vocabulary=session.vocabulary)
        assert statuses(refused) == ["refused"]
        assert term in str(refused.outcomes[0].why)
        chosen = Take(text=term) if take == "nearest" else take
        assert statuses(resolve(session, [conflict], chosen, vocabulary=session.vocabulary)) == ["resolved"]
    wanted = term if take == "nearest" else was
    assert [each["label"] for each in both(world, one)] == [wanted, wanted]
    world.reconcile()
    assert world.conflicts() == []
    quiet(world)


@pytest.mark.parametrize("world", [VOCABULARY], indirect=True)
def test_a_tag_of_a_whole_sample_is_answered_for_one_label_alone(world: World) -> None:
    world.reconcile()
    one = ids(world)[0]
    sample, _ = world.place(one)
    crowd_of = [each["annotation_id"] for each in world.raw_labels() if each["sample"] == sample]
    if len(crowd_of) == 1:
        world.add_row(world.data.rows[0].image, world.data.rows[0].label)
        world.reconcile()
    tag_sample(world, one, other_term(world, one))
    world.reconcile()
    opened = {each["annotation_id"] for each in world.conflicts()}
    assert len(opened) > 1
    with open_session(world.config(), BINDING) as session:
        mine = [each for each in world.conflicts() if each["annotation_id"] == one]
        assert statuses(resolve(session, mine, DATABASE, vocabulary=session.vocabulary)) == ["resolved"]
    world.reconcile(full=True)
    assert {each["annotation_id"] for each in world.conflicts()} == opened - {one}

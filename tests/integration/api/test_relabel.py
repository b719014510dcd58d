"""Labels get another class at a person's word: on both sides, within the vocabulary, logged, undone like any edit."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from bson import ObjectId

from integration.engine.answers import both, ids, quiet
from integration.engine.test_resolve import disagree
from integration.engine.test_review_tags import VOCABULARY, other_term, tags
from syncd import Binding, ConfigError, open_binding
from worlds import BINDING, World

BRAKED = {"brakes": {"min_rows": 1, "min_count": 2, "max_change_fraction": 0.01}}


@pytest.fixture
def b(world: World) -> Iterator[Binding]:
    with open_binding(BINDING, world.config()) as binding:
        yield binding


def labels(world: World, annotation_id: str) -> list[str]:
    label, row = both(world, annotation_id)
    return [label["label"], row["label"]]


@pytest.mark.parametrize("world", [VOCABULARY], indirect=True)
def test_both_sides_are_written_and_logged_under_the_actors_name_and_one_undo_takes_it_back(
    world: World, b: Binding
) -> None:
    world.reconcile()
    some = ids(world)[:3]
    term = other_term(world, some[0])
    before = {each: labels(world, each) for each in some}
    with b.actor("ada"):
        done = b.relabel(term, annotation_ids=some, note="the cluster at the top")

    assert {each: labels(world, each) for each in some} == {each: [term, term] for each in some}
    assert (done.left, done.waits) == ((), False)
    entries = [each for each in b.log() if each.reason == "relabelled"]
    assert {each.actor for each in entries} == {"ada"}
    assert {each.run_id for each in entries} == {done.result.run_id if done.result else None}
    assert b.log().notes == {entries[0].run_id: "the cluster at the top"}
    assert done.as_json()["applied"]["to_database"] == sum(before[each][1] != term for each in some)
    assert {world.baseline()[each]["label"] for each in some} == {term}
    quiet(world)

    b.undo(run=entries[0].run_id)
    assert {each: labels(world, each) for each in some} == before
    quiet(world)


@pytest.mark.parametrize("world", [VOCABULARY | {"aliases": {"Copepda": "Copepoda"}}], indirect=True)
def test_a_class_that_is_no_term_is_refused_with_the_nearest_and_an_alias_is_its_term(world: World, b: Binding) -> None:
    one = ids(world)[0]
    terms = [row["name"] for row in world.sql("SELECT name FROM taxon ORDER BY name")]
    before = labels(world, one)
    with pytest.raises(ConfigError, match="is not in the vocabulary; did you mean") as caught:
        b.relabel(terms[0] + "x", annotation_ids=[one])
    assert terms[0] in str(caught.value)
    assert labels(world, one) == before
    if "Copepoda" in terms:
        assert b.relabel("Copepda", annotation_ids=[one]).label == "Copepoda"


def test_labels_are_named_by_fiftyones_ids_or_by_a_view(world: World, b: Binding, fiftyone: ModuleType) -> None:
    one, two, three = ids(world)[:3]
    places = {each: world.place(each) for each in (one, two, three)}
    done = b.relabel("New", label_ids=[str(places[one][1]), str(ObjectId())])
    assert labels(world, one) == ["New", "New"]
    assert [each.why for each in done.left] == ["there is no such label"]

    dataset = fiftyone.load_dataset(world.dataset)
    view = dataset.select_labels(ids=[str(places[two][1])])
    b.relabel("New", view=view)
    assert labels(world, two) == ["New", "New"]
    patches = dataset.to_patches("ground_truth").match(fiftyone.ViewField("ground_truth._id") == places[three][1])
    assert len(patches) == 1
    b.relabel("New", view=patches)
    assert labels(world, three) == ["New", "New"]
    quiet(world)
    other = fiftyone.Dataset()
    with pytest.raises(ConfigError, match="is of the dataset"):
        b.relabel("New", view=other.view())
    with pytest.raises(ConfigError, match="once"):
        b.relabel("New")


@pytest.mark.parametrize("world", [VOCABULARY | {"review": {"mode": "tagged"}}], indirect=True)
def test_where_edits_wait_for_review_fiftyone_is_written_and_the_edit_waits_under_its_name(
    world: World, b: Binding
) -> None:
    world.reconcile()
    one = ids(world)[0]
    old, term = labels(world, one)[0], other_term(world, one)
    with b.actor("ada"):
        done = b.relabel(term, annotation_ids=[one])
    assert done.waits
    assert labels(world, one) == [term, old]
    assert world.baseline()[one]["label"] == old, "nobody has agreed"
    assert tags(world, one) == ["by:ada"]

    result = b.reconcile()
    assert result.as_json()["awaiting_review"] == 1
    assert labels(world, one) == [term, old]
    (waits,) = b.waiting()
    assert (waits.new, waits.actor) == (term, "ada")
    assert b.reconcile(full=True).recorded == ()

    world.review(one, tags=["by:ada", "reviewed", "ok"])
    b.reconcile()
    assert labels(world, one) == [term, term]
    carried = [each for each in b.history(one) if each.direction == "to_database" and each.field == "label"]
    assert [(each.reason, each.actor) for each in carried] == [("reviewed", "ada")]
    quiet(world)


@pytest.mark.parametrize("world", [VOCABULARY | {"review": {"mode": "tagged"}}], indirect=True)
def test_what_waits_is_taken_back_by_an_undo(world: World, b: Binding) -> None:
    world.reconcile()
    one = ids(world)[0]
    old, term = labels(world, one)[0], other_term(world, one)
    done = b.relabel(term, annotation_ids=[one])
    assert done.result is not None
    b.undo(run=done.result.run_id)
    assert labels(world, one) == [old, old]
    b.reconcile()
    assert len(b.waiting()) == 0
    quiet(world)


@pytest.mark.parametrize("world", [{"directions": {"label": "to_fiftyone"}}], indirect=True)
def test_where_labels_are_edited_in_the_database_alone_nothing_is_relabelled(world: World, b: Binding) -> None:
    one = ids(world)[0]
    with pytest.raises(ConfigError, match="edited in the database alone"):
        b.relabel("New", annotation_ids=[one])
    assert "New" not in labels(world, one)


@pytest.mark.parametrize(
    "world", [{"brakes": {"min_rows": 1, "min_count": 2, "max_change_fraction": 0.01}}], indirect=True
)
def test_brakes_hold_it_unless_they_are_released(world: World, b: Binding) -> None:
    some = ids(world)[:5]
    done = b.relabel("New", annotation_ids=some)
    assert done.exit_code == 4
    assert done.as_json()["held"]
    assert not any("New" in labels(world, each) for each in some)
    assert b.relabel("New", annotation_ids=some, force=True).exit_code == 0
    assert all(labels(world, each) == ["New", "New"] for each in some)


def test_what_is_in_doubt_is_left_alone_and_named(world: World, b: Binding) -> None:
    disputed, corrected, gone, fine, drawn_on = ids(world)[:5]
    disagree(world, disputed)
    world.correct(corrected, label="Corrected")
    world.remove_row(gone)
    drawn = world.draw(
        world.data.rows[4].image if hasattr(world.data.rows[4], "image") else _image(world, drawn_on), "Drawn"
    )
    done = b.relabel("New", annotation_ids=[disputed, corrected, gone, fine, "nobody"])
    why = {each.annotation_id: each.why for each in done.left}
    assert "conflict" in why[disputed]
    assert "not agreed on yet" in why[corrected]
    assert "does not have it" in why[gone]
    assert "no label" in why["nobody"]
    assert labels(world, fine) == ["New", "New"]
    assert done.exit_code in (0, 3)
    b.relabel("New", label_ids=[str(drawn)])
    label = next(each for each in world.raw_labels() if each["_id"] == drawn)
    assert label["label"] == "New", "it has no row yet: the next run makes one"


def _image(world: World, annotation_id: str) -> str:
    sample, _ = world.place(annotation_id)
    return str(world.samples.find_one({"_id": sample})["filepath"])


def test_labels_that_hold_the_class_already_are_counted_and_a_dry_run_writes_nothing(world: World, b: Binding) -> None:
    one, two = ids(world)[:2]
    now = labels(world, one)[0]
    assert b.relabel(now, annotation_ids=[one]).as_json()["already"] == 1
    done = b.relabel("New", annotation_ids=[two], dry_run=True)
    assert [each.new for each in done.plan.changes] == ["New", "New"]
    assert "New" not in labels(world, two)


def test_an_edit_that_comes_in_between_is_kept(world: World, b: Binding, monkeypatch: pytest.MonkeyPatch) -> None:
    from syncd.engine import direct_plan

    one = ids(world)[0]

    def then(*_: Any, **__: Any) -> None:
        monkeypatch.undo()
        world.review(one, label="Typed")

    monkeypatch.setattr(direct_plan, "reached", lambda step: then() if step is direct_plan.Step.PLANNED else None)
    done = b.relabel("New", annotation_ids=[one])
    assert labels(world, one)[0] == "Typed"
    assert done.as_json()["superseded"] >= 1

"""Which labels in use are not in the vocabulary, and the plan that corrects those that are certain."""

from __future__ import annotations

from typing import Any

import pytest
from bson import ObjectId

from syncd.engine.direct_plan import DirectOptions, apply_direct
from syncd.engine.session import open_session
from syncd.engine.vocabulary_fix import Fix, fix_plan
from syncd.model import Direction
from syncd.vocabulary.check import Checked, check_vocabulary
from worlds import BINDING, World, utc


def settings(world: World, **overrides: Any) -> Any:
    chosen: dict[str, Any] = {
        "vocabulary": {"classes": [*classes_of(world), "Never seen"]},
        "extra_labels": ["unknown"],
    }
    return world.config(**chosen | overrides)


def classes_of(world: World) -> list[str]:
    return sorted({row.label for row in world.data.rows})


def check(world: World, **overrides: Any) -> Checked:
    return check_vocabulary(settings(world, **overrides), BINDING)


def fix(world: World, meant: dict[str, str] | None = None, **overrides: Any) -> Fix:
    config = settings(world, **overrides)
    found = meant if meant is not None else check_vocabulary(config, BINDING).meant
    with open_session(config, BINDING) as session:
        return fix_plan(session, found)


def test_all_is_well_where_every_label_is_a_term(world: World) -> None:
    found = check(world)
    assert (found.exit_code, found.strays, found.poison, found.notes) == (0, (), (), ())
    assert (found.terms, found.unused) == (len(classes_of(world)) + 1, 1)


def test_strays_are_counted_on_each_side_with_the_nearest_terms(world: World) -> None:
    first, second, third = sorted(world.rows())[:3]
    term = world.rows()[first]["label"]
    for each in (first, second):
        world.review(each, label=f"{term}x")
    world.correct(first, label=f"{term}x")
    world.correct(third, label="Zzz")
    found = check(world)
    assert [(each.label, each.fiftyone, each.database) for each in found.strays] == [(f"{term}x", 2, 1), ("Zzz", 0, 1)]
    assert found.strays[0].nearest[0] == term
    assert found.strays[1].nearest == ()
    assert found.meant == {}
    assert found.exit_code == 3


def test_an_alias_in_use_is_listed_and_is_nothing_wrong(world: World) -> None:
    first = min(world.rows())
    term = world.rows()[first]["label"]
    world.review(first, label="Old name")
    found = check(world, aliases={"Old name": term})
    assert [(each.label, each.means, each.is_alias) for each in found.strays] == [("Old name", term, True)]
    assert found.unknown == ()
    assert found.exit_code == 0


def test_poison_in_the_vocabulary_is_reported(world: World) -> None:
    found = check(world, vocabulary={"classes": [*classes_of(world), "20240101", "2024-W05"]})
    assert [each.term for each in found.poison] == ["20240101", "2024-W05"]
    assert found.exit_code == 3


def test_a_label_that_became_a_date_is_counted(world: World) -> None:
    sample, label = world.place(min(world.rows()))
    path = "ground_truth.detections.$[it].label"
    world.samples.update_one({"_id": sample}, {"$set": {path: utc()}}, array_filters=[{"it._id": label}])
    found = check(world)
    assert (found.no_text, found.exit_code) == (1, 3)


def test_a_term_that_is_poison_is_never_what_a_label_means(world: World) -> None:
    world.correct(min(world.rows()), label="2024-w05")
    found = check(world, vocabulary={"classes": [*classes_of(world), "2024-W05"]})
    assert found.meant == {}


def test_both_sides_are_corrected_and_agree_afterwards(world: World) -> None:
    everything = sorted(world.rows())
    term = world.rows()[everything[0]]["label"]
    same = [each for each in everything if world.rows()[each]["label"] == term][:4]
    for each in same[:3]:
        world.review(each, label=term.upper())
    world.correct(same[0], label=f" {term}")
    world.correct(same[3], label=f"{term}_")
    made = fix(world)
    assert made.left == {}
    wanted = {(each, Direction.TO_FIFTYONE) for each in same[:3]} | {
        (each, Direction.TO_DATABASE) for each in same[::3]
    }
    assert {(each.annotation_id, each.direction) for each in made.plan.changes} == wanted
    assert {(each.reason, each.field, each.new) for each in made.plan.changes} == {("vocabulary_fix", "label", term)}
    with open_session(settings(world), BINDING) as session:
        result = apply_direct(session, made.plan, DirectOptions(strict=True, force=True))
    assert (result.to_fiftyone, result.to_database, result.superseded) == (3, 2, 0)
    assert world.disagreements() == {}
    assert check(world).exit_code == 0
    assert world.reconcile(config=settings(world), full=True).recorded == ()
    assert world.conflicts() == []


def test_an_alias_is_written_as_its_term(world: World) -> None:
    first = min(world.rows())
    term = world.rows()[first]["label"]
    world.correct(first, label="Old name")
    world.review(first, label="Old name")
    made = fix(world, aliases={"Old name": term})
    assert [(each.direction, each.old, each.new) for each in made.plan.changes] == [
        (Direction.TO_DATABASE, "Old name", term),
        (Direction.TO_FIFTYONE, "Old name", term),
    ]


def test_a_correction_that_a_reviewer_misspelt_is_left_to_a_reconcile(world: World) -> None:
    first = min(world.rows())
    other = next(each for each in classes_of(world) if each != world.rows()[first]["label"])
    world.review(first, label=other.upper())
    made = fix(world)
    assert made.plan.is_empty
    assert made.left == {"the sides disagree about it, which a reconcile decides": 1}


def test_labels_whose_identity_is_in_doubt_are_left_alone(world: World) -> None:
    first, second, third = sorted(world.rows())[:3]
    rows = world.rows()
    world.review(first, label=rows[first]["label"].upper())
    image = next(row.image for row in world.data.rows)
    world.draw(image, rows[first]["label"].upper(), annotation_id=first)
    world.draw(image, rows[second]["label"].upper(), label_id=ObjectId())
    world.review(third, label=rows[third]["label"].upper())
    world.remove_row(third)
    made = fix(world)
    assert made.plan.is_empty
    assert made.left == {
        "its annotation id stands more than once": 2,
        "the database does not have it, or does not show it": 1,
        "the label has no annotation id": 1,
    }


@pytest.mark.parametrize(
    ("direction", "allowed", "left"),
    [("to_fiftyone", Direction.TO_FIFTYONE, "the database"), ("to_database", Direction.TO_DATABASE, "FiftyOne")],
)
def test_a_side_that_the_label_does_not_travel_to_is_left_alone(
    world: World, direction: str, allowed: Direction, left: str
) -> None:
    one, other = sorted(world.rows())[:2]
    rows = world.rows()
    world.review(one, label=rows[one]["label"].upper())
    world.correct(other, label=rows[other]["label"].upper())
    made = fix(world, directions={"label": direction})
    assert [each.direction for each in made.plan.changes] == [allowed]
    assert made.left == {f"its label is not written to {left}": 1}


def test_a_row_whose_image_is_not_in_the_dataset_is_corrected_in_the_database(world: World) -> None:
    term = classes_of(world)[0]
    new = world.add_row("/nowhere/else.png", term.upper())
    made = fix(world)
    assert [(each.annotation_id, each.label_id, each.direction) for each in made.plan.changes] == [
        (new, None, Direction.TO_DATABASE)
    ]
    with open_session(settings(world), BINDING) as session:
        assert apply_direct(session, made.plan, DirectOptions(strict=True)).to_database == 1
    assert world.rows()[new]["label"] == term

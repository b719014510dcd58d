"""Changes of which one must be written before the other: any order there is is found; where none is, they wait."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from integration.apply.portable import portable
from worlds import NO_BRAKES, World

COUNT = 6
NAMES = ["A", "B", "C", "D", "E", "F", "G"]
ONCE = "ALTER TABLE annotation ADD CONSTRAINT once UNIQUE (label)"


@pytest.fixture(params=["postgresql", "sqlite"])
def lab(world: World, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """Six annotations, each with another letter for its label; no letter may stand twice."""
    if request.param == "postgresql":
        yield lettered(world, ONCE)
        return
    with portable(world, tmp_path) as copy:
        yield lettered(copy, "CREATE UNIQUE INDEX once ON annotation (label)")


def ids(world: World) -> list[str]:
    return sorted(row.annotation_id for row in world.data.rows)[:COUNT]


def lettered(world: World, constraint: str) -> World:
    config = world.config(brakes=NO_BRAKES)
    for number, each in enumerate(sorted(world.rows())):
        world.correct(each, label=NAMES[number] if number < COUNT else f"other {number}")
    world.reconcile(config=config)
    world.sql(constraint)
    return world


def rename(world: World, wanted: dict[int, str]) -> None:
    for number, name in wanted.items():
        world.review(ids(world)[number], label=name)
    world.reconcile(config=world.config(brakes=NO_BRAKES))


def labels(world: World) -> list[str]:
    rows = world.rows()
    return [rows[each]["label"] for each in ids(world) if each in rows]


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0], [3, 0, 5, 1, 4, 2]])
def test_labels_that_move_up_one_after_the_other_all_arrive(lab: World, order: list[int]) -> None:
    """The letters are dealt anew so that each row takes the one of the row that comes next in ``order``."""
    wanted = {row: labels(lab)[after] for row, after in pairwise(order)} | {order[-1]: "G"}
    rename(lab, wanted)
    assert (lab.conflicts(), labels(lab)) == ([], [wanted[number] for number in range(COUNT)])
    assert {each["status"] for each in lab.log() if each["new"] in NAMES and each["reason"] == "reviewed"} == {
        "applied"
    }


def test_labels_that_change_places_wait_for_a_person_and_nobody_else_does(lab: World) -> None:
    rename(lab, {0: "B", 1: "A", 2: "D", 3: "G"})
    assert labels(lab) == ["A", "B", "D", "G", "E", "F"]
    assert [(each["kind"], each["annotation_id"]) for each in lab.conflicts()] == [
        ("refused_by_database", each) for each in ids(lab)[:2]
    ]
    log = lab.log()
    lab.reconcile(full=True)
    assert lab.log() == log


def test_a_label_may_take_what_a_deleted_row_leaves_and_a_drawn_one_what_moves_away(world: World) -> None:
    lettered(world, ONCE)
    world.draw(world.data.rows[0].image, "B")
    world.erase(ids(world)[2])
    for number, name in {0: "C", 1: "A"}.items():
        world.review(ids(world)[number], label=name)
    world.reconcile(config=world.config(brakes=NO_BRAKES, policy={"on_fiftyone_delete": "delete"}))
    assert (world.conflicts(), labels(world)) == ([], ["C", "A", "D", "E", "F"])
    assert "B" in {each["label"] for each in world.rows().values()}


def test_labels_change_places_where_the_constraint_can_wait(world: World) -> None:
    lettered(world, f"{ONCE} DEFERRABLE INITIALLY DEFERRED")
    rename(world, {0: "B", 1: "A"})
    assert (world.conflicts(), labels(world)[:2]) == ([], ["B", "A"])

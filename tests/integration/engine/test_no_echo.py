"""What syncd wrote is never read back as somebody's edit, and a run without news writes nothing at all."""

from __future__ import annotations

from typing import Any

import pytest

from integration.apply.story import OVERRIDES, play
from worlds import World


def everything(world: World) -> dict[str, Any]:
    """All that can be written, stamps included."""
    return {
        "samples": list(world.samples.find().sort("_id")),
        "rows": world.sql("SELECT * FROM annotation ORDER BY annotation_id"),
        "log": world.log(),
        "baseline": world.sql("SELECT * FROM syncd.baseline ORDER BY annotation_id"),
        "conflicts": world.sql("SELECT * FROM syncd.conflict ORDER BY id"),
    }


@pytest.mark.parametrize("world", [OVERRIDES], indirect=True)
@pytest.mark.parametrize("full", [False, True], ids=["incremental", "full"])
def test_after_edits_of_every_kind_the_next_runs_find_nothing(world: World, full: bool) -> None:
    play(world)
    first = world.reconcile(full=full)
    assert first.to_database > 5
    assert first.to_fiftyone > 5
    at_rest = everything(world)
    for again in ({"full": False}, {"full": True}, {"full": False}):
        result = world.reconcile(**again)
        assert result.mode == ("full" if again["full"] else "incremental")
        assert result.recorded == ()
        assert result.opened == 0
        assert everything(world) == at_rest


@pytest.mark.parametrize("world", [OVERRIDES], indirect=True)
def test_every_field_of_every_annotation_written_one_way_does_not_come_back_the_other(world: World) -> None:
    ids = [row.annotation_id for row in world.data.rows]
    for number, each in enumerate(ids[:20]):
        world.correct(each, label=f"L{number}", x=0.1, y=0.2, w=1 / 3, h=0.7, depth_m=number / 7, verified=None)
    for each in ids[20:40]:
        world.review(each, label='ü\u0301 "quoted" {braces} \\ 100 %', verified=False)
    assert {each.status for each in world.reconcile().recorded} == {"applied"}
    at_rest = everything(world)
    assert world.reconcile(full=True).recorded == ()
    assert everything(world) == at_rest
    assert world.disagreements() == {}


def test_a_label_edited_back_and_forth_goes_back_and_forth_once_each(world: World) -> None:
    row = world.data.rows[0]
    for label in ("There", row.label, "There", row.label):
        world.review(row.annotation_id, label=label)
        assert world.reconcile().to_database == 1
        assert world.rows()[row.annotation_id]["label"] == label
        assert world.reconcile().recorded == ()
    for label in ("Here", row.label, "Here"):
        world.correct(row.annotation_id, label=label)
        assert world.reconcile().to_fiftyone == 1
        assert world.labels()[row.annotation_id]["label"] == label
        assert world.reconcile().recorded == ()


def test_an_edit_undone_before_the_run_is_no_edit(world: World) -> None:
    row = world.data.rows[0]
    world.review(row.annotation_id, label="There")
    world.review(row.annotation_id, label=row.label)
    world.correct(row.annotation_id, depth_m=1)
    world.correct(row.annotation_id, depth_m=row.depth_m)
    before = everything(world)
    assert world.reconcile().recorded == ()
    assert everything(world) == before

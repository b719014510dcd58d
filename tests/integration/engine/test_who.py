"""Who is logged for an edit at home: whoever the lab names, and never a name that syncd itself left in the row."""

from __future__ import annotations

from typing import Any

import pytest

from worlds import World


def logged(world: World, annotation_id: str) -> dict[str, Any]:
    """The last entry about an annotation."""
    return [entry for entry in world.log("applied") if entry["annotation_id"] == annotation_id][-1]


@pytest.fixture
def signed(world: World) -> str:
    """An annotation whose row bears the name of a reviewer, as syncd wrote it."""
    one = world.data.rows[0].annotation_id
    world.review(one, label="Reviewed", tags=["by:ada"])
    assert world.reconcile().to_database == 1
    assert [row["updated_by"] for row in world.sql("SELECT * FROM annotation") if str(row["annotation_id"]) == one] == [
        "ada"
    ]
    return one


def script(world: World, annotation_id: str, label: str) -> None:
    """An edit that leaves ``updated_by`` as it is."""
    world.sql("UPDATE annotation SET label = :label WHERE annotation_id = :id", label=label, id=annotation_id)


@pytest.mark.parametrize("full", [False, True])
def test_a_script_that_names_nobody_is_not_the_reviewer(world: World, signed: str, full: bool) -> None:
    for label in ("By a script", "By a script again"):
        script(world, signed, label)
        assert world.reconcile(full=full).to_fiftyone == 1
        assert (logged(world, signed)["new"], logged(world, signed)["actor"]) == (label, None)


def test_an_editor_that_the_lab_names_is_logged_again_and_again(world: World, signed: str) -> None:
    for label in ("Corrected", "Corrected again"):
        world.correct(signed, label=label)
        assert world.reconcile().to_fiftyone == 1
        assert (logged(world, signed)["new"], logged(world, signed)["actor"]) == (label, "curator")


def test_the_reviewer_is_named_at_home_too_once_somebody_else_was(world: World, signed: str) -> None:
    world.correct(signed, label="Corrected")
    world.reconcile()
    world.sql("UPDATE annotation SET label = 'By Ada', updated_by = 'ada' WHERE annotation_id = :id", id=signed)
    world.reconcile()
    assert logged(world, signed)["actor"] == "ada"


def test_nor_is_syncd_the_editor_of_what_it_wrote_last(world: World) -> None:
    one = world.data.rows[0].annotation_id
    world.review(one, label="Reviewed")
    world.reconcile()
    script(world, one, "By a script")
    world.reconcile()
    assert logged(world, one)["actor"] is None

"""Rows that a view or row-level security keeps from syncd are hidden and not deleted: nothing is removed for them."""

from __future__ import annotations

from typing import Any

import pytest

from integration.capture.lab import CaptureLab
from integration.engine.answers import DATABASE, FIFTYONE, answer, both, ids, quiet, take_back
from integration.rights.conftest import grant
from syncd.config import Config
from syncd.engine.session import open_session
from syncd.engine.verify import verify
from worlds import BINDING, World

__all__ = ["grant"]

JOINED = "SELECT a.* FROM annotation a JOIN cruise ON cruise.uri = a.media_uri"
REMOVE = {"policy": {"on_hidden": "remove"}}


@pytest.fixture
def shown(world: World) -> World:
    """A world that reads a view which joins a table of somebody else's, and which has agreed."""
    world.sql("CREATE TABLE cruise AS SELECT DISTINCT media_uri AS uri FROM annotation")
    world.sql("CREATE TABLE lost AS SELECT * FROM cruise WHERE false")
    world.sql(f"CREATE VIEW shown AS {JOINED}")
    world.overrides["read"] = "public.shown"  # type: ignore[index]
    assert world.reconcile().recorded == ()
    return world


def hide(world: World, annotation_id: str) -> list[str]:
    """Another team tidies up: the view hides all rows of one image. Returns their ids."""
    (row,) = world.sql("SELECT media_uri FROM annotation WHERE annotation_id = :id", id=annotation_id)
    world.sql("DELETE FROM cruise WHERE uri = :uri", uri=row["media_uri"])
    rows = world.sql("SELECT annotation_id FROM annotation WHERE media_uri = :uri", uri=row["media_uri"])
    return sorted(str(each["annotation_id"]) for each in rows)


def show(world: World) -> None:
    world.sql("INSERT INTO cruise SELECT DISTINCT media_uri FROM annotation EXCEPT SELECT uri FROM cruise")


def kinds(world: World) -> dict[str, str]:
    return {each["annotation_id"]: each["kind"] for each in world.conflicts()}


def exit_code(config: Config) -> int:
    with open_session(config, BINDING) as session:
        return verify(session, lambda _: None).exit_code


def test_labels_of_rows_that_a_view_hides_stay_until_it_shows_them_again(shown: World) -> None:
    before, gone = shown.labels(), hide(shown, ids(shown)[0])
    result = shown.reconcile(full=True)
    assert (result.exit_code, result.recorded) == (3, ())
    assert kinds(shown) == dict.fromkeys(gone, "hidden")
    assert shown.labels() == before
    assert exit_code(shown.config()) == 3, "somebody has been told"
    assert shown.reconcile(full=True).opened == 0
    show(shown)
    shown.correct(gone[0], label="Corrected")
    result = shown.reconcile(full=True)
    assert (result.to_fiftyone, result.open_conflicts) == (1, 0)
    assert shown.disagreements() == {}
    shown.review(gone[0], label="Reviewed")
    assert shown.reconcile().to_database == 1
    quiet(shown)


@pytest.mark.parametrize("full", [False, True])
def test_a_row_that_is_deleted_under_a_view_takes_its_label_with_it(shown: World, full: bool) -> None:
    one, other = ids(shown)[0], ids(shown)[1]
    hide(shown, one)
    shown.remove_row(other)
    shown.reconcile(full=full)
    assert other not in shown.labels()
    assert one in shown.labels()
    assert "deleted_in_database" not in kinds(shown).values()


def test_a_view_that_hides_soft_deleted_rows_removes_their_labels_where_policy_says_so(world: World) -> None:
    world.sql("ALTER TABLE annotation ADD deleted_at timestamptz")
    world.sql("CREATE VIEW in_use AS SELECT * FROM annotation WHERE deleted_at IS NULL")
    config = world.config(read="public.in_use", **REMOVE)
    world.reconcile(config=config)
    one = ids(world)[0]
    world.sql("UPDATE annotation SET deleted_at = now() WHERE annotation_id = :id", id=one)
    result = world.reconcile(config=config, full=True)
    assert (result.exit_code, result.to_fiftyone) == (0, 1)
    assert one not in world.labels()
    assert world.log("applied")[-1]["reason"] == "hidden_in_database"
    assert world.reconcile(config=config, full=True).recorded == ()
    world.sql("UPDATE annotation SET deleted_at = NULL WHERE annotation_id = :id", id=one)
    assert world.reconcile(config=config, full=True).to_fiftyone == 1
    assert world.disagreements() == {}


def test_an_edit_by_which_a_row_is_hidden_is_no_reason_to_ask(world: World) -> None:
    """A lab whose view hides what is flagged, and a reviewer who flags."""
    world.sql("CREATE VIEW in_use AS SELECT * FROM annotation WHERE label <> 'Noise'")
    config = world.config(read="public.in_use", **REMOVE)
    world.reconcile(config=config)
    one = ids(world)[0]
    world.review(one, label="Noise")
    assert world.reconcile(config=config).to_database == 1
    assert world.baseline()[one]["label"] == "Noise", "what was read back, from the table"
    result = world.reconcile(config=config, full=True)
    assert (result.exit_code, result.to_fiftyone) == (0, 1)
    assert one not in world.labels()
    assert world.rows()[one]["label"] == "Noise"


def test_what_a_reviewer_changed_is_asked_about_whatever_the_policy(shown: World) -> None:
    shown.overrides.update(REMOVE)  # type: ignore[attr-defined]
    shown.reconcile()
    gone = hide(shown, ids(shown)[0])
    shown.review(gone[0], label="Reviewed")
    result = shown.reconcile()
    assert (result.mode, result.exit_code) == ("incremental", 3), "the table is asked by the id, in a poll too"
    assert shown.conflicts()[0]["fiftyone"]["label"] == "Reviewed"
    assert kinds(shown) == {gone[0]: "hidden"}


def test_a_captured_change_that_hides_a_row_is_seen_by_the_poll(shown: World) -> None:
    CaptureLab(shown.url).install()
    shown.reconcile()
    hide(shown, one := ids(shown)[0])
    shown.correct(one, label="Corrected")
    result = shown.reconcile()
    assert (result.mode, kinds(shown)) == ("incremental", {one: "hidden"})
    assert one in shown.labels()
    shown.remove_row(one)
    assert shown.reconcile().to_fiftyone == 1
    assert one not in shown.labels()
    assert kinds(shown).get(one) is None


def test_a_nightly_reload_in_one_transaction_is_nothing_at_all(shown: World) -> None:
    shown.sql("CREATE TABLE tonight AS SELECT * FROM annotation")
    shown.sql(
        "WITH gone AS (DELETE FROM annotation RETURNING 1) SELECT count(*) FROM gone; "
        "INSERT INTO annotation SELECT * FROM tonight"
    )
    result = shown.reconcile(full=True)
    assert (result.exit_code, result.recorded) == (0, ())


def test_an_id_whose_row_is_hidden_is_not_unknown(shown: World) -> None:
    gone = hide(shown, ids(shown)[0])
    shown.sql("DELETE FROM syncd.baseline WHERE annotation_id = ANY(:ids)", ids=gone)
    shown.reconcile(full=True)
    assert kinds(shown) == dict.fromkeys(gone, "hidden")


def test_a_label_that_was_erased_while_its_row_is_hidden_is_forgotten(shown: World) -> None:
    gone = hide(shown, ids(shown)[0])
    shown.erase(gone[0])
    shown.reconcile(full=True)
    assert gone[0] not in shown.baseline()
    assert [each["reason"] for each in shown.log("applied")] == ["gone_and_hidden"]
    assert gone[0] in shown.rows()


def test_of_a_hidden_row_the_label_can_be_given_up_and_nothing_else(shown: World) -> None:
    gone = hide(shown, ids(shown)[0])
    shown.reconcile(full=True)
    refused = answer(shown, FIFTYONE, kind="hidden")
    assert all("Show the row again" in str(each.why) for each in refused.outcomes)
    assert kinds(shown) == dict.fromkeys(gone, "hidden")
    answer(shown, DATABASE, kind="hidden")
    assert kinds(shown) == {}
    assert [both(shown, each)[0] for each in gone] == [None] * len(gone)
    assert all(each in shown.rows() for each in gone)
    quiet(shown)
    undone = take_back(shown)
    assert [each.why for each in undone.left] == ["its row is hidden (by a view, a query or row-level security)"] * len(
        gone
    )


def test_a_row_that_went_while_its_conflict_was_open_is_not_inserted_again_unseen(shown: World) -> None:
    (one, *_) = hide(shown, ids(shown)[0])
    shown.reconcile(full=True)
    shown.remove_row(one)
    answered = answer(shown, FIFTYONE, kind="hidden")
    assert "gone: reconcile and look again" in str([each.why for each in answered.outcomes])
    assert one not in shown.rows()


@pytest.fixture
def secured(world: World, grant: Any) -> tuple[World, Config]:
    """A table whose policies keep some rows from syncd's role."""
    document = world.document()
    document["database"]["url"] = grant(world.config(), by_hand=True)
    world.sql("ALTER TABLE annotation ADD secret boolean NOT NULL DEFAULT false")
    world.sql("ALTER TABLE annotation ENABLE ROW LEVEL SECURITY")
    world.sql("CREATE POLICY all_but_secret ON annotation USING (NOT secret)")
    return world, world.parse(document)


def test_under_row_level_security_a_row_that_is_gone_may_be_hidden(secured: tuple[World, Config]) -> None:
    world, config = secured
    one, other = ids(world)[:2]
    world.sql("UPDATE annotation SET secret = true WHERE annotation_id = :id", id=one)
    world.remove_row(other)
    assert world.reconcile(config=config, full=True).exit_code == 3
    assert kinds(world) == {one: "hidden", other: "hidden"}
    world.sql("UPDATE annotation SET secret = false")
    assert world.reconcile(config=config, full=True).open_conflicts == 1


def test_under_row_level_security_capture_tells_what_was_deleted(secured: tuple[World, Config]) -> None:
    world, config = secured
    CaptureLab(world.url).install()
    one, other, third = ids(world)[:3]
    world.reconcile(config=config)
    world.sql("UPDATE annotation SET secret = true WHERE annotation_id = :id", id=one)
    world.remove_row(other)
    world.review(third, label="Reviewed")
    world.remove_row(third)
    for full in (False, True):
        world.reconcile(config=config, full=full)
        assert kinds(world) == {one: "hidden", third: "deleted_in_database"}
        assert (one in world.labels(), other in world.labels()) == (True, False)
        world.sql("DELETE FROM syncd.captured")
    world.reconcile(config=config, full=True)
    assert kinds(world) == {one: "hidden", third: "deleted_in_database"}, "somebody has been told already"

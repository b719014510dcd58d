"""Readings of more than memory should hold: laid down in parts, with the same outcome as any other."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.engine import partitions
from syncd.engine.session import open_session
from syncd.engine.verify import verify
from worlds import BINDING, World


@pytest.fixture(autouse=True)
def in_parts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Everything is too large, and nothing of it is left behind."""
    monkeypatch.setattr(partitions, "IN_MEMORY", 0)
    monkeypatch.setattr(partitions, "SIZE", 20)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield
    assert list(tmp_path.glob("syncd-*")) == []


def forget(world: World) -> None:
    """As if the two sides had never met."""
    for table in ("baseline", "cursor"):
        world.sql(f"DELETE FROM syncd.{table}")


def test_a_first_meeting_records_what_both_sides_hold_alike_and_asks_about_the_rest(world: World) -> None:
    before = world.baseline()
    forget(world)
    odd = world.data.rows[7].annotation_id
    world.review(odd, label="typed before they met")
    dry = world.reconcile(dry_run=True)
    assert world.baseline() == {}, "a dry run writes nothing"
    result = world.reconcile()
    assert dry.plan is not None and result.plan is not None
    assert dry.plan.counts.first_met == result.plan.counts.first_met == len(world.data.rows)
    assert [(each["annotation_id"], each["kind"], each["field"]) for each in world.conflicts()] == [
        (odd, "no_baseline", "label")
    ]
    met = world.baseline()
    assert {each: met[each] for each in met if each != odd} == {each: before[each] for each in before if each != odd}
    assert "label" not in met[odd]
    assert world.reconcile(full=True).plan.is_empty  # type: ignore[union-attr]


def test_a_plan_that_is_held_records_nothing(world: World) -> None:
    forget(world)
    world.sql("DELETE FROM syncd.cursor")
    for row in world.data.rows[:5]:
        world.review(row.annotation_id, label="one for all")
    config = world.config(brakes={"min_rows": 0, "min_count": 0, "max_conflict_fraction": 0.0})
    assert world.reconcile(config=config).held
    assert world.baseline() == {}


def test_a_newly_mapped_attribute_is_remembered_where_both_sides_hold_it_alike(world: World) -> None:
    before = world.baseline()
    without = world.document()["bindings"][0]["attributes"]
    without.pop("depth")
    forget(world)
    world.reconcile(config=world.config(attributes=without))
    assert all("depth" not in fields for fields in world.baseline().values())
    world.reconcile()
    assert world.baseline() == before
    assert world.log("applied") == []


def test_verify_compares_every_part(world: World) -> None:
    edited, gone = (world.data.rows[at].annotation_id for at in (3, 41))
    world.review(edited, label="another")
    world.erase(gone)
    with open_session(world.config(), BINDING) as session:
        verdict = verify(session, lambda _: None)
    count = len(world.data.rows)
    assert (verdict.fiftyone, verdict.database, verdict.compared) == (count - 1, count, count - 1)
    assert [(each.kind, each.annotation_id, each.field) for each in verdict.differences] == [
        ("differs", edited, "label"),
        ("only_in_database", gone, None),
    ]

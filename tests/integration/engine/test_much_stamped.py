"""More is stamped than an incremental reading should hold in memory: everything is read, in parts, instead."""

from __future__ import annotations

from datetime import timedelta

import pytest

from integration.capture.lab import CaptureLab
from syncd.engine import read
from syncd.engine.mode import Pace
from worlds import World

NO_OVERLAP = Pace(overlap=timedelta(0))


@pytest.fixture(autouse=True)
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "IN_MEMORY", 20)


def ids(world: World) -> list[str]:
    return [row.annotation_id for row in world.data.rows]


def test_a_few_edits_are_read_incrementally(world: World) -> None:
    world.review(ids(world)[0], label="Reviewed")
    world.correct(ids(world)[1], label="Corrected")
    result = world.reconcile(pace=NO_OVERLAP)
    assert (result.mode, result.to_database, result.to_fiftyone) == ("incremental", 1, 1)


def test_many_stamped_samples_are_read_with_everything(world: World) -> None:
    world.samples.update_many({}, {"$currentDate": {"last_modified_at": True}})
    world.review(ids(world)[0], label="Reviewed")
    result = world.reconcile(pace=NO_OVERLAP)
    assert (result.mode, result.to_database) == ("full", 1)
    assert result.why_full == "samples of more than 20 labels are stamped since the last run"


def test_many_stamped_rows_are_read_with_everything(world: World) -> None:
    world.sql("UPDATE annotation SET updated_at = clock_timestamp()")
    world.correct(ids(world)[0], label="Corrected")
    result = world.reconcile(pace=NO_OVERLAP)
    assert (result.mode, result.to_fiftyone) == ("full", 1)
    assert result.why_full == "more than 20 rows changed since the last run"


def test_many_captured_rows_are_read_with_everything(world: World) -> None:
    CaptureLab(world.url).install()
    world.reconcile()
    world.sql("UPDATE annotation SET depth_m = depth_m + 1 WHERE depth_m IS NOT NULL")
    result = world.reconcile(pace=NO_OVERLAP)
    assert (result.mode, result.why_full) == ("full", "more than 20 rows changed since the last run")

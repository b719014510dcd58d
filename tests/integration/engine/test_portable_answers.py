"""Answers, undo and held plans where the lab keeps its table, and syncd its own, in SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.apply.portable import PortableWorld, portable
from integration.engine.answers import DATABASE, answer, both, ids, quiet, take_back
from syncd.diff.resolution.answer import Take
from syncd.engine.session import open_session
from syncd.store import held
from worlds import BINDING, World


@pytest.fixture
def sqlite(world: World, tmp_path: Path) -> Iterator[PortableWorld]:
    with portable(world, tmp_path) as copy:
        yield copy


def test_conflicts_are_resolved(sqlite: PortableWorld) -> None:
    one, two = ids(sqlite)[:2]
    for each in (one, two):
        sqlite.review(each, label="One")
        sqlite.correct(each, label="Other")
    sqlite.reconcile()
    first, _ = sqlite.conflicts()
    assert [each.status for each in answer(sqlite, DATABASE, ids=[first["id"]]).outcomes] == ["resolved"]
    assert [each.status for each in answer(sqlite, Take(text="Third")).outcomes] == ["resolved"]
    assert {each["label"] for each in (*both(sqlite, one), *both(sqlite, two))} == {"Other", "Third"}
    assert sqlite.conflicts() == []
    quiet(sqlite)


def test_a_run_is_taken_back(sqlite: PortableWorld) -> None:
    before = sqlite.labels(), sqlite.rows()
    sqlite.review(ids(sqlite)[0], label="Reviewed")
    sqlite.correct(ids(sqlite)[1], depth_m=3)
    sqlite.remove_row(ids(sqlite)[2])
    run = sqlite.reconcile(force=True)
    assert take_back(sqlite, run_id=run.run_id, force=True).left == ()
    assert (sqlite.labels(), sqlite.rows()) == before
    quiet(sqlite)


def test_a_held_plan_is_kept_and_applied(sqlite: PortableWorld) -> None:
    for each in ids(sqlite)[:40]:
        sqlite.review(each, label="Lasso")
    assert sqlite.reconcile().held is not None
    with open_session(sqlite.config(), BINDING) as session:
        found = held.load(session.state, session.tables, BINDING)
    assert found is not None
    assert sqlite.reconcile(full=True, force=True, expected=found.digest).to_database == 40
    quiet(sqlite)

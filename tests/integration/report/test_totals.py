"""Every total equals what plain SQL over syncd's tables gives."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from integration.store.logs import AT, change, fill, write
from syncd.adapters.connect import open_database
from syncd.model import Action, Direction
from syncd.model.result import Status
from syncd.report.labels import Transition, net, transitions
from syncd.report.selection import CHANGES, Selection, changes
from syncd.report.totals import totals
from syncd.store.migrate import migrate
from syncd.store.tables import tables_for
from worlds import fresh_database

PLAIN = {
    "by_binding": "binding",
    "by_direction": "direction",
    "by_action": "action",
    "by_field": "field",
    "by_reason": "reason",
    "by_actor": "actor",
    "by_run": "run_id",
}
HARD = 'a "quoted" \\ 海 </script>'


@pytest.fixture(params=["postgresql", "sqlite"], scope="module")
def logged(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    with ExitStack() as stack:
        if request.param == "sqlite":
            url = f"sqlite:///{tmp_path_factory.mktemp('report') / 'state.db'}"
        else:
            url = stack.enter_context(fresh_database(request.getfixturevalue("postgres_url")))
        opened = stack.enter_context(open_database(url))
        stack.callback(opened.engine.dispose)
        migrate(opened, "syncd")
        tables = tables_for(opened, "syncd")
        fill(opened, tables)
        moved = [
            change(20, old=HARD, new="b", actor="ada"),
            change(21, old=HARD, new="b", actor="bob", direction=Direction.TO_FIFTYONE),
            change(22, action=Action.INSERT, field=None, old=None, new={"label": HARD, "depth": 1.5}),
        ]
        write(opened, tables, "one", "run-9", moved, Status.APPLIED)
        opened.commit()
        yield opened


def plain(connection: Connection, text: str, **given: Any) -> list[tuple[Any, ...]]:
    table = tables_for(connection, "syncd").change
    name = f'"{table.schema}"."{table.name}"' if table.schema else f'"{table.name}"'
    return [tuple(row) for row in connection.execute(sa.text(text.format(change=name)), given)]


@pytest.mark.parametrize("where", [{}, {"actor": "ada"}, {"binding": "two"}, {"direction": "to_database"}])
def test_every_total_equals_plain_sql(logged: Connection, where: dict[str, str]) -> None:
    bindings = (where["binding"],) if "binding" in where else ()
    rest = {name: value for name, value in where.items() if name != "binding"}
    found = totals(changes(logged, tables_for(logged, "syncd"), Selection(bindings=bindings, **rest)))
    clause = " AND ".join(["status = 'applied'", *(f"{name} = :{name}" for name in where)])
    for tally, column in PLAIN.items():
        text = f"SELECT {column}, count(*) FROM {{change}} WHERE {clause} GROUP BY {column}"
        assert {each.value: each.count for each in getattr(found, tally)} == dict(plain(logged, text, **where)), tally
    text = "SELECT count(*), count(DISTINCT binding || '/' || annotation_id) FROM {change} WHERE " + clause
    assert [(found.changes, found.annotations)] == plain(logged, text, **where)
    assert found.changes > 0


def test_statuses_equal_plain_sql(logged: Connection) -> None:
    found = totals(changes(logged, tables_for(logged, "syncd"), Selection()))
    counted = plain(logged, "SELECT status, count(*) FROM {change} GROUP BY status")
    assert {each.value: each.count for each in found.by_status} == dict(counted)
    assert len(counted) == 3


def test_a_label_is_found_by_its_exact_text_alone_or_within_a_whole_annotation(logged: Connection) -> None:
    found = changes(logged, tables_for(logged, "syncd"), Selection(label=HARD))
    assert found["annotation_id"].to_list() == ["a20", "a21", "a22"]
    assert [(each.old, each.new, each.count) for each in transitions(found)] == [(HARD, "b", 2)]
    assert {each.label: (each.gained, each.lost) for each in net(found)} == {HARD: (1, 2), "b": (2, 0)}


def test_transitions_equal_plain_sql_and_count_a_label_once_that_a_run_wrote_to_both_sides(logged: Connection) -> None:
    tables = tables_for(logged, "syncd")
    both = [change(30, old="both", new="sides", direction=each) for each in Direction]
    write(logged, tables, "one", "run-10", both, Status.APPLIED)
    found = transitions(changes(logged, tables, Selection()))
    moved = (
        "SELECT DISTINCT run_id, binding, annotation_id, CAST(old AS text) AS old, CAST(new AS text) AS new "
        "FROM {change} WHERE status = 'applied' AND field = 'label'"
    )
    counted = plain(logged, f"SELECT old, new, count(*) FROM ({moved}) AS moved GROUP BY old, new")
    logged.rollback()
    assert {(each.old, each.new): each.count for each in found} == {
        (json.loads(old), json.loads(new)): count for old, new, count in counted
    }
    assert Transition("both", "sides", 1) in found


def test_a_span_takes_its_first_moment_and_leaves_its_last(logged: Connection) -> None:
    tables = tables_for(logged, "syncd")
    second = timedelta(seconds=1)
    assert changes(logged, tables, Selection(since=AT, until=AT + second)).height > 0
    assert changes(logged, tables, Selection(since=AT + second)).height == 0
    assert changes(logged, tables, Selection(until=AT)).height == 0


def test_changes_come_as_they_are_logged_with_all_their_columns(logged: Connection) -> None:
    tables = tables_for(logged, "syncd")
    found = changes(logged, tables, Selection(bindings=("one",)))
    kept = [name for name in CHANGES if name in tables.change.c and name not in ("old", "new")]
    assert set(kept) | {"old", "new"} == set(tables.change.c.keys())
    chosen = sa.select(*(tables.change.c[name] for name in kept if not name.endswith("_at")))
    rows = logged.execute(chosen.where(tables.change.c.binding == "one").order_by(tables.change.c.seq))
    expected = [tuple(row) for row in rows]
    assert found.select(name for name in kept if not name.endswith("_at")).rows() == expected
    assert found["applied_at"].unique().to_list() == [AT]

"""A poll asks both servers for nothing that would make them go through everything: every query has its index."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from pymongo import monitoring

from syncd.adapters.sql.arrow import ArrowReader
from syncd.engine.options import Options
from syncd.engine.run import reconcile
from syncd.engine.session import open_session
from syncd.model import Action, Change, Direction
from syncd.model.result import Status
from syncd.model.run import RunMode
from syncd.store import changes
from worlds import BINDING, LIST, World

MANY = 20_000
"""Rows and labels more: enough for PostgreSQL to prefer an index where there is one."""


class Commands(monitoring.CommandListener):
    """The queries that are sent to MongoDB, while it listens. Once registered, a listener stays."""

    def __init__(self) -> None:
        self.found: list[dict[str, Any]] = []
        self.listens = threading.Event()

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if self.listens.is_set() and event.command_name in ("find", "aggregate", "count", "distinct"):
            self.found.append(
                {name: each for name, each in event.command.items() if not name.startswith(("$", "lsid"))}
            )

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None: ...

    def failed(self, event: monitoring.CommandFailedEvent) -> None: ...


COMMANDS = Commands()
monitoring.register(COMMANDS)


@contextmanager
def queries(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[list[tuple[str, Any]], list[dict[str, Any]]]]:
    """Everything that is asked of PostgreSQL, with its parameters, and of MongoDB."""
    asked: list[tuple[str, Any]] = []
    frame = ArrowReader.frame

    def columns(self: ArrowReader, statement: str) -> Any:
        asked.append((statement.replace("%", "%%"), ()))
        return frame(self, statement)

    def rows(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        asked.append((statement, parameters))

    COMMANDS.found = []
    monkeypatch.setattr(ArrowReader, "frame", columns)
    sa.event.listen(sa.engine.Engine, "before_cursor_execute", rows)
    COMMANDS.listens.set()
    try:
        yield asked, COMMANDS.found
    finally:
        COMMANDS.listens.clear()
        sa.event.remove(sa.engine.Engine, "before_cursor_execute", rows)


def crowd(world: World) -> None:
    """Makes the table, the baseline, the log and the dataset large, with what is old and agreed."""
    world.sql(
        "INSERT INTO annotation (annotation_id, media_uri, label, x, y, w, h, updated_at) "
        "SELECT gen_random_uuid(), m.uri, 'copepod', 0.1, 0.1, 0.1, 0.1, now() - interval '2 days' "
        f"FROM generate_series(1, {MANY}), (SELECT min(media_uri) AS uri FROM annotation) AS m"
    )
    world.sql("UPDATE syncd.cursor SET rows = (SELECT count(*) FROM annotation) WHERE side = 'database'")
    world.sql(
        "INSERT INTO syncd.baseline (binding, annotation_id, label_id, sample_id, fields) "
        "SELECT b.binding, 'a' || n, md5('l' || n), md5('s' || n), b.fields "
        f"FROM generate_series(1, {MANY}) AS n, (SELECT * FROM syncd.baseline LIMIT 1) AS b"
    )
    world.sql(
        "INSERT INTO syncd.change (run_id, binding, annotation_id, sample_id, label_id, direction, action, field, old, "
        "new, reason, actor, edited_at, applied_at, status, hash) "
        "SELECT 'r', b.binding, 'a' || n, md5('s' || n), md5('l' || n), 'to_fiftyone', 'update', 'label', '\"a\"', "
        "'\"b\"', "
        "'changed_at_home', NULL, now() - interval '2 days', now() - interval '2 days', 'applied', md5('h' || n) "
        f"FROM generate_series(1, {MANY}) AS n, (SELECT binding FROM syncd.baseline LIMIT 1) AS b"
    )
    for table in ("annotation", "syncd.baseline", "syncd.change"):
        engine = sa.create_engine(world.url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(f"VACUUM ANALYZE {table}")


def scans(plan: dict[str, Any]) -> Iterator[str]:
    """Tables that a plan of PostgreSQL goes through from end to end."""
    if plan["Node Type"] in ("Seq Scan", "Parallel Seq Scan"):
        yield plan["Relation Name"]
    for each in plan.get("Plans", ()):
        yield from scans(each)


def stages(plan: Any) -> Iterator[str]:
    """All stages of a plan of MongoDB."""
    if isinstance(plan, dict):
        if isinstance(plan.get("stage"), str):
            yield plan["stage"]
        for each in plan.values():
            yield from stages(each)
    elif isinstance(plan, list):
        for each in plan:
            yield from stages(each)


LARGE = {"annotation", "baseline", "change"}


def check_statements(world: World, statements: list[tuple[str, Any]]) -> int:
    """None of them goes through a large table; how many there were to look at."""
    looked = [
        each for each in statements if each[0].lstrip().upper().startswith(("SELECT", "UPDATE", "DELETE", "WITH"))
    ]
    engine = sa.create_engine(world.url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        # A statement about a temporary table of that run cannot be explained afterwards, and reads nothing else.
        for statement, parameters in looked:
            if "syncd_baseline_in" in statement:
                continue
            (plan,) = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters or ()).scalar_one()
            assert not LARGE & set(scans(plan["Plan"])), statement
            connection.rollback()
    return len(looked)


@pytest.mark.parametrize("edits", [False, True], ids=["nothing changed", "edits on both sides"])
def test_a_poll_scans_no_table_and_no_collection(world: World, monkeypatch: pytest.MonkeyPatch, edits: bool) -> None:
    crowd(world)
    if edits:
        mine, theirs = (world.data.rows[at].annotation_id for at in (3, 41))
        world.review(mine, label="typed")
        world.correct(theirs, label="corrected")
    with queries(monkeypatch) as (statements, commands):
        result = world.reconcile(count_rows=False)
    assert (result.mode, len(result.recorded)) == (RunMode.INCREMENTAL, 2 if edits else 0)

    assert check_statements(world, statements) > (20 if edits else 5)

    samples = world.samples
    about = [each for each in commands if samples.name in each.values()]
    assert about
    for command in about:
        found = set(stages(world.mongo.command("explain", command, verbosity="queryPlanner")))
        assert found and "COLLSCAN" not in found, command


def test_a_quiet_poll_of_the_daemon_asks_each_question_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_session(world.config(), BINDING) as session:
        reconcile(session, Options(count_rows=False))
        with queries(monkeypatch) as (statements, _):
            result = reconcile(session, Options(count_rows=False))
    assert (result.mode, result.recorded) == (RunMode.INCREMENTAL, ())
    asked = [each for each, _ in statements if each.startswith("SELECT") and "clock_timestamp" not in each]
    assert sorted(set(asked)) == sorted(asked)
    # Whether the server tells who it is costs a savepoint, and is found out once for each connection.
    assert not [each for each, _ in statements if "SAVEPOINT" in each or "has_function_privilege" in each]
    assert len([each for each in asked if "syncd.change" in each]) == 2, "what died, and the newest entry"


def test_a_bulk_edit_scans_neither_the_table_nor_the_log(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """For thousands of values to join PostgreSQL prefers to go through everything, unless the ids are said twice."""
    crowd(world)
    found = world.sql("SELECT annotation_id::text AS id FROM annotation WHERE label = 'copepod' LIMIT 2500")
    edits = [_relabelled(each["id"]) for each in found]
    with open_session(world.config(), BINDING) as session, queries(monkeypatch) as (statements, _):
        state, tables, binding = session.state, session.tables, session.mapping.binding
        seqs = changes.record_intents(state, tables, binding, "r", edits)
        assert {each.matched for each in session.database.write(edits)} == {True}
        outcomes = [changes.Outcome(seq, edit, Status.APPLIED) for seq, edit in zip(seqs, edits, strict=True)]
        changes.finish(state, tables, binding, outcomes, session.database.now(), run_id="r")
        state.commit()
    updates = [each for each in statements if each[0].startswith("UPDATE")]
    assert check_statements(world, updates) == 2


def _relabelled(annotation_id: str) -> Change:
    way, action = Direction.TO_DATABASE, Action.UPDATE
    return Change(annotation_id, None, None, way, action, "label", "copepod", "krill", "reviewed")


def test_the_index_that_finds_labels_by_their_id_is_the_one_that_ingest_makes_and_doctor_asks_for(world: World) -> None:
    assert any(each["key"][0][0] == f"{LIST}.annotation_id" for each in world.samples.index_information().values())

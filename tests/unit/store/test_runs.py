"""Which run was the last one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from syncd.model.run import RunMode, RunStatus
from syncd.store import runs
from syncd.store.tables import Tables, tables_for

NOW = datetime.now(timezone.utc)
AHEAD, BEFORE, EARLIER = NOW + timedelta(hours=1), NOW - timedelta(minutes=1), NOW - timedelta(minutes=2)


@pytest.fixture
def connection() -> Iterator[Connection]:
    engine = sa.create_engine("sqlite://")
    with engine.connect() as opened:
        tables_for(opened, "syncd").run.create(opened)
        tables_for(opened, "syncd").change.create(opened)
        yield opened
    engine.dispose()


def run(connection: Connection, run_id: str, started: datetime, status: RunStatus) -> Tables:
    """A run of the binding ``one`` that has ended so."""
    tables = tables_for(connection, "syncd")
    runs.start(connection, tables, "one", run_id, RunMode.INCREMENTAL, started)
    if status is not RunStatus.RUNNING:
        runs.close(connection, tables, run_id, status, started)
    return tables


def last(connection: Connection, tables: Tables, *, carried_out: bool = False) -> str | None:
    found = runs.latest(connection, tables, "one", carried_out=carried_out)
    return None if found is None else found["id"]


def test_a_run_that_began_while_the_clock_was_ahead_is_the_last_only_where_there_is_no_other(
    connection: Connection,
) -> None:
    tables = run(connection, "ahead", AHEAD, RunStatus.DONE)
    assert last(connection, tables) == last(connection, tables, carried_out=True) == "ahead"
    run(connection, "since", BEFORE, RunStatus.DONE)
    assert last(connection, tables) == last(connection, tables, carried_out=True) == "since"


@pytest.mark.parametrize("status", [RunStatus.HELD, RunStatus.RUNNING])
def test_a_run_that_is_held_or_under_way_was_not_carried_out(connection: Connection, status: RunStatus) -> None:
    run(connection, "done", EARLIER, RunStatus.DONE)
    tables = run(connection, "newest", BEFORE, status)
    assert (last(connection, tables), last(connection, tables, carried_out=True)) == ("newest", "done")

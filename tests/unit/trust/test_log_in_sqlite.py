"""The change log where syncd's own tables are in SQLite, which keeps JSON in columns of numbers."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from syncd.adapters.connect import engine_for
from syncd.model import Action, Change, Direction
from syncd.model.result import Status
from syncd.store import changes
from syncd.store.changes import Outcome
from syncd.store.tables import tables_for


@pytest.mark.parametrize("value", [0.0, -3.0, 2.5, 1e300, 7, True, "12", "1e3", None])
def test_the_chain_of_a_log_in_sqlite_verifies_whatever_numbers_are_in_it(tmp_path: Path, value: Any) -> None:
    engine = engine_for(f"sqlite:///{tmp_path / 'state.sqlite'}")
    with engine.connect() as connection:
        tables = tables_for(connection, "syncd")
        tables.metadata.create_all(connection)
        change = Change("a", "l", "s", Direction.TO_DATABASE, Action.UPDATE, "depth", value, 1.5, "reviewed")
        (seq,) = changes.record_intents(connection, tables, "one", "run", [change])
        at = datetime(2026, 5, 4, tzinfo=timezone.utc)
        changes.finish(connection, tables, "one", [Outcome(seq, change, Status.APPLIED)], at, run_id="run")
        connection.commit()
        found = changes.verify(connection, tables, "one")
    engine.dispose()
    assert found.is_sound and found.entries == 1

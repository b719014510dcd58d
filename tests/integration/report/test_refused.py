"""Labels that the vocabulary refused, from the conflicts and changes of a real database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from integration.store.logs import change, write
from syncd.adapters.connect import open_database
from syncd.model.result import Status
from syncd.report.content import gather
from syncd.report.refused import Refused
from syncd.report.selection import Selection
from syncd.report.totals import Tally
from syncd.store.migrate import migrate
from syncd.store.tables import tables_for
from worlds import fresh_database

LONG_AGO = datetime(2020, 1, 1, tzinfo=timezone.utc)


@pytest.fixture(params=["postgresql", "sqlite"])
def state(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Connection]:
    with ExitStack() as stack:
        url = f"sqlite:///{tmp_path / 'state.db'}"
        if request.param == "postgresql":
            url = stack.enter_context(fresh_database(request.getfixturevalue("postgres_url")))
        opened = stack.enter_context(open_database(url))
        stack.callback(opened.engine.dispose)
        migrate(opened, "syncd")
        yield opened


def refusal(number: int, typed: object, *, settled: bool = False, annotation: str | None = None) -> dict[str, Any]:
    times = {"opened_at": LONG_AGO, "updated_at": LONG_AGO, "resolved_at": LONG_AGO if settled else None}
    row = {"binding": "one", "subject": str(number), "kind": "unknown_label", "field": "label", "fiftyone": typed}
    row |= {"annotation_id": annotation, "suggestions": [], "run_id": "r", "status": "resolved" if settled else "open"}
    return row | {"resolution": "settled" if settled else None} | times


def test_refused_labels_are_counted_with_what_became_of_them(state: Connection) -> None:
    tables = tables_for(state, "syncd")
    rows = [
        refusal(1, "Acartai", settled=True, annotation="a1"),
        refusal(2, "Acartai", settled=True, annotation="a2"),
        refusal(3, "Acartai", annotation="a3"),
        refusal(4, {"label": "drawn", "box": [0, 0, 1, 1]}),
        refusal(5, "elsewhere") | {"binding": "two"},
        refusal(6, "later") | {"opened_at": LONG_AGO + timedelta(days=9)},
        refusal(7, "no refusal") | {"kind": "edit_edit"},
    ]
    state.execute(sa.insert(tables.conflict), rows)
    write(
        state, tables, "one", "run-1", [change(1, old="x", new="Acartia"), change(3, old="x", new="y")], Status.APPLIED
    )
    selection = Selection(bindings=("one",), until=LONG_AGO + timedelta(days=1))

    found = gather(state, tables, selection, made_at=LONG_AGO).refused

    assert found == (
        Refused("Acartai", 3, 1, (Tally(None, 1), Tally("Acartia", 1))),
        Refused("drawn", 1, 1, ()),
    )


def test_a_report_of_one_persons_changes_tells_of_no_refusals_which_are_nobodys(state: Connection) -> None:
    tables = tables_for(state, "syncd")
    state.execute(sa.insert(tables.conflict), [refusal(1, "Acartai")])
    assert gather(state, tables, Selection(actor="ada"), made_at=LONG_AGO).refused == ()
    assert len(gather(state, tables, Selection(field="label"), made_at=LONG_AGO).refused) == 1

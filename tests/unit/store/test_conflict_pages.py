"""Conflicts are chosen, paged and counted by the database, as they would be one by one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest
import sqlalchemy as sa

from syncd.store import conflicts
from syncd.store.conflicts import labels_in
from syncd.store.tables import Tables, tables_for

NOW = datetime(2026, 5, 4, tzinfo=timezone.utc)
VALUES: list[tuple[str | None, Any, Any, Any]] = [
    ("label", "krill", "salp", "copepod"),
    ("label", "salp", None, None),
    ("label", 5, "5", True),
    ("depth", "krill", 2.5, None),
    (None, {"label": "krill", "depth": 2}, None, {"label": "salp"}),
    (None, None, {"label": None}, {"depth": "krill"}),
    (None, "2 rows share this id", ["krill"], "krill"),
    (None, {"label": 5}, {"label": ["krill"]}, {"label": {"label": "krill"}}),
]
"""field, FiftyOne's value, the database's, the base."""


@pytest.fixture
def filled() -> Iterator[tuple[sa.Connection, Tables]]:
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        tables = tables_for(connection, "syncd")
        tables.conflict.create(connection)
        for number, (field, fiftyone, database, base) in enumerate(VALUES):
            connection.execute(
                sa.insert(tables.conflict).values(
                    binding="demo", subject=str(number), kind="edit_edit", field=field, fiftyone=fiftyone,
                    database=database, base=base, suggestions=[], status="open", run_id="r", opened_at=NOW,
                    updated_at=NOW,
                )
            )  # fmt: skip
        yield connection, tables
    engine.dispose()


@pytest.mark.parametrize("label", ["krill", "salp", "copepod", "5", "true", "2.5", "nobody", ""])
def test_a_label_is_found_where_it_stands_as_a_label(filled: tuple[sa.Connection, Tables], label: str) -> None:
    every = conflicts.query(*filled)
    wanted = [each["id"] for each in every if label in labels_in(each)]
    assert [each["id"] for each in conflicts.query(*filled, label=label)] == wanted
    assert conflicts.count(*filled, label=label) == len(wanted)


def test_pages_are_parts_of_the_whole(filled: tuple[sa.Connection, Tables]) -> None:
    every = conflicts.query(*filled)
    assert len(every) == conflicts.count(*filled) == len(VALUES)
    assert [
        each for start in range(0, len(every), 3) for each in conflicts.query(*filled, limit=3, offset=start)
    ] == every
    assert conflicts.query(*filled, offset=6) == every[6:]

"""The rights on syncd's own tables are those of the tables that there are."""

from __future__ import annotations

from syncd.store.migrate import RIGHTS, SEQUENCES
from syncd.store.tables import tables


def test_every_table_has_its_rights() -> None:
    declared = {table.name for table in tables("syncd", "").metadata.tables.values()}
    assert set(RIGHTS) == declared


def test_every_column_that_counts_by_itself_has_its_sequence() -> None:
    counting = {
        table.name: column.name
        for table in tables("syncd", "").metadata.tables.values()
        for column in table.columns
        if column is table.autoincrement_column
    }
    assert counting == SEQUENCES


def test_the_change_log_is_never_deleted_from() -> None:
    assert "DELETE" not in RIGHTS["change"]

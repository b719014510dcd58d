"""A lab's table, people who write to it, and what was captured of that."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from syncd.adapters.connect import open_database
from syncd.store.capture_install import Script, carry_out, plan_install, plan_remove
from syncd.store.capture_read import Captured, changed_since, position_now
from syncd.store.capture_target import Target, find_target
from syncd.store.tables import tables_for


@dataclass
class CaptureLab:
    """``table`` as the configuration names it, and its id column."""

    url: str
    table: str = "public.annotation"
    id_column: str = "annotation_id"

    def make(self, id_type: str = "text") -> None:
        """Creates the table."""
        column = self.id_column.replace('"', '""')
        self.sql(f'CREATE TABLE {self.table} ("{column}" {id_type}, label text)')

    def sql(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """One statement in a transaction of its own."""
        with self.person() as connection:
            result = connection.exec_driver_sql(statement, parameters or None)
            found = [tuple(row) for row in result] if result.returns_rows else []
            connection.commit()
            return found

    @contextmanager
    def person(self) -> Iterator[sa.Connection]:
        """Somebody's own connection."""
        engine = sa.create_engine(self.url, poolclass=sa.NullPool)
        with engine.connect() as connection:
            yield connection

    @contextmanager
    def syncd(self) -> Iterator[sa.Connection]:
        """A connection of syncd's."""
        with open_database(self.url) as connection:
            yield connection
        connection.engine.dispose()

    def target(self) -> Target:
        """The table as it is found now."""
        with self.syncd() as connection:
            return find_target(connection, self.table, self.id_column, "syncd")

    def install(self) -> Script:
        """Installs; returns what was done."""
        with self.syncd() as connection:
            target = find_target(connection, self.table, self.id_column, "syncd")
            script = plan_install(connection, tables_for(connection, "syncd"), target)
            carry_out(connection, script)
            return script

    def remove(self) -> Script:
        """Removes; returns what was done."""
        with self.syncd() as connection:
            script = plan_remove(connection, find_target(connection, self.table, self.id_column, "syncd"))
            carry_out(connection, script)
            return script

    def position(self) -> str | None:
        """From where a binding that has just read everything goes on."""
        with self.syncd() as connection:
            return position_now(connection, self.target())

    def since(self, position: str | None) -> Captured:
        """What was captured."""
        with self.syncd() as connection:
            return changed_since(connection, tables_for(connection, "syncd"), self.target(), position)

    def recorded(self) -> list[tuple[Any, ...]]:
        """The records, the oldest first."""
        return self.sql("SELECT binding_table, annotation_id, op FROM syncd.captured ORDER BY seq")

"""Benches of databases: PostgreSQL, and SQLite for the portable path."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from syncd.adapters.connect import open_database
from syncd.adapters.sql.adapter import SqlAdapter
from syncd.adapters.sql.describe import describe
from syncd.adapters.sql.mapping import TableMapping
from syncd.model import BOX, Kind, Value
from syncd.model.values import canonical_value
from syncd.testing.contract.bench import KINDS, PLACE, Bench, Content, Item, mapping_of

PLACES = ("x", "y", "w", "h")
NAMES = [name for name in KINDS if name != BOX]
TABLE = TableMapping(
    table="annotation",
    read="annotation",
    id_column="annotation_id",
    media_column="media_uri",
    fields={name: (name,) for name in NAMES} | {BOX: PLACES},
    updated_at="updated_at",
    updated_by="updated_by",
)
# No primary key: that an id is not inserted twice is the adapter's business too.
POSTGRES = """
CREATE TABLE annotation (
    annotation_id text, media_uri text, label text, note text, count bigint, depth double precision, price numeric,
    verified boolean, day date, seen timestamptz, ref uuid,
    x double precision, y double precision, w double precision, h double precision,
    updated_at timestamptz DEFAULT clock_timestamp(), updated_by text)
"""
SQLITE = """
CREATE TABLE annotation (
    annotation_id TEXT, media_uri TEXT, label TEXT, note TEXT, count BIGINT, depth DOUBLE, price NUMERIC,
    verified BOOLEAN, day DATE, seen TIMESTAMP, ref CHAR(36), x DOUBLE, y DOUBLE, w DOUBLE, h DOUBLE,
    updated_at TIMESTAMP DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')), updated_by TEXT)
"""
# A collation that takes small letters for capitals, as most have: the adapter must not.
MARIADB = """
CREATE TABLE annotation (
    annotation_id VARCHAR(255), media_uri TEXT, label TEXT, note TEXT, count BIGINT, depth DOUBLE,
    price DECIMAL(38, 10), verified BOOLEAN, day DATE, seen DATETIME(6), ref CHAR(36),
    x DOUBLE, y DOUBLE, w DOUBLE, h DOUBLE,
    updated_at DATETIME(6) DEFAULT (UTC_TIMESTAMP(6)), updated_by TEXT)
    DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci
"""


class SqlBench(Bench):
    """A table, an adapter's connection to it, and another's."""

    def __init__(self, url: str, statement: str) -> None:
        self.others = sa.create_engine(url, poolclass=sa.NullPool)
        self.sqlite, self.mariadb = url.startswith("sqlite"), url.startswith("mysql")
        self.bulk = not (self.sqlite or self.mariadb)
        self.connection: sa.Connection | None = None
        self.sql("DROP TABLE IF EXISTS annotation")
        self.sql(statement)
        self.connection = open_database(url)
        info = describe(self.connection, TABLE)
        self.connection.rollback()
        kinds = KINDS | {name: info.written[name].kind or Kind.TEXT for name in NAMES}
        self.mapping = mapping_of(kinds)
        self.adapter = SqlAdapter(self.connection, info, self.mapping)

    @property
    def zoned(self) -> bool:
        """Whether times in it have a zone."""
        return not (self.sqlite or self.mariadb)

    def close(self) -> None:
        """Lets go of the database."""
        self.adapter.close()
        self.connection.close()
        self.connection.engine.dispose()
        self.others.dispose()

    def sql(self, statement: str, *parameters: Any) -> list[Any]:
        """Runs a statement on the other connection, in a transaction of its own."""
        if self.sqlite and self.connection is not None:
            self.connection.rollback()  # whoever reads SQLite keeps all others from writing it
        with self.others.begin() as connection:
            result = connection.exec_driver_sql(statement, parameters)
            return list(result) if result.returns_rows else []

    def put(self, *items: Item) -> None:
        for each in items:
            values = self._columns(each.values) | {"annotation_id": each.id, "media_uri": each.media}
            names = ", ".join(values)
            self.sql(f"INSERT INTO annotation ({names}) VALUES ({self._marks(len(values))})", *values.values())

    def put_many(self, ids: Sequence[str]) -> None:
        names = ("annotation_id", "media_uri", "label", *PLACES)
        statement = f"INSERT INTO annotation ({', '.join(names)}) VALUES ({self._marks(len(names))})"
        rows = [(each, f"/images/{each}.png", "Copepoda", *PLACE) for each in ids]
        with self.others.begin() as connection:
            connection.exec_driver_sql(statement, rows)

    def put_sample(self, media: str) -> None:
        pass

    def edit(self, id_: str, **values: Any) -> None:
        columns = self._columns(values)
        now = datetime.now(timezone.utc)
        columns |= {"updated_by": "curator", "updated_at": now if self.zoned else now.replace(tzinfo=None)}
        self._update(id_, columns)

    def remove(self, id_: str) -> None:
        self.sql(f"DELETE FROM annotation WHERE annotation_id = {self._marks(1)}", id_)

    def stamp(self, id_: str, moment: datetime) -> None:
        self._update(id_, {"updated_at": self._time(moment)})

    def refuse(self, name: str, value: Value) -> None:
        assert isinstance(value, str)
        if self.mariadb:
            self.connection.rollback()  # a transaction that has read a table keeps it from being altered
        if not self.sqlite:
            self.sql(f"ALTER TABLE annotation ADD CONSTRAINT refused CHECK ({name} <> '{value}')")
            return
        for event in ("INSERT", "UPDATE"):
            self.sql(
                f"CREATE TRIGGER refused_{event} BEFORE {event} ON annotation WHEN new.{name} = '{value}' "
                "BEGIN SELECT RAISE(ABORT, 'the value is refused'); END"
            )

    def stored(self) -> list[tuple[str | None, Content]]:
        names = ["annotation_id", *NAMES, *PLACES]
        found: list[tuple[str | None, Content]] = []
        for row in self.sql(f"SELECT {', '.join(names)} FROM annotation"):
            values = dict(zip(names, row, strict=True))
            content: Content = {name: self._canonical(name, values[name]) for name in NAMES}
            place = [values[name] for name in PLACES]
            found.append((values["annotation_id"], content | {BOX: None if None in place else place}))
        return found

    def commit(self) -> None:
        self.connection.commit()

    def _canonical(self, name: str, value: Any) -> Value:
        if self.sqlite and KINDS[name] is Kind.TIMESTAMP and value is not None:
            value = datetime.fromisoformat(value)
        return canonical_value(KINDS[name], value)

    def _update(self, id_: str, columns: dict[str, Any]) -> None:
        sets = ", ".join(f"{name} = {self._marks(1)}" for name in columns)
        self.sql(f"UPDATE annotation SET {sets} WHERE annotation_id = {self._marks(1)}", *columns.values(), id_)

    def _columns(self, values: dict[str, Any]) -> dict[str, Any]:
        columns = {name: self._plain(name, value) for name, value in values.items() if name != BOX}
        if BOX in values:
            columns |= dict(zip(PLACES, values[BOX] or [None] * 4, strict=True))
        return columns

    def _plain(self, name: str, value: Any) -> Any:
        if value is None or (self.mariadb and isinstance(value, float) and math.isnan(value)):  # it has no NaN
            return None
        if KINDS[name] is Kind.TIMESTAMP:
            return self._time(value)
        if KINDS[name] is Kind.DECIMAL:
            return float(value) if self.sqlite else Decimal(value)
        return value.isoformat() if self.sqlite and KINDS[name] is Kind.DATE else value

    def _time(self, moment: datetime) -> Any:
        naive = moment.astimezone(timezone.utc).replace(tzinfo=None)
        return naive.isoformat(" ", "microseconds") if self.sqlite else naive if self.mariadb else moment

    def _marks(self, count: int) -> str:
        return ", ".join(["?" if self.sqlite else "%s"] * count)

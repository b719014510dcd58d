"""A world whose lab keeps its table in SQLite, and syncd's own tables beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from syncd.adapters.connect import open_database
from syncd.store.migrate import migrate
from worlds import World

TABLE = """
CREATE TABLE annotation (
    annotation_id VARCHAR(36) PRIMARY KEY, media_uri TEXT NOT NULL, label TEXT NOT NULL,
    x DOUBLE NOT NULL, y DOUBLE NOT NULL, w DOUBLE NOT NULL, h DOUBLE NOT NULL,
    depth_m NUMERIC(8, 2), verified BOOLEAN, updated_at DATETIME NOT NULL, updated_by TEXT)
"""
JSON = ("old", "new", "base", "fiftyone", "database", "fields", "counts", "suggestions")


class PortableWorld(World):
    """The same people; SQLite has no schemas, no triggers of the lab's, and gives JSON and truth as it stores them."""

    def document(self, **overrides: Any) -> dict[str, Any]:
        """The configuration, without a schema before the table's name."""
        return super().document(table="annotation", **overrides)

    def sql(self, statement: str, **parameters: Any) -> list[dict[str, Any]]:
        """One statement in a transaction of its own."""
        statement = statement.replace("syncd.", "syncd_").replace(
            "UPDATE annotation SET", "UPDATE annotation SET updated_at = :now,"
        )
        if ":now" in statement:
            parameters["now"] = f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M:%S.%f}"
        return [
            {name: plain(name, value) for name, value in row.items()} for row in super().sql(statement, **parameters)
        ]

    def add_row(self, image: Path | str, label: str, annotation_id: str | None = None) -> str:
        """The curator adds a row."""
        assert annotation_id is not None
        self.sql(
            "INSERT INTO annotation (annotation_id, media_uri, label, x, y, w, h, updated_at, updated_by) "
            "VALUES (:id, :uri, :label, 0.1, 0.1, 0.3, 0.3, :now, 'curator')",
            id=annotation_id,
            uri=str(image),
            label=label,
        )
        return annotation_id


def plain(name: str, value: Any) -> Any:
    if name in JSON and isinstance(value, str):
        return json.loads(value)
    if name == "verified" and value is not None:
        return bool(value)
    return value


@contextmanager
def portable(world: World, folder: Path) -> Iterator[PortableWorld]:
    """The same rows in SQLite, and the first agreement with the same dataset reached there."""
    url = f"sqlite:///{folder / 'lab.db'}"
    rows = [
        row | {"updated_at": row["updated_at"].astimezone(timezone.utc)}
        for row in world.sql("SELECT * FROM annotation")
    ]
    with open_database(url) as connection:
        migrate(connection, "syncd")
        connection.exec_driver_sql(TABLE)
        for row in rows:
            text = row | {
                "annotation_id": str(row["annotation_id"]),
                "updated_at": f"{row['updated_at']:%Y-%m-%d %H:%M:%S.%f}",
                "depth_m": None if row["depth_m"] is None else float(row["depth_m"]),
            }
            names = ", ".join(text)
            values = ", ".join(f":{name}" for name in text)
            connection.execute(sa.text(f"INSERT INTO annotation ({names}) VALUES ({values})"), text)
        connection.commit()
    connection.engine.dispose()
    copy = PortableWorld(**{**vars(replace(world)), "url": url})
    first = copy.reconcile()
    assert first.plan is not None
    assert first.plan.is_empty
    yield copy

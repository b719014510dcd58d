"""syncd's own tables (DESIGN §8), as declared; ``migrations/`` builds the same, and a test compares the two.

JSON columns are of type JSON and not JSONB: the hash chain covers their text, which JSONB would rewrite.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import sqlalchemy as sa
from sqlalchemy import Column, Connection, Index, MetaData, Table, text
from sqlalchemy.dialects import postgresql

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True).with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")


@dataclass(frozen=True)
class Tables:
    """syncd's own tables, in one schema (PostgreSQL) or under one prefix (databases without schemas)."""

    metadata: MetaData
    schema: str | None
    run: Table
    baseline: Table
    change: Table
    conflict: Table
    cursor: Table
    held: Table
    waiting: Table
    answered: Table
    captured: Table
    daemon: Table


def tables_for(connection: Connection, schema: str) -> Tables:
    """The tables as they are named in this connection's database."""
    if connection.dialect.name == "sqlite":
        return tables(None, f"{schema}_")
    return tables(schema, "")


@lru_cache
def tables(schema: str | None, prefix: str) -> Tables:
    """Declares the tables under a schema or a prefix."""
    metadata = MetaData(schema=schema, naming_convention=NAMING)
    return Tables(
        metadata=metadata,
        schema=schema,
        run=_run(metadata, prefix),
        baseline=_baseline(metadata, prefix),
        change=_change(metadata, prefix),
        conflict=_conflict(metadata, prefix),
        cursor=_cursor(metadata, prefix),
        held=_held(metadata, prefix),
        waiting=_waiting(metadata, prefix),
        answered=_answered(metadata, prefix),
        captured=_captured(metadata, prefix),
        daemon=_daemon(metadata, prefix),
    )


def _run(metadata: MetaData, prefix: str) -> Table:
    return Table(
        prefix + "run",
        metadata,
        Column("id", sa.Text, primary_key=True),
        Column("binding", sa.Text, nullable=False),
        Column("mode", sa.Text, nullable=False),
        Column("status", sa.Text, nullable=False),
        Column("started_at", MOMENT, nullable=False),
        Column("finished_at", MOMENT),
        Column("host", sa.Text),
        Column("pid", sa.Integer),
        Column("held", sa.Text),
        Column("error", sa.Text),
        Column("counts", sa.JSON, nullable=False),
        Column("head", sa.Text),
        Index(None, "binding", "started_at"),
    )


BASELINE_FILL = 80
"""How full PostgreSQL fills a page, in percent: a row that is replaced finds room there, and no index need be told."""


def _baseline(metadata: MetaData, prefix: str) -> Table:
    return Table(
        prefix + "baseline",
        metadata,
        Column("binding", sa.Text, primary_key=True),
        Column("annotation_id", sa.Text, primary_key=True),
        Column("label_id", sa.Text),
        Column("sample_id", sa.Text),
        Column("fields", sa.JSON, nullable=False),
        Column("image", sa.Text),
        Index(None, "binding", "label_id"),
        Index(None, "binding", "sample_id"),
        postgresql_with={"fillfactor": BASELINE_FILL},
    )


def _change(metadata: MetaData, prefix: str) -> Table:
    return Table(
        prefix + "change",
        metadata,
        Column("seq", BIG, primary_key=True, autoincrement=True),
        Column("run_id", sa.Text, nullable=False),
        Column("binding", sa.Text, nullable=False),
        Column("annotation_id", sa.Text),
        Column("sample_id", sa.Text),
        Column("label_id", sa.Text),
        Column("direction", sa.Text),
        Column("action", sa.Text, nullable=False),
        Column("field", sa.Text),
        Column("old", sa.JSON(none_as_null=True)),
        Column("new", sa.JSON(none_as_null=True)),
        Column("reason", sa.Text, nullable=False),
        Column("actor", sa.Text),
        Column("edited_at", MOMENT),
        Column("applied_at", MOMENT),
        Column("status", sa.Text, nullable=False),
        Column("undo_of", BIG),
        Column("hash", sa.Text),
        Index(None, "binding", "seq"),
        Index(None, "binding", "annotation_id"),
        Index(None, "binding", "run_id"),
        Index(
            f"ix_{prefix}change_pending",
            "binding",
            "seq",
            postgresql_where=text("status = 'pending'"),
            sqlite_where=text("status = 'pending'"),
        ),
        Index(
            f"ix_{prefix}change_minted",
            "binding",
            "annotation_id",
            postgresql_where=text("action = 'insert' AND direction = 'to_database'"),
            sqlite_where=text("action = 'insert' AND direction = 'to_database'"),
        ),
        Index(None, "binding", "applied_at"),
    )


def _conflict(metadata: MetaData, prefix: str) -> Table:
    return Table(
        prefix + "conflict",
        metadata,
        Column("id", BIG, primary_key=True, autoincrement=True),
        Column("binding", sa.Text, nullable=False),
        Column("subject", sa.Text, nullable=False),
        Column("annotation_id", sa.Text),
        Column("sample_id", sa.Text),
        Column("label_id", sa.Text),
        Column("kind", sa.Text, nullable=False),
        Column("field", sa.Text),
        Column("base", sa.JSON(none_as_null=True)),
        Column("fiftyone", sa.JSON(none_as_null=True)),
        Column("database", sa.JSON(none_as_null=True)),
        Column("fiftyone_by", sa.Text),
        Column("fiftyone_at", MOMENT),
        Column("database_by", sa.Text),
        Column("database_at", MOMENT),
        Column("suggestions", sa.JSON, nullable=False),
        Column("status", sa.Text, nullable=False),
        Column("resolution", sa.Text),
        Column("run_id", sa.Text, nullable=False),
        Column("opened_at", MOMENT, nullable=False),
        Column("updated_at", MOMENT, nullable=False),
        Column("resolved_at", MOMENT),
        Index(
            f"uq_{prefix}conflict_open",
            "binding",
            "subject",
            unique=True,
            postgresql_where=text("status = 'open'"),
            sqlite_where=text("status = 'open'"),
        ),
        Index(None, "binding", "annotation_id"),
    )


def _cursor(metadata: MetaData, prefix: str) -> Table:
    return Table(
        prefix + "cursor",
        metadata,
        Column("binding", sa.Text, primary_key=True),
        Column("side", sa.Text, primary_key=True),
        Column("position", MOMENT),
        Column("identity", sa.Text, nullable=False),
        Column("rows", BIG),
        Column("deleted_at", MOMENT),
        Column("mapping", sa.Text, nullable=False),
        Column("swept_at", MOMENT),
        Column("captured", sa.Text),
        Column("left_alone", sa.JSON(none_as_null=True)),
    )


def _held(metadata: MetaData, prefix: str) -> Table:
    return Table(
        prefix + "held",
        metadata,
        Column("binding", sa.Text, primary_key=True),
        Column("run_id", sa.Text, nullable=False),
        Column("held_at", MOMENT, nullable=False),
        Column("reason", sa.Text, nullable=False),
        Column("noticed", sa.Text, nullable=False),
        Column("digest", sa.Text, nullable=False),
        Column("plan", sa.JSON, nullable=False),
    )


def _waiting(metadata: MetaData, prefix: str) -> Table:
    return Table(
        prefix + "waiting",
        metadata,
        Column("id", BIG, primary_key=True, autoincrement=True),
        Column("binding", sa.Text, nullable=False),
        Column("subject", sa.Text, nullable=False),
        Column("kind", sa.Text, nullable=False),
        Column("annotation_id", sa.Text),
        Column("sample_id", sa.Text),
        Column("label_id", sa.Text),
        Column("field", sa.Text),
        Column("old", sa.JSON(none_as_null=True)),
        Column("new", sa.JSON(none_as_null=True)),
        Column("actor", sa.Text),
        Column("edited_at", MOMENT),
        Column("since", MOMENT, nullable=False),
        Index(None, "binding", "subject", unique=True),
    )


def _answered(metadata: MetaData, prefix: str) -> Table:
    return Table(
        prefix + "answered",
        metadata,
        Column("binding", sa.Text, primary_key=True),
        Column("annotation_id", sa.Text, primary_key=True),
        Column("tag", sa.Text, primary_key=True),
    )


def _captured(metadata: MetaData, prefix: str) -> Table:
    return Table(
        prefix + "captured",
        metadata,
        Column("seq", BIG, primary_key=True, autoincrement=True),
        Column("binding_table", sa.Text, nullable=False),
        Column("annotation_id", sa.Text),
        Column("op", sa.CHAR(1), nullable=False),
        Column("at", MOMENT, nullable=False),
        Column("txid", BIG, nullable=False),
        Index(None, "binding_table", "txid"),
        Index(None, "at"),
    )


def _daemon(metadata: MetaData, prefix: str) -> Table:
    return Table(
        prefix + "daemon",
        metadata,
        Column("id", sa.Text, primary_key=True),
        Column("host", sa.Text, nullable=False),
        Column("pid", sa.Integer, nullable=False),
        Column("started_at", MOMENT, nullable=False),
        Column("beat_at", MOMENT, nullable=False),
        Column("bindings", sa.JSON, nullable=False),
    )

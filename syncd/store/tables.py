"""Declares the tables of syncd; ``migrations/`` builds the same, and a test compares the two.

JSON columns are of type JSON and not JSONB: the hash chain covers their text, which JSONB would rewrite.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import sqlalchemy as sa
from sqlalchemy import Column, Connection, Index, MetaData, Table, text
from sqlalchemy.dialects import postgresql

from syncd.adapters.sql.encoding import CODEC, escaped

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class HeldText(sa.types.TypeDecorator[str]):
    """Text as the database can hold it: what it has no character for stands by its number, and stops nothing."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        """What the database is given."""
        return None if value is None else escaped(getattr(dialect, CODEC, None), value)


TEXT = HeldText()
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
    proposal: Table
    app_edit: Table


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
        proposal=_proposal(metadata, prefix),
        app_edit=_app_edit(metadata, prefix),
    )


def _run(metadata: MetaData, prefix: str) -> Table:
    return Table(
        prefix + "run",
        metadata,
        Column("id", TEXT, primary_key=True),
        Column("binding", TEXT, nullable=False),
        Column("mode", TEXT, nullable=False),
        Column("status", TEXT, nullable=False),
        Column("started_at", MOMENT, nullable=False),
        Column("finished_at", MOMENT),
        Column("host", TEXT),
        Column("pid", sa.Integer),
        Column("held", TEXT),
        Column("error", TEXT),
        Column("counts", sa.JSON, nullable=False),
        Column("head", TEXT),
        Index(None, "binding", "started_at"),
    )


def _what() -> tuple[Column[str], ...]:
    """The annotation, the sample and the label that a row is about, as far as it is about each."""
    return Column("annotation_id", TEXT), Column("sample_id", TEXT), Column("label_id", TEXT)


def _who_and_when(who: str, when: str) -> tuple[Column[str], Column[datetime]]:
    """Who did something and when, each as far as that is known."""
    return Column(who, TEXT), Column(when, MOMENT)


BASELINE_FILL = 80
"""How full PostgreSQL fills a page, in percent: a row that is replaced finds room there, and no index need be told."""


def _baseline(metadata: MetaData, prefix: str) -> Table:
    return Table(
        prefix + "baseline",
        metadata,
        Column("binding", TEXT, primary_key=True),
        Column("annotation_id", TEXT, primary_key=True),
        Column("label_id", TEXT),
        Column("sample_id", TEXT),
        Column("fields", sa.JSON, nullable=False),
        Column("image", TEXT),
        Index(None, "binding", "label_id"),
        Index(None, "binding", "sample_id"),
        postgresql_with={"fillfactor": BASELINE_FILL},
    )


def _change(metadata: MetaData, prefix: str) -> Table:
    return Table(
        prefix + "change",
        metadata,
        Column("seq", BIG, primary_key=True, autoincrement=True),
        Column("run_id", TEXT, nullable=False),
        Column("binding", TEXT, nullable=False),
        *_what(),
        Column("direction", TEXT),
        Column("action", TEXT, nullable=False),
        Column("field", TEXT),
        Column("old", sa.JSON(none_as_null=True)),
        Column("new", sa.JSON(none_as_null=True)),
        Column("reason", TEXT, nullable=False),
        *_who_and_when("actor", "edited_at"),
        Column("applied_at", MOMENT),
        Column("status", TEXT, nullable=False),
        Column("undo_of", BIG),
        Column("hash", TEXT),
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
        Column("binding", TEXT, nullable=False),
        Column("subject", TEXT, nullable=False),
        *_what(),
        Column("kind", TEXT, nullable=False),
        Column("field", TEXT),
        Column("base", sa.JSON(none_as_null=True)),
        Column("fiftyone", sa.JSON(none_as_null=True)),
        Column("database", sa.JSON(none_as_null=True)),
        *_who_and_when("fiftyone_by", "fiftyone_at"),
        *_who_and_when("database_by", "database_at"),
        Column("suggestions", sa.JSON, nullable=False),
        Column("status", TEXT, nullable=False),
        Column("resolution", TEXT),
        Column("run_id", TEXT, nullable=False),
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
        Column("binding", TEXT, primary_key=True),
        Column("side", TEXT, primary_key=True),
        Column("position", MOMENT),
        Column("identity", TEXT, nullable=False),
        Column("rows", BIG),
        Column("deleted_at", MOMENT),
        Column("mapping", TEXT, nullable=False),
        Column("swept_at", MOMENT),
        Column("captured", TEXT),
        Column("left_alone", sa.JSON(none_as_null=True)),
        Column("put_off", sa.JSON(none_as_null=True)),
        Column("rules", TEXT),
    )


def _held(metadata: MetaData, prefix: str) -> Table:
    return Table(
        prefix + "held",
        metadata,
        Column("binding", TEXT, primary_key=True),
        Column("run_id", TEXT, nullable=False),
        Column("held_at", MOMENT, nullable=False),
        Column("reason", TEXT, nullable=False),
        Column("noticed", TEXT, nullable=False),
        Column("digest", TEXT, nullable=False),
        Column("plan", sa.JSON, nullable=False),
    )


def _waiting(metadata: MetaData, prefix: str) -> Table:
    return Table(
        prefix + "waiting",
        metadata,
        Column("id", BIG, primary_key=True, autoincrement=True),
        Column("binding", TEXT, nullable=False),
        Column("subject", TEXT, nullable=False),
        Column("kind", TEXT, nullable=False),
        *_what(),
        Column("field", TEXT),
        Column("old", sa.JSON(none_as_null=True)),
        Column("new", sa.JSON(none_as_null=True)),
        *_who_and_when("actor", "edited_at"),
        Column("since", MOMENT, nullable=False),
        Index(None, "binding", "subject", unique=True),
    )


def _answered(metadata: MetaData, prefix: str) -> Table:
    return Table(
        prefix + "answered",
        metadata,
        Column("binding", TEXT, primary_key=True),
        Column("annotation_id", TEXT, primary_key=True),
        Column("tag", TEXT, primary_key=True),
    )


def _captured(metadata: MetaData, prefix: str) -> Table:
    return Table(
        prefix + "captured",
        metadata,
        Column("seq", BIG, primary_key=True, autoincrement=True),
        Column("binding_table", TEXT, nullable=False),
        Column("annotation_id", TEXT),
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
        Column("id", TEXT, primary_key=True),
        Column("host", TEXT, nullable=False),
        Column("pid", sa.Integer, nullable=False),
        Column("started_at", MOMENT, nullable=False),
        Column("beat_at", MOMENT, nullable=False),
        Column("bindings", sa.JSON, nullable=False),
    )


def _proposal(metadata: MetaData, prefix: str) -> Table:
    return Table(
        prefix + "proposal",
        metadata,
        Column("id", BIG, primary_key=True, autoincrement=True),
        Column("binding", TEXT, nullable=False),
        Column("term", TEXT, nullable=False),
        Column("parent", TEXT),
        Column("note", TEXT),
        Column("actor", TEXT, nullable=False),
        Column("status", TEXT, nullable=False),
        Column("proposed_at", MOMENT, nullable=False),
        *_who_and_when("decided_by", "decided_at"),
        Column("answer", TEXT),
        Index(
            f"uq_{prefix}proposal_open",
            "binding",
            "term",
            unique=True,
            postgresql_where=text("status = 'open'"),
            sqlite_where=text("status = 'open'"),
        ),
    )


def _app_edit(metadata: MetaData, prefix: str) -> Table:
    return Table(
        prefix + "app_edit",
        metadata,
        Column("id", BIG, primary_key=True, autoincrement=True),
        Column("binding", TEXT, nullable=False),
        Column("annotation_id", TEXT),
        Column("sample_id", TEXT, nullable=False),
        Column("label_id", TEXT, nullable=False),
        Column("field", TEXT),
        Column("value", sa.JSON, nullable=False),
        Column("resent", sa.Boolean),
        Column("actor", TEXT),
        Column("sent_at", MOMENT, nullable=False),
        Index(None, "binding", "annotation_id"),
        Index(None, "binding", "sent_at"),
    )

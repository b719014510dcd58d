"""The five tables of the first release."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy import Column, text

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
OPEN = text("status = 'open'")
PENDING = text("status = 'pending'")
MINTED = text("action = 'insert' AND direction = 'to_database'")


def place() -> tuple[str | None, str]:
    """(schema, prefix) of syncd's tables in this database."""
    schema = context.config.attributes["schema"]
    return (None, f"{schema}_") if op.get_bind().dialect.name == "sqlite" else (schema, "")


def upgrade() -> None:
    """Creates the tables and their indexes."""
    schema, prefix = place()
    op.create_table(
        prefix + "run",
        Column("id", sa.Text, nullable=False),
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
        sa.PrimaryKeyConstraint("id", name=f"pk_{prefix}run"),
        schema=schema,
    )
    op.create_table(
        prefix + "baseline",
        Column("binding", sa.Text, nullable=False),
        Column("annotation_id", sa.Text, nullable=False),
        Column("label_id", sa.Text),
        Column("sample_id", sa.Text),
        Column("fields", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("binding", "annotation_id", name=f"pk_{prefix}baseline"),
        schema=schema,
    )
    op.create_table(
        prefix + "change",
        Column("seq", BIG, autoincrement=True, nullable=False),
        Column("run_id", sa.Text, nullable=False),
        Column("binding", sa.Text, nullable=False),
        Column("annotation_id", sa.Text),
        Column("sample_id", sa.Text),
        Column("label_id", sa.Text),
        Column("direction", sa.Text),
        Column("action", sa.Text, nullable=False),
        Column("field", sa.Text),
        Column("old", sa.JSON),
        Column("new", sa.JSON),
        Column("reason", sa.Text, nullable=False),
        Column("actor", sa.Text),
        Column("edited_at", MOMENT),
        Column("applied_at", MOMENT),
        Column("status", sa.Text, nullable=False),
        Column("undo_of", BIG),
        Column("hash", sa.Text),
        sa.PrimaryKeyConstraint("seq", name=f"pk_{prefix}change"),
        schema=schema,
    )
    op.create_table(
        prefix + "conflict",
        Column("id", BIG, autoincrement=True, nullable=False),
        Column("binding", sa.Text, nullable=False),
        Column("subject", sa.Text, nullable=False),
        Column("annotation_id", sa.Text),
        Column("sample_id", sa.Text),
        Column("label_id", sa.Text),
        Column("kind", sa.Text, nullable=False),
        Column("field", sa.Text),
        Column("base", sa.JSON),
        Column("fiftyone", sa.JSON),
        Column("database", sa.JSON),
        Column("suggestions", sa.JSON, nullable=False),
        Column("status", sa.Text, nullable=False),
        Column("resolution", sa.Text),
        Column("run_id", sa.Text, nullable=False),
        Column("opened_at", MOMENT, nullable=False),
        Column("updated_at", MOMENT, nullable=False),
        Column("resolved_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name=f"pk_{prefix}conflict"),
        schema=schema,
    )
    op.create_table(
        prefix + "cursor",
        Column("binding", sa.Text, nullable=False),
        Column("side", sa.Text, nullable=False),
        Column("position", MOMENT),
        Column("identity", sa.Text, nullable=False),
        Column("rows", BIG),
        Column("deleted_at", MOMENT),
        Column("mapping", sa.Text, nullable=False),
        Column("swept_at", MOMENT),
        sa.PrimaryKeyConstraint("binding", "side", name=f"pk_{prefix}cursor"),
        schema=schema,
    )
    indexes = {
        "run": [("binding", "started_at")],
        "baseline": [("binding", "label_id"), ("binding", "sample_id")],
        "change": [("binding", "seq"), ("binding", "annotation_id"), ("binding", "run_id"), ("binding", "applied_at")],
        "conflict": [("binding", "annotation_id")],
    }
    for table, wanted in indexes.items():
        for columns in wanted:
            name = f"ix_{prefix}{table}_{'_'.join(columns)}"
            op.create_index(name, prefix + table, list(columns), schema=schema)
    op.create_index(
        f"ix_{prefix}change_pending",
        prefix + "change",
        ["binding", "seq"],
        schema=schema,
        postgresql_where=PENDING,
        sqlite_where=PENDING,
    )
    op.create_index(
        f"ix_{prefix}change_minted",
        prefix + "change",
        ["binding", "annotation_id"],
        schema=schema,
        postgresql_where=MINTED,
        sqlite_where=MINTED,
    )
    op.create_index(
        f"uq_{prefix}conflict_open",
        prefix + "conflict",
        ["binding", "subject"],
        unique=True,
        schema=schema,
        postgresql_where=OPEN,
        sqlite_where=OPEN,
    )

"""Adds the terms that reviewers propose for a vocabulary, until a curator accepts or rejects them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy import Column

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Creates the table, with one open proposal of a term at most."""
    schema = context.config.attributes["schema"]
    schema, prefix = (None, f"{schema}_") if op.get_bind().dialect.name == "sqlite" else (schema, "")
    op.create_table(
        prefix + "proposal",
        Column("id", BIG, autoincrement=True, nullable=False),
        Column("binding", sa.Text(), nullable=False),
        Column("term", sa.Text(), nullable=False),
        Column("parent", sa.Text()),
        Column("note", sa.Text()),
        Column("actor", sa.Text(), nullable=False),
        Column("status", sa.Text(), nullable=False),
        Column("proposed_at", MOMENT, nullable=False),
        Column("decided_by", sa.Text()),
        Column("decided_at", MOMENT),
        Column("answer", sa.Text()),
        sa.PrimaryKeyConstraint("id", name=f"pk_{prefix}proposal"),
        schema=schema,
    )
    is_open = sa.text("status = 'open'")
    op.create_index(
        f"uq_{prefix}proposal_open",
        prefix + "proposal",
        ["binding", "term"],
        unique=True,
        schema=schema,
        postgresql_where=is_open,
        sqlite_where=is_open,
    )

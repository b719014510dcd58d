"""Adds the edits that people made by hand in the App, as the layer around it saw them being sent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy import Column

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Creates the table."""
    schema = context.config.attributes["schema"]
    schema, prefix = (None, f"{schema}_") if op.get_bind().dialect.name == "sqlite" else (schema, "")
    op.create_table(
        prefix + "app_edit",
        Column("id", BIG, autoincrement=True, nullable=False),
        Column("binding", sa.Text(), nullable=False),
        Column("annotation_id", sa.Text()),
        Column("sample_id", sa.Text(), nullable=False),
        Column("label_id", sa.Text(), nullable=False),
        Column("field", sa.Text()),
        Column("value", sa.JSON(), nullable=False),
        Column("resent", sa.Boolean()),
        Column("actor", sa.Text()),
        Column("sent_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=f"pk_{prefix}app_edit"),
        schema=schema,
    )
    for name in ("annotation_id", "sent_at"):
        op.create_index(f"ix_{prefix}app_edit_binding_{name}", prefix + "app_edit", ["binding", name], schema=schema)

"""Plans that a brake holds, one per binding, until they are applied, dropped or overtaken."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy import Column

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates the table."""
    schema = context.config.attributes["schema"]
    schema, prefix = (None, f"{schema}_") if op.get_bind().dialect.name == "sqlite" else (schema, "")
    op.create_table(
        prefix + "held",
        Column("binding", sa.Text, nullable=False),
        Column("run_id", sa.Text, nullable=False),
        Column("held_at", sa.DateTime(timezone=True), nullable=False),
        Column("reason", sa.Text, nullable=False),
        Column("noticed", sa.Text, nullable=False),
        Column("digest", sa.Text, nullable=False),
        Column("plan", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("binding", name=f"pk_{prefix}held"),
        schema=schema,
    )

"""The daemons that are at work, and how they find their bindings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy import Column

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Creates the table."""
    schema = context.config.attributes["schema"]
    schema, prefix = (None, f"{schema}_") if op.get_bind().dialect.name == "sqlite" else (schema, "")
    op.create_table(
        prefix + "daemon",
        Column("id", sa.Text, nullable=False),
        Column("host", sa.Text, nullable=False),
        Column("pid", sa.Integer, nullable=False),
        Column("started_at", MOMENT, nullable=False),
        Column("beat_at", MOMENT, nullable=False),
        Column("bindings", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name=f"pk_{prefix}daemon"),
        schema=schema,
    )

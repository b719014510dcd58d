"""Whose the values of a conflict are, and since when."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy import Column

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Adds the columns; of conflicts that are open already nobody is known until their values change."""
    schema = context.config.attributes["schema"]
    schema, prefix = (None, f"{schema}_") if op.get_bind().dialect.name == "sqlite" else (schema, "")
    for side in ("fiftyone", "database"):
        op.add_column(prefix + "conflict", Column(f"{side}_by", sa.Text), schema=schema)
        op.add_column(prefix + "conflict", Column(f"{side}_at", MOMENT), schema=schema)

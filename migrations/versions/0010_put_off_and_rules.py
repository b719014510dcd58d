"""Adds to a cursor since when samples have been put off, and what the table takes; null where that is not known yet.

The next run fills in the one, the next complete sweep the other.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy import Column

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the columns."""
    schema = context.config.attributes["schema"]
    schema, prefix = (None, f"{schema}_") if op.get_bind().dialect.name == "sqlite" else (schema, "")
    op.add_column(prefix + "cursor", Column("put_off", sa.JSON), schema=schema)
    op.add_column(prefix + "cursor", Column("rules", sa.Text), schema=schema)

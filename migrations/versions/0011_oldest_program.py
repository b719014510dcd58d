"""Adds to the version of the tables the oldest program that can work with them; ``syncd migrate`` fills it in.

Null, as in tables of a version before this one, means: none but the program that made them.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy import Column

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column to Alembic's own table, which whoever reads the version may read already."""
    schema = context.config.attributes["schema"]
    schema, prefix = (None, f"{schema}_") if op.get_bind().dialect.name == "sqlite" else (schema, "")
    op.add_column(prefix + "alembic_version", Column("oldest_program", sa.String(32)), schema=schema)

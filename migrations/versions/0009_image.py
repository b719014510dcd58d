"""Adds the image on which a label stood when its row was compared with it last; null where that is not known yet.

The next complete sweep fills it in.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy import Column

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column."""
    schema = context.config.attributes["schema"]
    schema, prefix = (None, f"{schema}_") if op.get_bind().dialect.name == "sqlite" else (schema, "")
    op.add_column(prefix + "baseline", Column("image", sa.Text), schema=schema)

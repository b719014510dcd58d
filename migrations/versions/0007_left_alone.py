"""Which annotations the last run left alone, so that the next one looks at them whatever has moved since."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy import Column

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column; null means none."""
    schema = context.config.attributes["schema"]
    schema, prefix = (None, f"{schema}_") if op.get_bind().dialect.name == "sqlite" else (schema, "")
    op.add_column(prefix + "cursor", Column("left_alone", sa.JSON(none_as_null=True)), schema=schema)

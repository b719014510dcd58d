"""What triggers on the lab's tables record, and how far each binding has read of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy import Column

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Creates the table, and the cursor's column."""
    schema = context.config.attributes["schema"]
    schema, prefix = (None, f"{schema}_") if op.get_bind().dialect.name == "sqlite" else (schema, "")
    op.create_table(
        prefix + "captured",
        Column("seq", BIG, autoincrement=True, nullable=False),
        Column("binding_table", sa.Text, nullable=False),
        Column("annotation_id", sa.Text),
        Column("op", sa.CHAR(1), nullable=False),
        Column("at", MOMENT, nullable=False),
        Column("txid", BIG, nullable=False),
        sa.PrimaryKeyConstraint("seq", name=f"pk_{prefix}captured"),
        schema=schema,
    )
    name = f"ix_{prefix}captured"
    op.create_index(f"{name}_binding_table_txid", prefix + "captured", ["binding_table", "txid"], schema=schema)
    op.create_index(f"{name}_at", prefix + "captured", ["at"], schema=schema)
    op.add_column(prefix + "cursor", Column("captured", sa.Text), schema=schema)

"""What waits for a person without being a conflict, and the tags that have had their effect."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy import Column

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Creates the tables."""
    schema = context.config.attributes["schema"]
    schema, prefix = (None, f"{schema}_") if op.get_bind().dialect.name == "sqlite" else (schema, "")
    op.create_table(
        prefix + "waiting",
        Column("id", BIG, autoincrement=True, nullable=False),
        Column("binding", sa.Text, nullable=False),
        Column("subject", sa.Text, nullable=False),
        Column("kind", sa.Text, nullable=False),
        Column("annotation_id", sa.Text),
        Column("sample_id", sa.Text),
        Column("label_id", sa.Text),
        Column("field", sa.Text),
        Column("old", sa.JSON),
        Column("new", sa.JSON),
        Column("actor", sa.Text),
        Column("edited_at", MOMENT),
        Column("since", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=f"pk_{prefix}waiting"),
        schema=schema,
    )
    name = f"ix_{prefix}waiting_binding_subject"
    op.create_index(name, prefix + "waiting", ["binding", "subject"], unique=True, schema=schema)
    op.create_table(
        prefix + "answered",
        Column("binding", sa.Text, nullable=False),
        Column("annotation_id", sa.Text, nullable=False),
        Column("tag", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("binding", "annotation_id", "tag", name=f"pk_{prefix}answered"),
        schema=schema,
    )

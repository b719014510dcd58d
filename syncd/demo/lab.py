"""The lab's own tables, as a lab would have made them, and the edits that its curator makes in them.

Nothing here belongs to syncd: the point of the demo is that syncd fits itself to tables like these.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from syncd.demo.data import Box, DemoData
from syncd.errors import DatabaseUnavailable, SetupError

CURATOR = "curator"
IMPORTED_BY = "import"
LABEL_FIELD = "ground_truth"
ID_ATTRIBUTE = "annotation_id"
BINDING = "demo"

metadata = sa.MetaData(schema="public")

taxon = sa.Table(
    "taxon",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("parent_name", sa.Text, sa.ForeignKey("public.taxon.name")),
)
media = sa.Table(
    "media",
    metadata,
    sa.Column("media_id", sa.Integer, primary_key=True),
    sa.Column("media_uri", sa.Text, nullable=False, unique=True),
    sa.Column("width", sa.Integer, nullable=False),
    sa.Column("height", sa.Integer, nullable=False),
)
annotation = sa.Table(
    "annotation",
    metadata,
    sa.Column("annotation_id", sa.Uuid(as_uuid=False), primary_key=True, server_default=sa.text("gen_random_uuid()")),
    sa.Column("media_uri", sa.Text, sa.ForeignKey("public.media.media_uri"), nullable=False, index=True),
    sa.Column("label", sa.Text, nullable=False),
    *(sa.Column(name, sa.Double, nullable=False) for name in ("x", "y", "w", "h")),
    sa.Column("depth_m", sa.Numeric(8, 2)),
    sa.Column("verified", sa.Boolean),
    sa.Column(
        "updated_at",
        sa.DateTime(timezone=True),
        nullable=False,
        server_default=sa.text("clock_timestamp()"),
        index=True,
    ),
    sa.Column("updated_by", sa.Text),
)

# clock_timestamp(), not now(): every row of a long transaction gets the time at which it was really written
_TRIGGER = (
    """CREATE OR REPLACE FUNCTION public.annotation_touch() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN NEW.updated_at := clock_timestamp(); RETURN NEW; END $$""",
    """CREATE TRIGGER annotation_touch BEFORE UPDATE ON public.annotation
       FOR EACH ROW EXECUTE FUNCTION public.annotation_touch()""",
)


@contextmanager
def _begin(url: str) -> Iterator[sa.Connection]:
    """One transaction on a connection of its own: the curator's session is not syncd's."""
    engine = sa.create_engine(url, poolclass=NullPool)
    try:
        with engine.begin() as connection:
            yield connection
    except sa.exc.OperationalError as error:
        raise DatabaseUnavailable(
            f"The demo's PostgreSQL does not answer: {error.orig}", remedy="Start the demo again, in a new folder."
        ) from error
    finally:
        engine.dispose()


def create_lab(url: str, data: DemoData) -> None:
    """Creates the tables and loads the rows; a database that already has one of the tables is left as it is."""
    with _begin(url) as connection:
        there = set(sa.inspect(connection).get_table_names(schema="public"))
        taken = sorted(table.name for table in metadata.tables.values() if table.name in there)
        if taken:
            raise SetupError(
                f"The database already has the table {', '.join('public.' + name for name in taken)}.",
                remedy="The demo never touches tables that it didn't make: use an empty database or a new folder.",
            )
        metadata.create_all(connection)
        for statement in _TRIGGER:
            connection.execute(sa.text(statement))
        _load(connection, data)


def _load(connection: sa.Connection, data: DemoData) -> None:
    sizes = {row.image: (row.width, row.height) for row in data.rows}
    _insert(connection, taxon, [{"name": name, "parent_name": parent} for name, parent in data.taxa])
    _insert(
        connection,
        media,
        [{"media_uri": str(image), "width": width, "height": height} for image, (width, height) in sizes.items()],
    )
    _insert(
        connection,
        annotation,
        [
            {
                "annotation_id": row.annotation_id,
                "media_uri": str(row.image),
                "label": row.label,
                **_box(row.box),
                "depth_m": _decimal(row.depth_m),
                "verified": row.verified,
                "updated_by": IMPORTED_BY,
            }
            for row in data.rows
        ],
    )


def _insert(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        connection.execute(table.insert(), rows)


def _box(box: Box) -> dict[str, float]:
    return dict(zip(("x", "y", "w", "h"), box, strict=True))


def _decimal(depth: float | None) -> Decimal | None:
    return None if depth is None else Decimal(str(depth)).quantize(Decimal("0.01"))


def correct_labels(url: str, labels: Mapping[str, str], *, by: str = CURATOR) -> None:
    """Gives each annotation a new label, in one transaction and under the curator's name."""
    _update(url, {key: {"label": label} for key, label in labels.items()}, by)


def correct_depths(url: str, depths: Mapping[str, float | None], *, by: str = CURATOR) -> None:
    """Gives each annotation another depth."""
    _update(url, {key: {"depth_m": _decimal(depth)} for key, depth in depths.items()}, by)


def _update(url: str, values: Mapping[str, Mapping[str, Any]], by: str) -> None:
    with _begin(url) as connection:
        for key, changed in values.items():
            statement = annotation.update().where(annotation.c.annotation_id == key).values(**changed, updated_by=by)
            _demand(connection.execute(statement).rowcount, key)


def delete_annotations(url: str, annotation_ids: Sequence[str]) -> None:
    """Deletes rows for good, as somebody does who finds that there is nothing in the picture."""
    with _begin(url) as connection:
        for key in annotation_ids:
            statement = annotation.delete().where(annotation.c.annotation_id == key)
            _demand(connection.execute(statement).rowcount, key)


def _demand(count: int, annotation_id: str) -> None:
    """Raising rolls the whole edit back: half of a played review would be no review."""
    if count != 1:
        raise SetupError(f"public.annotation has no row {annotation_id}: it was changed since it was made.")


def add_annotation(url: str, image: Path, label: str, box: Box, depth_m: float | None, *, by: str = CURATOR) -> str:
    """Adds a row for an image that the lab already has; returns the id that the database chose."""
    statement = (
        annotation.insert()
        .values(media_uri=str(image), label=label, **_box(box), depth_m=_decimal(depth_m), verified=True, updated_by=by)
        .returning(annotation.c.annotation_id)
    )
    with _begin(url) as connection:
        return str(uuid.UUID(str(connection.execute(statement).scalar_one())))


def demo_config(postgres_url: str, mongo_uri: str, mongo_database: str, dataset_name: str) -> dict[str, Any]:
    """The syncd configuration that fits these tables, ready to be written as YAML."""
    return {
        "fiftyone": {"database_uri": mongo_uri, "database_name": mongo_database},
        "database": {"url": postgres_url},
        # nobody is typing in the demo, and an edit should be seen by the very next reconcile
        "daemon": {"quiet_period": "0s"},
        "bindings": [
            {
                "name": BINDING,
                "dataset": dataset_name,
                "label_field": LABEL_FIELD,
                "annotation_id": ID_ATTRIBUTE,
                "table": "public.annotation",
                "columns": {
                    "id": "annotation_id",
                    "label": "label",
                    "box": ["x", "y", "w", "h"],
                    "media": "media_uri",
                    "updated_at": "updated_at",
                    "updated_by": "updated_by",
                },
                "sample_key": "filepath",
                "attributes": {
                    "verified": {"column": "verified", "direction": "both"},
                    "depth": {"column": "depth_m"},
                },
            }
        ],
    }

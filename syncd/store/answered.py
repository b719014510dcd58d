"""Tags that stay on their labels and have had their effect, so that they do not have it again."""

from __future__ import annotations

from collections.abc import Collection

import polars as pl
import sqlalchemy as sa
from sqlalchemy import Connection

from syncd.adapters.sql.arrays import any_of
from syncd.diff.inputs import ANSWERED_SCHEMA
from syncd.model import Scope
from syncd.model.kinds import storable
from syncd.store.tables import Tables

BATCH = 10_000


def are_any(connection: Connection, tables: Tables, binding: str) -> bool:
    """Whether any tag of a binding is remembered: most have none, and asking about many annotations takes long."""
    first = sa.select(tables.answered.c.annotation_id).where(tables.answered.c.binding == binding).limit(1)
    return connection.execute(first).first() is not None


def load(connection: Connection, tables: Tables, binding: str, ids: Collection[str] | None = None) -> pl.DataFrame:
    """The answered tags of these annotations (``None``: of all) as the diff takes them."""
    table = tables.answered
    chosen = sa.select(table.c.annotation_id, table.c.tag).where(table.c.binding == binding)
    if ids is not None and connection.dialect.name == "postgresql":
        askable = sorted(each for each in ids if "\x00" not in each)
        chosen = chosen.where(table.c.annotation_id == any_of(askable))
    rows = [tuple(row) for row in connection.execute(chosen)]
    return pl.DataFrame(rows, schema=ANSWERED_SCHEMA, orient="row")


def update(
    connection: Connection,
    tables: Tables,
    binding: str,
    found: Collection[tuple[str, str]],
    scope: Scope,
    *,
    failed: Collection[str | None] = (),
) -> None:
    """Brings the table in line with what the diff found within its scope; only differences are written.

    What was found besides, of an annotation that is left alone, is kept as it is where it is known already. Of the
    ``failed`` annotations, of which not all was carried out, no tag counts as answered that did not before.
    """
    if not (scope.everything or scope.annotation_ids or found):
        return
    table = tables.answered
    now = {(str(storable(name)), str(storable(tag))) for name, tag in found}
    asked = None if scope.everything else scope.annotation_ids | {name for name, _ in now}
    known = set(load(connection, tables, binding, asked).iter_rows())
    before = {(name, tag) for name, tag in known if scope.judged(name, None)}
    gone = [{"key_id": name, "key_tag": tag} for name, tag in sorted(before - now)]
    if gone:
        chosen = sa.delete(table).where(
            table.c.binding == binding,
            table.c.annotation_id == sa.bindparam("key_id"),
            table.c.tag == sa.bindparam("key_tag"),
        )
        connection.execute(chosen, gone)
    fresh = [each for each in sorted(now - known) if each[0] not in failed]
    new = [{"binding": binding, "annotation_id": name, "tag": tag} for name, tag in fresh]
    for start in range(0, len(new), BATCH):
        connection.execute(sa.insert(table), new[start : start + BATCH])

"""What waits for a person without being a conflict: edits without an approving tag, and flagged annotations.

The rows are those that the last run found that judged the annotation, so that they can be shown without reading either
side.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from syncd.model import Plan, Scope, Waiting
from syncd.model.kinds import storable
from syncd.store.conflicts import indexable, paged
from syncd.store.tables import Tables

BATCH = 10_000
CONTENT = ("kind", "annotation_id", "sample_id", "label_id", "field", "old", "new", "actor", "edited_at")
COMPARED = tuple(name for name in CONTENT if name != "edited_at")
"""The time of an edit moves whenever its sample is touched, by a tag for instance; that alone is nothing new."""


def update(
    connection: Connection, tables: Tables, binding: str, found: Sequence[Waiting], scope: Scope, at: datetime
) -> None:
    """Brings the table in line with what the diff found within its scope, inside the caller's transaction.

    What waited already keeps the moment ``since`` which it does, unless it is another edit by now.
    """
    if not (scope.everything or scope.annotation_ids or scope.label_ids or found):
        return
    table = tables.waiting
    columns = [table.c[name] for name in ("id", "subject", *CONTENT)]
    known = connection.execute(sa.select(*columns).where(table.c.binding == binding)).mappings()
    existing = {row["subject"]: dict(row) for row in known}
    rows = {indexable(each.subject): _row(each) for each in found}
    same = {
        subject
        for subject, row in rows.items()
        if subject in existing and all(row[name] == existing[subject][name] for name in COMPARED)
    }
    gone = [
        row["id"]
        for subject, row in existing.items()
        if subject not in same
        and (subject in rows or scope.judged(row["annotation_id"], row["label_id"], row["field"]))
    ]
    for start in range(0, len(gone), BATCH):
        connection.execute(sa.delete(table).where(table.c.id.in_(gone[start : start + BATCH])))
    new = [
        row | {"binding": binding, "subject": subject, "since": at}
        for subject, row in rows.items()
        if subject not in same
    ]
    if new:
        connection.execute(sa.insert(table), new)


def _row(waiting: Waiting) -> dict[str, Any]:
    plain = {name: getattr(waiting, name) for name in CONTENT}
    for name in ("annotation_id", "actor"):
        plain[name] = None if plain[name] is None else indexable(plain[name])
    return plain | {name: storable(plain[name]) for name in ("old", "new")}


def query(
    connection: Connection,
    tables: Tables,
    *,
    bindings: Sequence[str] = (),
    kind: str | None = None,
    annotation_id: str | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> list[dict[str, Any]]:
    """What waits, the longest first; ``limit`` and ``offset`` choose one page of it."""
    table = tables.waiting
    chosen = sa.select(table).where(_matching(tables, bindings, kind, annotation_id))
    chosen = chosen.order_by(table.c.binding, table.c.since, table.c.id)
    return [dict(row) for row in connection.execute(paged(chosen, limit, offset)).mappings()]


def count_entries(
    connection: Connection, tables: Tables, *, bindings: Sequence[str] = (), kind: str | None = None
) -> int:
    """How many entries :func:`query` would find without a limit."""
    counted = sa.select(sa.func.count()).select_from(tables.waiting).where(_matching(tables, bindings, kind, None))
    return int(connection.execute(counted).scalar_one())


def _matching(
    tables: Tables, bindings: Sequence[str], kind: str | None, annotation_id: str | None
) -> sa.ColumnElement[bool]:
    table = tables.waiting
    exact = {"kind": kind, "annotation_id": annotation_id}
    parts = [table.c[name] == value for name, value in exact.items() if value is not None]
    if bindings:
        parts.append(table.c.binding.in_(bindings))
    return sa.and_(sa.true(), *parts)


def count(connection: Connection, tables: Tables, binding: str) -> dict[str, int]:
    """How many annotations wait, by kind; an annotation of which several fields wait counts once."""
    table = tables.waiting
    about = sa.func.coalesce(table.c.annotation_id, table.c.label_id)
    counted = (
        sa.select(table.c.kind, sa.func.count(about.distinct()))
        .where(table.c.binding == binding)
        .group_by(table.c.kind)
    )
    return {str(kind): int(number) for kind, number in connection.execute(counted)}


def foreseen(connection: Connection, tables: Tables, plan: Plan) -> dict[str, int]:
    """What :func:`count` would say after a plan that is only looked at."""
    about = {(each.kind, each.about) for each in plan.waiting}
    for row in query(connection, tables, bindings=[plan.binding]):
        if not plan.scope.judged(row["annotation_id"], row["label_id"], row["field"]):
            about.add((row["kind"], row["annotation_id"] or f"{row['label_id']}@{row['sample_id']}"))
    return dict(Counter(kind for kind, _ in about))

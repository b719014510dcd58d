"""Conflicts as durable rows: opened once, updated while they last, closed when they are over or resolved."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import Connection

from syncd.model import LABEL, Conflict, Scope, dumps
from syncd.model.conflict_kinds import ConflictKind
from syncd.model.kinds import storable
from syncd.store.tables import Tables

if TYPE_CHECKING:
    import polars as pl

OPEN, RESOLVED = "open", "resolved"
BATCH = 10_000
LONGEST = 500
"""Characters of an id that are kept; PostgreSQL's indexes take 2,700 bytes."""
CONTENT = (
    "annotation_id",
    "sample_id",
    "label_id",
    "kind",
    "field",
    "base",
    "fiftyone",
    "database",
    "suggestions",
)
"""Columns that the diff gives a conflict; the others are its history."""
WHO = ("fiftyone_by", "fiftyone_at", "database_by", "database_at")
"""And whose values they are."""
SIDES = ("fiftyone", "database", "base")
"""Columns that hold values."""
SETTLED = "settled"
"""Resolution of a conflict whose cause went away: the sides agree again, the duplicate is gone, the id is known."""


@dataclass(frozen=True)
class OpenNow:
    """The open conflicts as the diff takes them: those about annotations, and drawn labels that were refused.

    ``subjects`` are what all of them are about.
    """

    known: pl.DataFrame
    refused: pl.DataFrame
    subjects: frozenset[str]


def open_now(connection: Connection, tables: Tables, binding: str) -> OpenNow:
    """The open conflicts of a binding."""
    import polars as pl

    from syncd.diff.inputs import OPEN_SCHEMA, REFUSED_SCHEMA

    table = tables.conflict
    columns = ("annotation_id", "field", "kind", "fiftyone", "database", "sample_id", "label_id", "subject")
    chosen = sa.select(*(table.c[name] for name in columns)).where(table.c.binding == binding, table.c.status == OPEN)
    found = connection.execute(chosen).all()
    known = [
        (*row[:3], dumps(row.fiftyone), dumps(row.database), row.sample_id)
        for row in found
        if row.annotation_id is not None
    ]
    refused = [
        (row.sample_id, row.label_id, dumps(row.fiftyone))
        for row in found
        if row.annotation_id is None and row.field is None and row.kind == ConflictKind.REFUSED_BY_DATABASE
    ]
    return OpenNow(
        pl.DataFrame(known, schema=OPEN_SCHEMA, orient="row"),
        pl.DataFrame(refused, schema=REFUSED_SCHEMA, orient="row"),
        frozenset(row.subject for row in found),
    )


def open_of_kind(connection: Connection, tables: Tables, binding: str, kind: str) -> frozenset[str]:
    """The annotations with an open conflict of that kind."""
    table = tables.conflict
    chosen = sa.select(table.c.annotation_id).where(
        table.c.binding == binding,
        table.c.status == OPEN,
        table.c.kind == kind,
        table.c.annotation_id.is_not(None),
    )
    return frozenset(connection.execute(chosen).scalars())


def count_open(connection: Connection, tables: Tables, binding: str) -> int:
    """Number of open conflicts of a binding."""
    table = tables.conflict
    counted = sa.select(sa.func.count()).where(table.c.binding == binding, table.c.status == OPEN)
    return int(connection.execute(counted).scalar_one())


def update(
    connection: Connection,
    tables: Tables,
    binding: str,
    run_id: str,
    conflicts: Sequence[Conflict],
    scope: Scope,
    at: datetime,
) -> int:
    """Brings the table in line with what the diff found within its scope; returns how many were opened.

    Runs inside the caller's transaction. A conflict that was open stays the same row, with its first ``opened_at``;
    one about which nothing is new is left untouched.
    """
    table = tables.conflict
    columns = ("id", "subject", *CONTENT, *WHO)
    known = sa.select(*(table.c[name] for name in columns)).where(table.c.binding == binding, table.c.status == OPEN)
    existing = {row["subject"]: dict(row) for row in connection.execute(known).mappings()}
    found = {indexable(each.subject): _row(each) | {"updated_at": at} for each in conflicts}
    opened = [
        row | {"binding": binding, "subject": subject, "run_id": run_id, "status": OPEN, "opened_at": at}
        for subject, row in found.items()
        if subject not in existing
    ]
    if opened:
        connection.execute(sa.insert(table), opened)
    again = [_renewed(row, existing[subject]) for subject, row in found.items() if subject in existing]
    renewed = [row for row in again if row is not None]
    if renewed:
        names = [name for name in renewed[0] if name != "key"]
        values = {name: sa.bindparam("new_" + name, type_=table.c[name].type) for name in names}
        connection.execute(
            sa.update(table).where(table.c.id == sa.bindparam("key")).values(values),
            [{"key": row["key"]} | {"new_" + name: row[name] for name in names} for row in renewed],
        )
    gone = [
        row["id"]
        for subject, row in existing.items()
        if subject not in found and scope.judged(row["annotation_id"], row["label_id"], row["field"])
    ]
    for start in range(0, len(gone), BATCH):
        connection.execute(
            sa.update(table)
            .where(table.c.id.in_(gone[start : start + BATCH]))
            .values(status=RESOLVED, resolution=SETTLED, resolved_at=at, updated_at=at)
        )
    return len(opened)


def resolve(connection: Connection, tables: Tables, ids: Sequence[int], resolution: str, at: datetime) -> None:
    """Closes these conflicts, as far as they are open, with a person's words; inside the caller's transaction."""
    table = tables.conflict
    for start in range(0, len(ids), BATCH):
        connection.execute(
            sa.update(table)
            .where(table.c.id.in_(ids[start : start + BATCH]), table.c.status == OPEN)
            .values(status=RESOLVED, resolution=storable(resolution), resolved_at=at, updated_at=at)
        )


def _renewed(row: dict[str, Any], known: dict[str, Any]) -> dict[str, Any] | None:
    """A conflict found again, where something about it is new.

    What was once said of it (the database's own message) is not said every time. Whose a value is stays as long as
    the value: sides are written for other reasons too, not least to mark the label as in conflict.
    """
    words = row["suggestions"] or (known["suggestions"] if row["kind"] == known["kind"] else [])
    row = row | {"key": known["id"], "suggestions": words}
    for side in ("fiftyone", "database"):
        if row[side] == known[side] and row["suggestions"] == known["suggestions"]:
            row |= {name: known[name] for name in (f"{side}_by", f"{side}_at")}
    return None if all(row[name] == known[name] for name in CONTENT) else row


def _row(conflict: Conflict) -> dict[str, Any]:
    return {
        "annotation_id": None if conflict.annotation_id is None else indexable(conflict.annotation_id),
        "sample_id": conflict.sample_id,
        "label_id": conflict.label_id,
        "kind": conflict.kind,
        "field": conflict.field,
        "base": storable(conflict.base),
        "fiftyone": storable(conflict.fiftyone),
        "database": storable(conflict.database),
        "suggestions": storable(list(conflict.suggestions)),
        "fiftyone_by": storable(conflict.in_fiftyone.by),
        "fiftyone_at": conflict.in_fiftyone.at,
        "database_by": storable(conflict.in_database.by),
        "database_at": conflict.in_database.at,
    }


def indexable(text: str) -> str:
    """Whatever a script may have put where an id belongs, as an index takes it: without NUL, and not too long."""
    plain = text.replace("\x00", "\u2400")
    if len(plain) <= LONGEST:
        return plain
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return f"{plain[: LONGEST // 2]}…{digest}"


def query(
    connection: Connection,
    tables: Tables,
    *,
    bindings: Sequence[str] = (),
    ids: Sequence[int] = (),
    annotation_id: str | None = None,
    kind: str | None = None,
    field: str | None = None,
    label: str | None = None,
    actor: str | None = None,
    since: datetime | None = None,
    status: str | None = OPEN,
    limit: int | None = None,
    offset: int = 0,
) -> list[dict[str, Any]]:
    """Conflicts that match, the oldest first; ``status=None`` takes them all.

    ``label`` is one that stands in the conflict, on either side or as its base; ``actor`` whose value one side's is;
    ``since`` the moment from which on it was opened. ``limit`` and ``offset`` choose one page of them.
    """
    table = tables.conflict
    matching = _matching(connection, tables, bindings, ids, kind, field, label, actor, since, status)
    if annotation_id is not None:
        matching = matching & (table.c.annotation_id == annotation_id)
    chosen = sa.select(table).where(matching).order_by(table.c.binding, table.c.id)
    return [dict(row) for row in connection.execute(paged(chosen, limit, offset)).mappings()]


def count(
    connection: Connection,
    tables: Tables,
    *,
    bindings: Sequence[str] = (),
    ids: Sequence[int] = (),
    annotation_id: str | None = None,
    kind: str | None = None,
    field: str | None = None,
    label: str | None = None,
    actor: str | None = None,
    since: datetime | None = None,
    status: str | None = OPEN,
) -> int:
    """How many conflicts :func:`query` would find without a limit."""
    matching = _matching(connection, tables, bindings, ids, kind, field, label, actor, since, status)
    if annotation_id is not None:
        matching = matching & (tables.conflict.c.annotation_id == annotation_id)
    counted = sa.select(sa.func.count()).select_from(tables.conflict).where(matching)
    return int(connection.execute(counted).scalar_one())


def paged(chosen: sa.Select[Any], limit: int | None, offset: int) -> sa.Select[Any]:
    """One page of what is chosen; all of it without a limit."""
    if limit is None and offset:
        # SQLite knows no OFFSET without a LIMIT.
        limit = 2**62
    return chosen if limit is None else chosen.limit(limit).offset(offset)


def _matching(
    connection: Connection,
    tables: Tables,
    bindings: Sequence[str],
    ids: Sequence[int],
    kind: str | None,
    field: str | None,
    label: str | None,
    actor: str | None,
    since: datetime | None,
    status: str | None,
) -> sa.ColumnElement[bool]:
    """The condition of :func:`query` and :func:`count`."""
    table = tables.conflict
    parts = [
        table.c[name] == value
        for name, value in {"kind": kind, "field": field, "status": status}.items()
        if value is not None
    ]
    if bindings:
        parts.append(table.c.binding.in_(bindings))
    if ids:
        parts.append(table.c.id.in_(ids))
    if since is not None:
        parts.append(table.c.opened_at >= since)
    if actor is not None:
        parts.append(sa.or_(table.c.fiftyone_by == actor, table.c.database_by == actor))
    if label is not None:
        dialect = connection.dialect.name
        parts.append(sa.or_(*(_label_in(table, name, dialect) == label for name in SIDES)))
    return sa.and_(sa.true(), *parts)


def _label_in(table: sa.Table, name: str, dialect: str) -> sa.ColumnElement[str | None]:
    """What :func:`labels_in` finds in one of the values, in SQL: of texts alone, since no other value is a label."""
    value = table.c[name]
    whole: sa.ColumnElement[str | None]
    inside: sa.ColumnElement[str | None]
    if dialect == "postgresql":
        kind, part = sa.func.json_typeof(value), value.op("->")(sa.literal_column(f"'{LABEL}'"))
        whole = sa.case((kind == "string", value.op("#>>")(sa.literal_column("'{}'"))), else_=sa.null())
        inside = sa.case(
            (sa.func.json_typeof(part) == "string", value.op("->>")(sa.literal_column(f"'{LABEL}'"))), else_=sa.null()
        )
        is_object = kind == "object"
    else:
        kind, path = sa.func.json_type(value), f"$.{LABEL}"
        whole = sa.case((kind == "text", sa.func.json_extract(value, "$")), else_=sa.null())
        inside = sa.case((sa.func.json_type(value, path) == "text", sa.func.json_extract(value, path)), else_=sa.null())
        is_object = kind == "object"
    return sa.case((is_object, inside), (table.c.field == LABEL, whole), else_=sa.null())


def labels_in(conflict: dict[str, Any]) -> list[str]:
    """The labels that stand in a conflict: FiftyOne's, the database's, the base; none in one about another field."""
    found = []
    for name in SIDES:
        value = conflict[name]
        if isinstance(value, dict):
            value = value.get(LABEL)
        elif conflict["field"] != LABEL:
            continue
        if isinstance(value, str):
            found.append(value)
    return found

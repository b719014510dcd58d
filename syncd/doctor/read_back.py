"""Checks that syncd reads back what it writes, where the relation that is read is not the table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import polars as pl
import sqlalchemy as sa

from syncd.adapters.sql.adapter import SqlAdapter
from syncd.adapters.sql.expressions import source
from syncd.adapters.sql.quote import quote, relation
from syncd.doctor.finding import Check, Verdict, count, listed, ok, skipped, warning
from syncd.doctor.subject import Subject
from syncd.model import BOX, LABEL, Direction, Field, Holds, Kind, LabelType, Mapping
from syncd.model.snapshot import column
from syncd.model.store import EXACT_SINGLE
from syncd.model.values import differs

COMPARED = 50
"""Rows that are looked at."""


def checks(subject: Subject) -> Iterator[Check]:
    """Of a binding that reads another relation than it writes."""
    if subject.binding.read_from != subject.binding.table:
        yield Check("Read as written", lambda: _read_as_written(subject))


def _read_as_written(subject: Subject) -> Verdict:
    stale = _materialised(subject) if subject.is_postgresql else []
    if stale:
        return warning(
            f"what is read comes from the materialised view {listed(stale)}: it does not show what syncd writes until "
            "somebody refreshes it, so that a change to what it shows is refused",
            f"Write {subject.place}.read: a plain view (CREATE VIEW) of the same SELECT",
        )
    fields = list(_fields(subject))
    ids = _some_ids(subject)
    if not fields or not ids:
        return skipped("no mapped column is in both relations" if not fields else "there are no rows")
    pairs = _read(subject, fields, ids, written=False).join(
        _read(subject, fields, ids, written=True), on="annotation_id", suffix=".table"
    )
    apart = {each.name: _apart(each, pairs) for each in fields}
    other = {name: number for name, number in apart.items() if number}
    if not other:
        return ok(f"{count(pairs.height, 'row')} hold in {subject.binding.table} what is read of them")
    names = listed((f"{name!r} ({number} of {count(pairs.height, 'row')})" for name, number in other.items()), 5)
    there = f"read otherwise than {subject.binding.table} holds it: {names}"
    written = [name for name in other if _direction(subject, name).allows(Direction.TO_DATABASE)]
    remedy = [f"{subject.place}.{_setting(name)}: to_fiftyone" for name in written]
    if subject.binding.policy.on_new == "create":
        remedy.append(f"{subject.place}.policy.on_new: quarantine")
    if not remedy:
        return ok(f"{there}; syncd writes none of it")
    return warning(
        f"{there}: what syncd writes there comes back as something else, and is refused",
        f"Write {' and '.join(remedy)}; or map columns that {subject.binding.table} holds as they are read",
    )


def _materialised(subject: Subject) -> list[str]:
    """The materialised views that are read instead of the table, also by way of other views, as the planner tells.

    One that is joined to the table shows something else.
    """
    connection = subject.connection
    statement = f"EXPLAIN (VERBOSE, FORMAT JSON) SELECT * FROM {source(connection.dialect, subject.mapping)} AS src"
    told = connection.execute(sa.text(statement.replace(":", "\\:"))).scalar_one()
    (plan,) = json.loads(told) if isinstance(told, str) else told
    scanned = set(_scanned(plan["Plan"]))
    table = connection.execute(
        sa.text(
            "SELECT n.nspname, c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n "
            "ON n.oid = c.relnamespace WHERE c.oid = to_regclass(:name)"
        ),
        {"name": relation(connection.dialect, subject.mapping.table)},
    ).first()
    if table is not None and tuple(table) in scanned:
        return []
    known = connection.execute(sa.text("SELECT schemaname, matviewname FROM pg_catalog.pg_matviews")).all()
    return sorted(f"{schema}.{name}" for schema, name in known if (schema, name) in scanned)


def _scanned(node: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(schema, name) of the relations that a plan reads."""
    if "Relation Name" in node:
        yield node["Schema"], node["Relation Name"]
    for each in node.get("Plans", ()):
        yield from _scanned(each)


def _fields(subject: Subject) -> Iterator[Field]:
    """The mapped fields whose columns both relations have, in one type: others no run can take anyway."""
    table, read = subject.table.get().columns, subject.read.get().columns
    for name, names in subject.mapping.fields.items():
        kind = Kind.BOX if name == BOX else read[names[0]].kind if names[0] in read else None
        alike = all(each in table and each in read and table[each].kind is read[each].kind for each in names)
        if kind is not None and alike:
            yield Field(name, kind, Direction.BOTH, Holds(kind), Holds(kind), EXACT_SINGLE)


def _some_ids(subject: Subject) -> list[str]:
    dialect = subject.connection.dialect
    name = quote(dialect, subject.mapping.id_column)
    text = "text" if subject.is_postgresql else "varchar(2000)"
    statement = f"SELECT CAST(src.{name} AS {text}) FROM {source(dialect, subject.mapping)} AS src LIMIT {COMPARED}"
    return [str(row[0]) for row in subject.connection.execute(sa.text(statement.replace(":", "\\:"))) if row[0]]


def _read(subject: Subject, fields: list[Field], ids: list[str], *, written: bool) -> pl.DataFrame:
    """These fields of these rows, as they are read or as they stand in the table."""
    known = subject.table_info
    names = {each.name: subject.mapping.fields[each.name] for each in fields}
    # Not the media, which the table need not have.
    mapping = replace(
        known.mapping, fields=names, updated_at=None, updated_by=None, media_column=known.mapping.id_column
    )
    if written:
        mapping = replace(mapping, read=mapping.table)
    info = replace(known, mapping=mapping, read=known.written if written else known.read)
    adapter = SqlAdapter(subject.connection, info, Mapping(subject.binding.name, tuple(fields), LabelType.DETECTIONS))
    try:
        return adapter.read_ids(ids).rows
    finally:
        adapter.close()


def _apart(field: Field, pairs: pl.DataFrame) -> int:
    """In how many rows the two differ; a rounding that a column's type makes is no difference."""
    name = column(field.name)
    return pairs.filter(differs(field, pl.col(name), pl.col(f"{name}.table"))).height


def _direction(subject: Subject, name: str) -> Direction:
    if name in (LABEL, BOX):
        return Direction(subject.binding.direction(name))
    attribute = subject.binding.attributes.get(name)
    # What no attribute is mapped to is the flag that an error tag sets.
    return Direction(attribute.direction) if attribute is not None else Direction.TO_DATABASE


def _setting(name: str) -> str:
    return f"directions.{name}" if name in (LABEL, BOX) else f"attributes.{name}.direction"

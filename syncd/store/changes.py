"""The change log: intents, their outcomes, and the chain that holds them together."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from syncd.adapters.sql.arrays import array
from syncd.model import Action, Change, Direction, Mapping, to_json
from syncd.model.kinds import Json, from_json
from syncd.store import runs
from syncd.store.chain import COVERED, Soundness, check, entry_hash
from syncd.store.copying import copy_in, text_rows
from syncd.store.tables import Tables

PENDING, APPLIED, SUPERSEDED, ABANDONED = "pending", "applied", "superseded", "abandoned"
BATCH = 10_000


@dataclass(frozen=True)
class Outcome:
    """What became of one logged change. ``change`` holds what is now known of it (ids given, the value stored)."""

    seq: int
    change: Change
    status: str


def record_intents(
    connection: Connection, tables: Tables, binding: str, run_id: str, changes: Sequence[Change]
) -> list[int]:
    """Writes the changes as ``pending``, in order; returns their ``seq``. The caller commits before acting."""
    if not changes:
        return []
    rows = [_row(binding, run_id, each) for each in changes]
    if connection.dialect.name == "postgresql":
        return _copy_intents(connection, tables, rows)
    insert = sa.insert(tables.change).returning(tables.change.c.seq, sort_by_parameter_order=True)
    return [int(row[0]) for row in connection.execute(insert, rows)]


def _row(binding: str, run_id: str, change: Change) -> dict[str, Any]:
    """An intent as it is logged."""
    return {
        "run_id": run_id,
        "binding": binding,
        "annotation_id": change.annotation_id,
        "sample_id": change.sample_id,
        "label_id": change.label_id,
        "direction": change.direction.value if change.direction else None,
        "action": change.action.value,
        "field": change.field,
        "old": storable(to_json(change.old)),
        "new": storable(to_json(change.new)),
        "reason": change.reason,
        "actor": change.actor,
        "edited_at": change.edited_at,
        "status": PENDING,
        "undo_of": change.undo_of,
    }


def _copy_intents(connection: Connection, tables: Tables, rows: list[dict[str, Any]]) -> list[int]:
    """The same by COPY, with numbers that were drawn before."""
    target = f'"{tables.schema}"."{tables.change.name}"'
    numbers = connection.exec_driver_sql(
        "SELECT nextval(pg_get_serial_sequence(%s, 'seq')) FROM generate_series(1, %s)", (target, len(rows))
    )
    # Sorted: PostgreSQL promises no order of the rows of a SELECT.
    seqs = sorted(int(row[0]) for row in numbers)
    names = ["seq", *rows[0]]
    for row in rows:
        for name in ("old", "new"):
            row[name] = None if row[name] is None else json.dumps(row[name])
    columns = ", ".join(f'"{name}"' for name in names)
    lines = text_rows([(seq, *row.values()) for seq, row in zip(seqs, rows, strict=True)])
    copy_in(connection, f"COPY {target} ({columns}) FROM STDIN", lines)
    return seqs


def storable(value: Json) -> Json:
    """JSON that a database takes: what JSON or the database cannot hold is shown by its name (and is never synced)."""
    if isinstance(value, str):
        return value.replace("\x00", "\u2400")
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, list):
        return [storable(each) for each in value]
    if isinstance(value, dict):
        return {name: storable(each) for name, each in value.items()}
    return value


def pending(connection: Connection, tables: Tables, mapping: Mapping) -> list[tuple[int, Change]]:
    """Intents of a run that died before it could record what became of them, in order of ``seq``."""
    table = tables.change
    chosen = sa.select(table).where(table.c.binding == mapping.binding, table.c.status == PENDING).order_by(table.c.seq)
    return [(int(row["seq"]), change_of(row, mapping)) for row in connection.execute(chosen).mappings()]


def change_of(row: sa.RowMapping | dict[str, Any], mapping: Mapping) -> Change:
    """A log entry as a change, its values canonical again."""
    return Change(
        annotation_id=row["annotation_id"],
        label_id=row["label_id"],
        sample_id=row["sample_id"],
        direction=Direction(row["direction"]) if row["direction"] else None,
        action=Action(row["action"]),
        field=row["field"],
        old=_content(row["old"], row["field"], mapping),
        new=_content(row["new"], row["field"], mapping),
        reason=row["reason"],
        actor=row["actor"],
        edited_at=row["edited_at"],
        undo_of=row["undo_of"],
    )


def _content(value: Any, field: str | None, mapping: Mapping) -> Any:
    if field is not None:
        return _value(value, field, mapping) if field in mapping.names else value
    if isinstance(value, dict):
        return {name: _value(each, name, mapping) for name, each in value.items() if name in mapping.names}
    return value


def _value(value: Any, field: str, mapping: Mapping) -> Any:
    """A logged value; missing where the field's kind was changed since and does not hold it any more."""
    try:
        return from_json(mapping.field(field).kind, value)
    except (TypeError, ValueError):
        return None


def finish(
    connection: Connection,
    tables: Tables,
    binding: str,
    outcomes: Sequence[Outcome],
    at: datetime,
    *,
    run_id: str | None = None,
) -> None:
    """Records outcomes and chains them, inside the caller's transaction.

    ``run_id`` is the run that recorded these very changes as intents: what the log holds of them is then known, and
    need not be read; except from SQLite, which takes a JSON ``1.0`` for the number 1 and gives that back.

    Invariant: a binding's entries are finished in order of ``seq``, because every run finishes all that is pending
    before it writes intents of its own. The chain therefore follows ``seq``.
    """
    if not outcomes:
        return
    ordered = sorted(outcomes, key=lambda each: each.seq)
    if run_id is None or connection.dialect.name == "sqlite":
        rows = _entries(connection, tables, [each.seq for each in ordered])
    else:
        rows = {each.seq: {"seq": each.seq} | _row(binding, run_id, each.change) for each in ordered}
    previous = _last_hash(connection, tables, binding)
    updates = []
    for outcome in ordered:
        entry = rows[outcome.seq] | {
            "annotation_id": outcome.change.annotation_id,
            "label_id": outcome.change.label_id,
            "status": outcome.status,
            "applied_at": at,
        }
        previous = entry_hash(previous, entry)
        updates.append((outcome.seq, entry["annotation_id"], entry["label_id"], outcome.status, at, previous))
    _update(connection, tables, updates)


def _entries(connection: Connection, tables: Tables, seqs: list[int]) -> dict[int, dict[str, Any]]:
    table = tables.change
    wanted = [table.c[name] for name in COVERED]
    found: dict[int, dict[str, Any]] = {}
    for start in range(0, len(seqs), BATCH):
        chunk = seqs[start : start + BATCH]
        for row in connection.execute(sa.select(*wanted).where(table.c.seq.in_(chunk))).mappings():
            found[row["seq"]] = dict(row)
    return found


def _last_hash(connection: Connection, tables: Tables, binding: str) -> str | None:
    table = tables.change
    newest = (
        sa.select(table.c.hash)
        .where(table.c.binding == binding, table.c.hash.is_not(None))
        .order_by(table.c.seq.desc())
        .limit(1)
    )
    return connection.execute(newest).scalar_one_or_none()


def _update(connection: Connection, tables: Tables, updates: list[tuple[Any, ...]]) -> None:
    names = ("annotation_id", "label_id", "status", "applied_at", "hash")
    if connection.dialect.name == "postgresql":
        target = f'"{tables.schema}"."{tables.change.name}"'
        sets = ", ".join(f"{name} = v.{name}" for name in names)
        statement = (
            f"UPDATE {target} AS c SET {sets} FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], "
            f"%s::timestamptz[], %s::text[]) AS v(seq, {', '.join(names)}) WHERE c.seq = v.seq"
        )
        for start in range(0, len(updates), BATCH):
            columns = zip(*updates[start : start + BATCH], strict=True)
            connection.exec_driver_sql(statement, tuple(array(each) for each in columns))
        return
    table = tables.change
    update = sa.update(table).where(table.c.seq == sa.bindparam("key"))
    values = [dict(zip(("key", *names), each, strict=True)) for each in updates]
    connection.execute(update.values({name: sa.bindparam(name) for name in names}), values)


def entries(connection: Connection, tables: Tables, binding: str) -> Iterator[dict[str, Any]]:
    """Every entry of a binding in order of ``seq``, read in pieces."""
    table = tables.change
    chosen = sa.select(table).where(table.c.binding == binding).order_by(table.c.seq)
    for row in connection.execute(chosen.execution_options(yield_per=BATCH)).mappings():
        yield dict(row)


def verify(connection: Connection, tables: Tables, binding: str) -> Soundness:
    """Checks the chain of a binding's whole log."""
    return check(entries(connection, tables, binding), runs.heads(connection, tables, binding))


def bindings_logged(connection: Connection, tables: Tables) -> list[str]:
    """Every binding that the log knows, those among them that the configuration has no longer."""
    of_changes, of_runs = sa.select(tables.change.c.binding), sa.select(tables.run.c.binding)
    return sorted(connection.execute(sa.union(of_changes, of_runs)).scalars())


def query(
    connection: Connection,
    tables: Tables,
    *,
    bindings: Sequence[str] = (),
    run_id: str | None = None,
    annotation_id: str | None = None,
    field: str | None = None,
    direction: str | None = None,
    status: str | None = None,
    actor: str | None = None,
    seq: int | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    after: int | None = None,
    limit: int | None = None,
) -> list[dict[str, Any]]:
    """Log entries that match, the newest last; ``after`` is a ``seq``; ``limit`` keeps the newest."""
    table = tables.change
    chosen = sa.select(table)
    if bindings:
        chosen = chosen.where(table.c.binding.in_(bindings))
    exact = {
        "run_id": run_id,
        "annotation_id": annotation_id,
        "field": field,
        "direction": direction,
        "status": status,
        "actor": actor,
        "seq": seq,
    }
    for name, value in exact.items():
        if value is not None:
            chosen = chosen.where(table.c[name] == value)
    if since is not None:
        chosen = chosen.where(table.c.applied_at >= since)
    if until is not None:
        chosen = chosen.where(table.c.applied_at < until)
    if after is not None:
        chosen = chosen.where(table.c.seq > after)
    chosen = chosen.order_by(table.c.seq.desc())
    if limit is not None:
        chosen = chosen.limit(limit)
    return [dict(row) for row in reversed(connection.execute(chosen).mappings().all())]

"""The change log: intents, their outcomes, and the chain that holds them together."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Mapping as Mapping_
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from syncd.adapters.sql.arrays import array
from syncd.adapters.sql.encoding import codec_of, escaped
from syncd.model import LABEL, Action, Change, Direction, Mapping, to_json
from syncd.model.kinds import from_json, storable
from syncd.model.reasons import Reason
from syncd.model.result import Status
from syncd.pipelining import ahead, batches
from syncd.store import runs
from syncd.store.baseline import TextRows, copy_in
from syncd.store.chain import COVERED, Soundness, check, entry_hash
from syncd.store.tables import Tables

BATCH = 10_000
OUTCOMES = 2_500
"""Entries whose outcomes are written while those of the next are chained."""

FINISHED = ("annotation_id", "label_id", "status", "hash")
"""What an entry is given when it is finished, besides the time."""


@dataclass(frozen=True)
class Outcome:
    """What became of one logged change. ``change`` holds what is now known of it (ids given, the value stored)."""

    seq: int
    change: Change
    status: str


class Intent(NamedTuple):
    """An intent of which it is not recorded what became."""

    seq: int
    run_id: str
    change: Change


def record_intents(
    connection: Connection, tables: Tables, binding: str, run_id: str, changes: Sequence[Change]
) -> list[int]:
    """Writes the changes as ``pending``, in order; returns their ``seq``. The caller commits before acting."""
    if not changes:
        return []
    if connection.dialect.name == "postgresql":
        return _copy_intents(connection, tables, binding, run_id, changes)
    rows = [entry_of(connection, binding, run_id, each) for each in changes]
    insert = sa.insert(tables.change).returning(tables.change.c.seq, sort_by_parameter_order=True)
    return [int(row[0]) for row in connection.execute(insert, rows)]


def entry_of(connection: Connection, binding: str, run_id: str, change: Change) -> dict[str, Any]:
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
        "actor": None if change.actor is None else escaped(codec_of(connection), change.actor),
        "edited_at": change.edited_at,
        "status": Status.PENDING,
        "undo_of": change.undo_of,
    }


def _copy_intents(
    connection: Connection, tables: Tables, binding: str, run_id: str, changes: Sequence[Change]
) -> list[int]:
    """The same by COPY, which numbers the rows as they come."""
    target = f'"{tables.schema}"."{tables.change.name}"'
    columns = ", ".join(f'"{name}"' for name in entry_of(connection, binding, run_id, changes[0]))
    rows = (tuple(_copied(entry_of(connection, binding, run_id, each))) for each in changes)
    copy_in(connection, f"COPY {target} ({columns}) FROM STDIN", TextRows(rows))
    given = connection.exec_driver_sql(
        f"SELECT string_agg(seq::text, ',') FROM (SELECT seq FROM {target} "
        "WHERE binding = %s AND run_id = %s AND status = 'pending' ORDER BY seq DESC LIMIT %s) AS newest",
        (binding, run_id, len(changes)),
    )
    return sorted(map(int, given.scalar_one().split(",")))


def _copied(row: dict[str, Any]) -> Iterable[Any]:
    """The values of an intent as COPY takes them: JSON as its text."""
    for name in ("old", "new"):
        row[name] = None if row[name] is None else json.dumps(row[name])
    return row.values()


def note_ids(connection: Connection, tables: Tables, ids: Mapping_[int, str | None], at: datetime) -> None:
    """Notes at pending inserts that the database has taken (under this id) or not (``None``) what they asked for.

    They stay pending until the id is on its label; a run that settles them knows by the time that is noted too.
    """
    table = tables.change
    if not ids:
        return
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(
            f'UPDATE "{tables.schema}"."{table.name}" AS c SET annotation_id = v.id, applied_at = %s '
            "FROM unnest(%s::bigint[], %s::text[]) AS v(seq, id) WHERE c.seq = v.seq AND c.seq BETWEEN %s AND %s",
            (at, array(list(ids)), array(list(ids.values())), min(ids), max(ids)),
        )
        return
    update = sa.update(table).where(table.c.seq == sa.bindparam("key"))
    values = [{"key": seq, "given": given} for seq, given in ids.items()]
    connection.execute(update.values(annotation_id=sa.bindparam("given"), applied_at=at), values)


def noted(connection: Connection, tables: Tables, binding: str) -> set[int]:
    """The pending entries (``seq``) at which it is noted what the database made of them."""
    table = tables.change
    chosen = sa.select(table.c.seq).where(table.c.binding == binding, table.c.status == Status.PENDING)
    return set(connection.execute(chosen.where(table.c.applied_at.is_not(None))).scalars())


def pending(connection: Connection, tables: Tables, mapping: Mapping) -> list[Intent]:
    """Intents of a run that died before it could record what became of them, in order of ``seq``."""
    table = tables.change
    chosen = (
        sa.select(table)
        .where(table.c.binding == mapping.binding, table.c.status == Status.PENDING)
        .order_by(table.c.seq)
    )
    return [
        Intent(int(row["seq"]), row["run_id"], change_of(row, mapping)) for row in connection.execute(chosen).mappings()
    ]


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
    outcomes: Iterable[Outcome],
    at: datetime,
    *,
    run_id: str | None = None,
) -> None:
    """Records outcomes, which come in order of ``seq``, and chains them, inside the caller's transaction.

    ``run_id`` is the run that recorded these very changes as intents: what the log holds of them is then known, and
    need not be read; except from SQLite, which takes a JSON ``1.0`` for the number 1 and gives that back. Outcomes
    may then be made while those before are written.

    Invariant: a binding's entries are finished in order of ``seq``, because every run finishes all that is pending
    before it writes intents of its own. The chain therefore follows ``seq``.
    """
    previous = _last_hash(connection, tables, binding)
    if run_id is None or connection.dialect.name == "sqlite":
        outcomes = list(outcomes)
        known = _entries(connection, tables, [each.seq for each in outcomes])
        finished = _finished(previous, ((known[each.seq], each) for each in outcomes), at)
    else:
        finished = _finished(
            previous, ((entry_of(connection, binding, run_id, each.change), each) for each in outcomes), at
        )
    if connection.dialect.name == "postgresql":
        ahead(batches(finished, OUTCOMES), partial(_update_batch, connection, tables, at))
        return
    table = tables.change
    update = sa.update(table).where(table.c.seq == sa.bindparam("key"))
    values = [{"key": seq, **dict(zip(FINISHED, each, strict=True))} for seq, *each in finished]
    if values:
        connection.execute(update.values({name: sa.bindparam(name) for name in FINISHED} | {"applied_at": at}), values)


def _finished(
    previous: str | None, entries: Iterable[tuple[dict[str, Any], Outcome]], at: datetime
) -> Iterator[tuple[Any, ...]]:
    """``seq`` and what ``FINISHED`` names of each entry; the hash of one is needed for that of the next."""
    for entry, outcome in entries:
        entry["seq"] = outcome.seq
        entry["annotation_id"], entry["label_id"] = outcome.change.annotation_id, outcome.change.label_id
        entry["status"], entry["applied_at"] = outcome.status, at
        previous = entry_hash(previous, entry)
        yield outcome.seq, entry["annotation_id"], entry["label_id"], outcome.status, previous


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


def _update_batch(connection: Connection, tables: Tables, at: datetime, updates: Sequence[tuple[Any, ...]]) -> None:
    sets = ", ".join(f"{name} = v.{name}" for name in FINISHED)
    # Between which numbers they lie is said as well: else the whole log is gone through for so many.
    connection.exec_driver_sql(
        f'UPDATE "{tables.schema}"."{tables.change.name}" AS c SET {sets}, applied_at = %s '
        "FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[]) "
        f"AS v(seq, {', '.join(FINISHED)}) WHERE c.seq = v.seq AND c.seq BETWEEN %s AND %s",
        (at, *map(array, zip(*updates, strict=True)), updates[0][0], updates[-1][0]),
    )


def any_applied(connection: Connection, tables: Tables, binding: str) -> bool:
    """Whether the log has a change of the binding that was applied."""
    table = tables.change
    chosen = sa.select(sa.literal(1)).where(table.c.binding == binding, table.c.status == Status.APPLIED).limit(1)
    return connection.execute(chosen).first() is not None


class Newest(NamedTuple):
    """Number, hash and run of an entry of the log."""

    seq: int
    hash: str
    run_id: str


def newest(connection: Connection, tables: Tables, binding: str) -> Newest | None:
    """The newest entry of which it is known what became."""
    table = tables.change
    chosen = sa.select(table.c.seq, table.c.hash, table.c.run_id)
    chosen = chosen.where(table.c.binding == binding, table.c.hash.is_not(None))
    found = connection.execute(chosen.order_by(table.c.seq.desc()).limit(1)).first()
    return None if found is None else Newest(int(found[0]), str(found[1]), str(found[2]))


def labels_changed(connection: Connection, tables: Tables, binding: str, since: datetime) -> int:
    """The number of annotations whose label was changed after a moment, or that came or went since."""
    table = tables.change
    chosen = sa.select(sa.func.count(table.c.annotation_id.distinct())).where(
        table.c.binding == binding,
        table.c.applied_at > since,
        table.c.status == Status.APPLIED,
        sa.or_(table.c.field == LABEL, table.c.field.is_(None)),
    )
    return int(connection.execute(chosen).scalar_one())


def has(connection: Connection, tables: Tables, seq: int, entry: str) -> bool:
    """Whether the log has that very entry, told by number and hash."""
    table = tables.change
    chosen = sa.select(table.c.seq).where(table.c.seq == seq, table.c.hash == entry)
    return connection.execute(chosen).first() is not None


def entries(connection: Connection, tables: Tables, binding: str) -> Iterator[dict[str, Any]]:
    """Every entry of a binding in order of ``seq``, read in pieces."""
    table = tables.change
    chosen = sa.select(table).where(table.c.binding == binding).order_by(table.c.seq)
    for row in connection.execute(chosen.execution_options(yield_per=BATCH)).mappings():
        yield dict(row)


def verify(connection: Connection, tables: Tables, binding: str) -> Soundness:
    """Checks the chain of a binding's whole log."""
    return check(entries(connection, tables, binding), runs.heads(connection, tables, binding))


def with_answers(
    connection: Connection, tables: Tables, binding: str, rows: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """These applied entries, and with them those by which the same runs brought the database's answers to FiftyOne."""
    table, found = tables.change, {int(row["seq"]): dict(row) for row in rows}
    about = {(row["run_id"], row["annotation_id"], row["field"]) for row in rows}
    whole = {(row["run_id"], row["annotation_id"]) for row in rows if row["field"] is None}
    runs_meant = sorted({row["run_id"] for row in rows})
    for start in range(0, len(runs_meant), BATCH):
        chosen = sa.select(table).where(
            table.c.binding == binding,
            table.c.run_id.in_(runs_meant[start : start + BATCH]),
            table.c.reason == Reason.ANSWERED,
            table.c.status == Status.APPLIED,
        )
        for answer in connection.execute(chosen).mappings():
            key = (answer["run_id"], answer["annotation_id"])
            if (*key, answer["field"]) in about or key in whole:
                found[int(answer["seq"])] = dict(answer)
    return [found[seq] for seq in sorted(found)]


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
    before: int | None = None,
    limit: int | None = None,
) -> list[dict[str, Any]]:
    """Log entries that match, the newest last; ``after`` and ``before`` are a ``seq``; ``limit`` keeps the newest."""
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
    if before is not None:
        chosen = chosen.where(table.c.seq < before)
    chosen = chosen.order_by(table.c.seq.desc())
    if limit is not None:
        chosen = chosen.limit(limit)
    return [dict(row) for row in reversed(connection.execute(chosen).mappings().all())]

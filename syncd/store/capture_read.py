"""Reads what the triggers of change capture recorded since a binding last read it.

Transactions do not commit in the order in which they began or wrote, so a row's number does not prove that all lower
numbers are visible. The position is therefore the oldest transaction that was still under way when the last read began:
what it and later ones recorded is read (again). A transaction that stays open for long, on any table of the server,
makes reads repeat rows, and never miss one.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from syncd.adapters.sql.arrays import any_of
from syncd.adapters.sql.errors import READING, WRITING, asking
from syncd.adapters.sql.mapping import TableMapping
from syncd.errors import MappingError
from syncd.store.capture_script import DELETED, PRUNED, TRUNCATED
from syncd.store.capture_target import EVENTS, Target, find_target
from syncd.store.tables import Tables

_NOW = """
SELECT (SELECT system_identifier FROM pg_control_system()) || '/'
    || (SELECT timeline_id FROM pg_control_checkpoint()) AS server,
    pg_snapshot_xmin(pg_current_snapshot())::text AS oldest,
    (SELECT min(t.oid::bigint)::text FROM pg_trigger t
     JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_namespace n ON n.oid = p.pronamespace
     WHERE t.tgrelid = CAST(:oid AS oid) AND n.nspname = :schema AND p.proname = :function
     AND t.tgenabled IN ('O', 'A') HAVING count(*) = :events) AS triggers
"""


@dataclass(frozen=True)
class Captured:
    """What was recorded: ids that are there with new values, ids that are gone, and the ``position`` to go on from.

    ``gap`` says why this is not all of it, so that everything must be read; the ids are then empty.
    """

    changed_ids: frozenset[str]
    deleted_ids: frozenset[str]
    position: str | None
    gap: str | None = None


@dataclass(frozen=True)
class _Position:
    """``server`` changes with the server and its failovers, ``triggers`` when they are made anew."""

    server: str
    triggers: str
    oldest: int

    def __str__(self) -> str:
        return f"{self.server}:{self.triggers}:{self.oldest}"


def find_capture(
    connection: Connection, table: str, id_column: str, state_schema: str, mapping: TableMapping | None = None
) -> Target | None:
    """The table, if its changes are captured: by all the triggers that this syncd installs, and none of them off."""
    try:
        target = find_target(connection, table, id_column, state_schema, mapping)
    except MappingError:
        return None
    return target if installed(connection, target) else None


def installed(connection: Connection, target: Target) -> bool:
    """Whether the table's changes are captured."""
    return _position(connection, target) is not None


def position_now(connection: Connection, target: Target) -> str | None:
    """From where to go on after everything was read; to be asked before reading. ``None``: nothing is captured."""
    position = _position(connection, target)
    return None if position is None else str(position)


def changed_since(connection: Connection, tables: Tables, target: Target, position: str | None) -> Captured:
    """What was recorded about the table since ``position`` (``None``: there is none yet, which is a gap)."""
    now = _position(connection, target)
    if now is None:
        return _gap(None, "the triggers of change capture are gone or switched off")
    if position is None:
        return _gap(now, "change capture is new")
    before = _parse(position)
    if before is None or before.triggers != now.triggers:
        return _gap(now, "change capture was installed anew")
    if before.server != now.server or before.oldest > now.oldest:
        return _gap(now, "another server has taken the place of the database's")
    captured = tables.captured
    rows = (
        sa.select(captured.c.annotation_id, captured.c.op)
        .where(captured.c.binding_table == target.identity, captured.c.txid >= before.oldest)
        .order_by(captured.c.seq)
    )
    with asking(READING):
        found = connection.execute(rows).all()
    ops = {op for identifier, op in found if identifier is None}
    if TRUNCATED in ops:
        return _gap(now, "the table was truncated")
    if PRUNED in ops:
        return _gap(now, "what was captured since the last run is older than what is kept")
    last = {str(identifier): op for identifier, op in found}
    deleted = frozenset(identifier for identifier, op in last.items() if op == DELETED)
    return Captured(frozenset(last) - deleted, deleted, str(now))


def deleted_among(connection: Connection, tables: Tables, target: Target, ids: Collection[str]) -> frozenset[str]:
    """Of these annotations those whose rows were deleted, as far as what was recorded still says so."""
    captured = tables.captured
    of_table = captured.c.binding_table == target.identity
    askable = sorted(each for each in ids if "\x00" not in each)
    rows = (
        sa.select(captured.c.annotation_id, captured.c.op)
        .where(of_table, sa.or_(captured.c.annotation_id == any_of(askable), captured.c.op == TRUNCATED))
        .order_by(captured.c.seq)
    )
    deleted: set[str] = set()
    with asking(READING):
        for identifier, op in connection.execute(rows):
            if op == TRUNCATED:
                deleted = set(ids)
            elif op == DELETED:
                deleted.add(str(identifier))
            else:
                deleted.discard(str(identifier))
    return frozenset(deleted)


def prune(connection: Connection, tables: Tables, before: datetime) -> int:
    """Deletes what was recorded before this moment, inside the caller's transaction; returns how many rows.

    Of each table a mark stays behind, by which a binding that has not read so far sees that it must read everything.
    """
    captured = tables.captured
    old = sa.and_(captured.c.at < before, captured.c.op != PRUNED)
    with asking(WRITING):
        gone = sa.delete(captured).where(old).returning(captured.c.binding_table, captured.c.txid).cte("gone")
        newest = sa.select(
            gone.c.binding_table, sa.func.max(gone.c.txid).label("txid"), sa.func.count().label("rows")
        ).group_by(gone.c.binding_table)
        marks = connection.execute(newest).all()
        for table, txid, _ in marks:
            connection.execute(
                sa.delete(captured).where(
                    captured.c.binding_table == table, captured.c.op == PRUNED, captured.c.txid <= txid
                )
            )
            connection.execute(
                sa.insert(captured).values(binding_table=table, op=PRUNED, at=sa.func.clock_timestamp(), txid=txid)
            )
    return sum(rows for _, _, rows in marks)


def _position(connection: Connection, target: Target) -> _Position | None:
    asked = {
        "oid": target.oid,
        "schema": target.state_schema,
        "function": target.name,
        "events": len(EVENTS),
    }
    with asking(READING):
        row = connection.execute(sa.text(_NOW), asked).one()
    return None if row.triggers is None else _Position(str(row.server), str(row.triggers), int(row.oldest))


def _parse(text: str) -> _Position | None:
    parts = text.split(":")
    if len(parts) != 3 or not parts[2].isdecimal():
        return None
    return _Position(parts[0], parts[1], int(parts[2]))


def _gap(now: _Position | None, why: str) -> Captured:
    return Captured(frozenset(), frozenset(), None if now is None else str(now), why)

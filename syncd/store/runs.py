"""Runs: one row per run of a binding."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from syncd.adapters.sql.clock import UNLIKE, clock
from syncd.model.run import RunMode, RunStatus
from syncd.store.tables import Tables


def new_id(at: datetime) -> str:
    """A run's id: sorts by time, says when to a person, is unique over all hosts."""
    return f"{at:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def start(connection: Connection, tables: Tables, binding: str, run_id: str, mode: RunMode, at: datetime) -> None:
    """Opens a run; any run of the binding that was still open is dead, since this one holds the lock."""
    table = tables.run
    connection.execute(
        sa.update(table)
        .where(table.c.binding == binding, table.c.status == RunStatus.RUNNING)
        .values(status=RunStatus.DEAD, finished_at=at, error="the process ended before the run did")
    )
    connection.execute(
        sa.insert(table).values(
            id=run_id,
            binding=binding,
            mode=mode,
            status=RunStatus.RUNNING,
            started_at=at,
            host=socket.gethostname(),
            pid=os.getpid(),
            counts={},
        )
    )


def close(
    connection: Connection,
    tables: Tables,
    run_id: str,
    status: RunStatus,
    at: datetime,
    *,
    mode: RunMode | None = None,
    counts: dict[str, Any] | None = None,
    held: str | None = None,
    error: str | None = None,
) -> None:
    """Closes a run with what came of it; one that another run has found dead stays so."""
    values: dict[str, Any] = {"status": status, "finished_at": at, "held": held, "error": _plain(error)}
    values["head"] = _head(tables)
    if counts is not None:
        values["counts"] = counts
    if mode is not None:
        values["mode"] = mode
    mine = (tables.run.c.id == run_id) & (tables.run.c.status == RunStatus.RUNNING)
    connection.execute(sa.update(tables.run).where(mine).values(values))


def renew(connection: Connection, tables: Tables, run_id: str, counts: dict[str, Any]) -> None:
    """Notes the counts and the newest hash once more at a run that finished entries after it was closed."""
    values = {"counts": counts, "head": _head(tables)}
    connection.execute(sa.update(tables.run).where(tables.run.c.id == run_id).values(values))


def _plain(text: str | None) -> str | None:
    """A message as a database takes it."""
    return None if text is None else text.replace("\x00", "\u2400")


def _head(tables: Tables) -> sa.ScalarSelect[str]:
    """The newest hash of the run's binding, kept beside the log: cutting off the log's newest end shows."""
    change = tables.change
    newest = sa.select(change.c.hash).where(change.c.binding == tables.run.c.binding, change.c.hash.is_not(None))
    return newest.order_by(change.c.seq.desc()).limit(1).correlate(tables.run).scalar_subquery()


def heads(connection: Connection, tables: Tables, binding: str) -> dict[str, str]:
    """{hash: the first run that closed with it} of every state of the change log that a run has seen."""
    table = tables.run
    chosen = (
        sa.select(table.c.head, sa.func.min(table.c.id))
        .where(table.c.binding == binding, table.c.head.is_not(None))
        .group_by(table.c.head)
    )
    return {row[0]: row[1] for row in connection.execute(chosen)}


def latest(
    connection: Connection, tables: Tables, binding: str, *, modes: Sequence[str] = (), carried_out: bool = False
) -> dict[str, Any] | None:
    """The newest run of a binding; of one of these modes, if any are given; ``carried_out``: neither open nor held.

    One that began in the future began while the clock was ahead, and counts only where there is no other.
    """
    table = tables.run
    chosen = sa.select(table).where(table.c.binding == binding).order_by(table.c.started_at.desc()).limit(1)
    if modes:
        chosen = chosen.where(table.c.mode.in_(modes))
    if carried_out:
        ended = table.c.finished_at.is_not(None)
        chosen = chosen.where(ended, table.c.status.not_in([RunStatus.RUNNING, RunStatus.HELD]))
    begun = chosen.where(table.c.started_at <= clock(connection) + UNLIKE)
    found = connection.execute(begun).mappings().first() or connection.execute(chosen).mappings().first()
    return None if found is None else dict(found)


def first(connection: Connection, tables: Tables, binding: str) -> str | None:
    """The id of a binding's first run."""
    table = tables.run
    chosen = sa.select(table.c.id).where(table.c.binding == binding).order_by(table.c.started_at).limit(1)
    return connection.execute(chosen).scalar_one_or_none()


def began(connection: Connection, tables: Tables, run_ids: Collection[str]) -> datetime:
    """When the first of these runs began."""
    table = tables.run
    chosen = sa.select(sa.func.min(table.c.started_at)).where(table.c.id.in_(run_ids))
    found: datetime = connection.execute(chosen).scalar_one()
    return found


def mode(connection: Connection, tables: Tables, run_id: str) -> str | None:
    """How a run was meant to go."""
    return connection.execute(sa.select(tables.run.c.mode).where(tables.run.c.id == run_id)).scalar_one_or_none()


def ids_like(connection: Connection, tables: Tables, text: str) -> Sequence[str]:
    """Run ids that begin with the text a person typed."""
    table = tables.run
    chosen = sa.select(table.c.id).where(table.c.id.startswith(text, autoescape=True)).order_by(table.c.id)
    return list(connection.execute(chosen).scalars())


def notes(connection: Connection, tables: Tables, ids: Sequence[str]) -> dict[str, str]:
    """{run: what the person who asked for it wrote about it}, of those of these runs that have such a note."""
    table = tables.run
    rows = connection.execute(sa.select(table.c.id, table.c.counts).where(table.c.id.in_(ids)))
    return {run_id: counts["note"] for run_id, counts in rows if counts and counts.get("note")}

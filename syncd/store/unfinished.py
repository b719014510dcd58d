"""Unfinished intents: what a failed run left in the change log, taken up by the next run instead of being logged anew.

Otherwise a lasting failure (a missing right, a server that goes away in the middle of every run) would log everything
that waits once more with every attempt. As long as the outcome of an entry is unknown, the entry is part of no chain:
an intent can be written under another of the numbers that are left.

Invariant: a binding's entries are finished in order of ``seq``. So the entry that is finished first gets the lowest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from syncd.model import Change
from syncd.model.kinds import dumps
from syncd.model.result import Status
from syncd.pipelining import batches
from syncd.store.changes import BATCH, Intent, Outcome, entry_of, finish, record_intents
from syncd.store.tables import Tables


def arranged(
    connection: Connection, tables: Tables, first: Sequence[Intent], then: Sequence[Intent]
) -> tuple[list[Intent], list[Intent]]:
    """The same intents with their numbers exchanged, so that all that come first have lower ones; in order."""
    there = (*first, *then)
    numbers = sorted(each.seq for each in there)
    _exchange(connection, tables, {each.seq: seq for seq, each in zip(numbers, there, strict=True) if seq != each.seq})
    wanted = [each._replace(seq=seq) for seq, each in zip(numbers, there, strict=True)]
    return wanted[: len(first)], wanted[len(first) :]


def _exchange(connection: Connection, tables: Tables, numbers: Mapping[int, int]) -> None:
    """Gives pending entries these numbers, each as it stands: its values may be of a mapping that was."""
    table = tables.change
    names = [each.name for each in table.c if each.name != "seq"]
    rows: list[dict[str, Any]] = []
    for some in batches(numbers, BATCH):
        found = connection.execute(sa.select(table).where(table.c.seq.in_(some))).mappings()
        rows += [{f"new_{name}": row[name] for name in names} | {"key": numbers[row["seq"]]} for row in found]
    if rows:
        update = sa.update(table).where(table.c.seq == sa.bindparam("key"))
        given: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in names}
        connection.execute(update.values(given), rows)


def take_up(
    connection: Connection,
    tables: Tables,
    binding: str,
    run_id: str,
    changes: Sequence[Change],
    left: Sequence[Intent],
    at: datetime,
) -> tuple[list[Change], list[int]]:
    """Records the changes as intents of a run, in order: under the numbers of those ``left`` that are the same.

    The others of them are abandoned. Returned are the changes, with the label ids that they have been given before,
    and their numbers. The caller commits before acting.
    """
    if not left:
        return list(changes), record_intents(connection, tables, binding, run_id, changes)
    unclaimed: dict[str, list[Intent]] = {}
    for each in left:
        unclaimed.setdefault(_same(connection, each.change), []).append(each)
    taken: list[Change] = []
    for change in changes:
        alike = unclaimed.get(_same(connection, change))
        taken.append(replace(change, label_id=alike.pop(0).change.label_id) if alike else change)
    lost = {each.seq for alike in unclaimed.values() for each in alike}
    dead, kept = arranged(
        connection,
        tables,
        [each for each in left if each.seq in lost],
        [each for each in left if each.seq not in lost],
    )
    finish(connection, tables, binding, [Outcome(each.seq, each.change, Status.ABANDONED) for each in dead], at)
    intents = [Intent(each.seq, run_id, change) for each, change in zip(kept, taken, strict=False)]
    _write_over(connection, tables, binding, kept, intents)
    numbers = [each.seq for each in intents]
    return taken, numbers + record_intents(connection, tables, binding, run_id, taken[len(numbers) :])


def _same(connection: Connection, change: Change) -> str:
    """What two intents have in common that are the same; a touched sample, or the id of a label to be, is nothing."""
    left_out = {"edited_at", "actor"} | ({"label_id"} if change.field is None and change.brings_label else set())
    return dumps({name: value for name, value in entry_of(connection, "", "", change).items() if name not in left_out})


def _write_over(
    connection: Connection, tables: Tables, binding: str, there: Sequence[Intent], intents: Sequence[Intent]
) -> None:
    """Has pending entries hold other intents; those that say the same get nothing but their run."""
    table = tables.change
    alike: list[Intent] = []
    other: list[Intent] = []
    for before, now in zip(there, intents, strict=False):
        same = entry_of(connection, binding, now.run_id, before.change) == entry_of(
            connection, binding, now.run_id, now.change
        )
        (alike if same else other).append(now)
    for start in range(0, len(alike), BATCH):
        numbers = [each.seq for each in alike[start : start + BATCH]]
        run_id = alike[start].run_id
        connection.execute(sa.update(table).where(table.c.seq.in_(numbers)).values(run_id=run_id))
    _rewrite(connection, tables, binding, other)


def _rewrite(connection: Connection, tables: Tables, binding: str, intents: Sequence[Intent]) -> None:
    table = tables.change
    rows: list[dict[str, Any]] = [
        {"key": each.seq}
        | {f"new_{name}": value for name, value in entry_of(connection, binding, each.run_id, each.change).items()}
        for each in intents
    ]
    if rows:
        given: dict[str, Any] = {name.removeprefix("new_"): sa.bindparam(name) for name in rows[0] if name != "key"}
        update = sa.update(table).where(table.c.seq == sa.bindparam("key"))
        connection.execute(update.values(given | {"applied_at": None}), rows)

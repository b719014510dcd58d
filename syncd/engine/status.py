"""How each binding stands, from syncd's own tables alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from syncd.adapters.sql.clock import clock
from syncd.model import Side
from syncd.model.kinds import Json, iso
from syncd.model.plan import AWAITING, ERROR
from syncd.model.run import JUDGING, RunStatus
from syncd.model.text_enum import TextEnum
from syncd.store import cursors, daemon_registry, held, runs, waiting
from syncd.store.daemon_registry import Attendance, State, attendance
from syncd.store.held import HeldPlan
from syncd.store.tables import Tables


class Condition(TextEnum):
    """How a binding stands, by what the last run left behind; a daemon at work may say something else of it."""

    IN_AGREEMENT = "in_agreement"
    AWAITING_REVIEW = "awaiting_review"
    CONFLICTS = "conflicts"
    HELD = "held"
    FAILED = "failed"
    RECONCILING = "reconciling"
    NEVER_RUN = "never_run"


DEGRADED, STOPPED = State.DEGRADED.value, State.STOPPED.value
"""States that only a daemon knows of."""


@dataclass(frozen=True)
class BindingStatus:
    """One binding's state. ``lag_seconds`` is how far behind now each side was last read.

    ``put_off`` are the samples that somebody, or something, was still at when they were last read, each with the time
    since which its edits wait for that. ``daemon`` is the one that attends to it, or else the one last heard of.
    """

    binding: str
    state: str
    annotations: int
    lag_seconds: dict[str, float | None]
    swept_at: datetime | None
    open_conflicts: dict[str, int]
    awaiting_review: int
    flagged: int
    last_run: dict[str, Any] | None
    held_plan: HeldPlan | None = None
    daemon: Attendance | None = None
    put_off: Mapping[str, datetime] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """For scripts: 0 in agreement, 3 conflicts are open, 4 held, 1 otherwise."""
        if self.state == Condition.HELD:
            return 4
        if self.state in (Condition.FAILED, Condition.NEVER_RUN, DEGRADED, STOPPED):
            return 1
        return 3 if self.open_conflicts else 0

    def as_json(self) -> dict[str, Json]:
        """The status as JSON."""
        run = self.last_run
        return {
            "binding": self.binding,
            "state": self.state,
            "in_agreement": self.state == Condition.IN_AGREEMENT,
            "annotations": self.annotations,
            "lag_seconds": dict(self.lag_seconds),
            "swept_at": iso(self.swept_at) if self.swept_at else None,
            "conflicts": {"open": sum(self.open_conflicts.values()), "kinds": dict(self.open_conflicts)},
            "awaiting_review": self.awaiting_review,
            "flagged": self.flagged,
            "put_off": None
            if not self.put_off
            else {"samples": len(self.put_off), "since": min(self.put_off.values()).isoformat()},
            "last_run": None
            if run is None
            else {
                "run_id": run["id"],
                "mode": run["mode"],
                "status": run["status"],
                "started_at": iso(run["started_at"]),
                "finished_at": iso(run["finished_at"]) if run["finished_at"] else None,
                "held": run["held"],
                "error": run["error"],
                "counts": run["counts"],
            },
            "held_plan": None if self.held_plan is None else _held_json(self.held_plan),
            "daemon": None if self.daemon is None else self.daemon.as_json(),
        }


def _held_json(plan: HeldPlan) -> Json:
    return {
        "run_id": plan.run_id,
        "since": iso(plan.held_at),
        "reason": plan.reason,
        "changes": len(plan.changes),
    }


def status_of(connection: Connection, tables: Tables, binding: str, now: datetime) -> BindingStatus:
    """Gathers the status of one binding."""
    daemon = attendance(daemon_registry.known(connection, tables), binding, clock(connection))
    run = runs.latest(connection, tables, binding, modes=JUDGING)
    table = tables.conflict
    counted = (
        sa.select(table.c.kind, sa.func.count())
        .where(table.c.binding == binding, table.c.status == "open")
        .group_by(table.c.kind)
    )
    kinds = {str(kind): int(count) for kind, count in connection.execute(counted)}
    positions = cursors.load(connection, tables, binding)
    lag: dict[str, float | None] = {}
    for side in Side:
        position = positions[side].position if side in positions else None
        lag[side.value] = round((now - position).total_seconds(), 1) if position else None
    swept = [each.swept_at for each in positions.values() if each.swept_at]
    waits = waiting.count(connection, tables, binding)
    return BindingStatus(
        binding=binding,
        state=_told_by(daemon) or _state(run, kinds, waits),
        annotations=_annotations(connection, tables, binding),
        lag_seconds=lag,
        swept_at=min(swept) if swept else None,
        open_conflicts=kinds,
        awaiting_review=waits.get(AWAITING, 0),
        flagged=waits.get(ERROR, 0),
        last_run=_aware(run),
        held_plan=held.load(connection, tables, binding),
        daemon=daemon,
        put_off=positions[Side.FIFTYONE].put_off if Side.FIFTYONE in positions else {},
    )


def _annotations(connection: Connection, tables: Tables, binding: str) -> int:
    """How many the baseline holds. Counted here, because who imports the baseline's module waits for Polars."""
    known = sa.select(sa.func.count()).select_from(tables.baseline).where(tables.baseline.c.binding == binding)
    return int(connection.execute(known).scalar_one())


def _told_by(daemon: Attendance | None) -> str | None:
    """The state that a daemon at work says, where the tables cannot tell as well."""
    if daemon is None or not daemon.alive:
        return None
    return daemon.state if daemon.state in (DEGRADED, STOPPED, Condition.RECONCILING) else None


def _state(run: dict[str, Any] | None, kinds: dict[str, int], waits: dict[str, int]) -> Condition:
    if run is None:
        return Condition.NEVER_RUN
    if run["status"] == RunStatus.RUNNING:
        return Condition.RECONCILING
    if run["status"] == RunStatus.HELD:
        return Condition.HELD
    if run["status"] in (RunStatus.FAILED, RunStatus.DEAD):
        return Condition.FAILED
    if kinds:
        return Condition.CONFLICTS
    return Condition.AWAITING_REVIEW if waits.get(AWAITING) else Condition.IN_AGREEMENT


def _aware(run: dict[str, Any] | None) -> dict[str, Any] | None:
    """SQLite forgets the zone; what is stored is UTC."""
    if run is None:
        return None
    return {
        name: value.replace(tzinfo=timezone.utc) if isinstance(value, datetime) and value.tzinfo is None else value
        for name, value in run.items()
    }

"""How each binding stands, from syncd's own tables alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from syncd.model import Side
from syncd.model.kinds import Json
from syncd.store import baseline, cursors, runs
from syncd.store.tables import Tables

IN_AGREEMENT, CONFLICTS, HELD, FAILED, RUNNING, NEVER = (
    "in_agreement",
    "conflicts",
    "held",
    "failed",
    "reconciling",
    "never_run",
)


@dataclass(frozen=True)
class BindingStatus:
    """One binding's state. ``lag_seconds`` is how far behind now each side was last read."""

    binding: str
    state: str
    annotations: int
    lag_seconds: dict[str, float | None]
    swept_at: datetime | None
    open_conflicts: dict[str, int]
    awaiting_review: int
    last_run: dict[str, Any] | None

    def as_json(self) -> dict[str, Json]:
        """The status as JSON."""
        run = self.last_run
        return {
            "binding": self.binding,
            "state": self.state,
            "in_agreement": self.state == IN_AGREEMENT,
            "annotations": self.annotations,
            "lag_seconds": dict(self.lag_seconds),
            "swept_at": self.swept_at.isoformat() if self.swept_at else None,
            "conflicts": {"open": sum(self.open_conflicts.values()), "kinds": dict(self.open_conflicts)},
            "awaiting_review": self.awaiting_review,
            "last_run": None
            if run is None
            else {
                "run_id": run["id"],
                "mode": run["mode"],
                "status": run["status"],
                "started_at": run["started_at"].isoformat(),
                "finished_at": run["finished_at"].isoformat() if run["finished_at"] else None,
                "held": run["held"],
                "error": run["error"],
                "counts": run["counts"],
            },
        }


def status_of(connection: Connection, tables: Tables, binding: str, now: datetime) -> BindingStatus:
    """Gathers the status of one binding."""
    run = runs.latest(connection, tables, binding)
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
    counts = run["counts"] if run else {}
    return BindingStatus(
        binding=binding,
        state=_state(run, kinds),
        annotations=baseline.size(connection, tables, binding),
        lag_seconds=lag,
        swept_at=min(swept) if swept else None,
        open_conflicts=kinds,
        awaiting_review=int(counts.get("awaiting_review", 0)),
        last_run=_aware(run),
    )


def _state(run: dict[str, Any] | None, kinds: dict[str, int]) -> str:
    if run is None:
        return NEVER
    if run["status"] == runs.RUNNING:
        return RUNNING
    if run["status"] == runs.HELD:
        return HELD
    if run["status"] in (runs.FAILED, runs.DEAD):
        return FAILED
    return CONFLICTS if kinds else IN_AGREEMENT


def _aware(run: dict[str, Any] | None) -> dict[str, Any] | None:
    """SQLite forgets the zone; what is stored is UTC."""
    if run is None:
        return None
    return {
        name: value.replace(tzinfo=timezone.utc) if isinstance(value, datetime) and value.tzinfo is None else value
        for name, value in run.items()
    }

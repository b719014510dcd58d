"""A change log with entries of every kind, written as a run writes it."""

from __future__ import annotations

from datetime import date, datetime, timezone
from typing import Any

from sqlalchemy import Connection

from syncd.model import Action, Change, Direction
from syncd.model.result import Status
from syncd.model.run import RunStatus
from syncd.store import changes, runs
from syncd.store.changes import Outcome
from syncd.store.tables import Tables

AT = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=timezone.utc)
EDITED = datetime(2026, 3, 1, 11, 59, 0, 500000, tzinfo=timezone.utc)


def change(number: int, **given: Any) -> Change:
    values: dict[str, Any] = {
        "annotation_id": f"a{number}",
        "label_id": f"{number:024x}",
        "sample_id": f"{number + 1000:024x}",
        "direction": Direction.TO_DATABASE,
        "action": Action.UPDATE,
        "field": "label",
        "old": "Copépode 'x' \\ \"y\"",
        "new": f"zoë\n\t{number}",
        "reason": "reviewed",
        "actor": "somebody",
        "edited_at": EDITED,
    }
    return Change(**(values | given))


def of_every_kind() -> list[Change]:
    whole = {"label": "a", "box": [0.1, 0.2, 1 / 3, 1e-17], "depth": 3.25, "when": AT, "day": date(2024, 2, 29)}
    return [
        change(1),
        change(2, direction=Direction.TO_FIFTYONE, field="depth", old=None, new=0.1 + 0.2),
        change(3, action=Action.INSERT, field=None, old=None, new=whole),
        change(4, action=Action.DELETE, field=None, old=whole, new=None, direction=Direction.TO_FIFTYONE),
        change(5, direction=None, reason="converged", actor=None, edited_at=None),
        change(6, field="verified", old=False, new=True),
        change(7, field="count", old=2**60, new=-1),
        change(8, field="depth", old=float("inf"), new=None, reason="nul\t"),
        change(9, old="nul\x00", new="\\N"),
    ]


def write(connection: Connection, tables: Tables, binding: str, run_id: str, made: list[Change], status: str) -> None:
    """One run's entries, finished, and the run closed."""
    runs.start(connection, tables, binding, run_id, "full", AT)
    seqs = changes.record_intents(connection, tables, binding, run_id, made)
    outcomes = [Outcome(seq, each, status) for seq, each in zip(seqs, made, strict=True)]
    changes.finish(connection, tables, binding, outcomes, AT)
    runs.close(connection, tables, run_id, RunStatus.DONE, AT, counts={})


def fill(connection: Connection, tables: Tables) -> None:
    """Two bindings, whose runs took turns."""
    for turn, status in enumerate((Status.APPLIED, Status.SUPERSEDED, Status.ABANDONED)):
        for binding in ("one", "two"):
            write(connection, tables, binding, f"run-{turn}-{binding}", of_every_kind(), status)
    connection.commit()

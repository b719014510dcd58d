"""Logged changes and reports of them, made up for tests."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import polars as pl

from syncd.report.content import Report, report_of
from syncd.report.disputes import CONFLICTS
from syncd.report.selection import CHANGES, Selection
from syncd.report.sides import Sides

AT = datetime(2026, 11, 1, 23, 30, 0, 5, tzinfo=timezone.utc)


def change(seq: int = 1, **more: object) -> dict[str, Any]:
    """An applied change of a label from x to y, a minute after the one before."""
    row: dict[str, Any] = {"seq": seq, "run_id": "r", "binding": "b", "annotation_id": "a", "sample_id": "s"}
    row |= {"direction": "to_database", "action": "update", "field": "label", "reason": "reviewed", "actor": "ada"}
    row |= {"status": "applied", "applied_at": AT + seq * timedelta(minutes=1), "old_label": "x", "new_label": "y"}
    row |= {"old": '"x"', "new": '"y"', "hash": f"{seq:064x}"}
    return row | more


def moved(seq: int, annotation_id: str, old: str | None, new: str | None, actor: str | None = "ada") -> dict[str, Any]:
    """A label given."""
    texts = {side: None if label is None else json.dumps(label) for side, label in (("old", old), ("new", new))}
    return change(seq, annotation_id=annotation_id, old_label=old, new_label=new, actor=actor, **texts)


def approved(seq: int, annotation_id: str, actor: str) -> dict[str, Any]:
    """The label that stands, approved."""
    labels = {"old_label": None, "new_label": None, "old": "false", "new": "true"}
    return change(seq, annotation_id=annotation_id, field="verified", reason="approved", actor=actor, **labels)


def log(*rows: dict[str, Any]) -> pl.DataFrame:
    """As :func:`syncd.report.selection.changes` reads it."""
    return pl.DataFrame(list(rows), schema=CHANGES)


def report(*rows: dict[str, Any], disputed: pl.DataFrame | None = None, **more: Any) -> Report:
    """A report of these changes."""
    given: dict[str, Any] = {"selection": Selection(), "made_at": AT, "title": "week", "sides": Sides({"b": "d 1"})}
    conflicts = pl.DataFrame(schema=CONFLICTS) if disputed is None else disputed
    refused = more.pop("refused", ())
    return report_of(log(*rows), conflicts, refused, **(given | more))

"""The report as one JSON document; ``report.schema.json``, beside this file, describes it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, is_dataclass
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any, TextIO

import polars as pl

from syncd.model import Json
from syncd.model.kinds import iso
from syncd.report.content import Report
from syncd.report.links import in_the_app, undo_command
from syncd.report.models import Model

VERSION = 1
BATCH = 5_000
"""Changes that are turned into text at once: the document of a great log is never whole in memory."""


def schema() -> dict[str, Any]:
    """The JSON schema of the document."""
    found: dict[str, Any] = json.loads(files("syncd.report").joinpath("report.schema.json").read_text("utf-8"))
    return found


def write_json(report: Report, file: TextIO, *, app_url: str | None = None) -> None:
    """Writes the document: the numbers, then the changes, one on a line."""
    head = json.dumps(numbers(report), indent=2, ensure_ascii=False)
    file.write(head.removesuffix("\n}"))
    file.write(',\n  "changes": [')
    for number, change in enumerate(changes(report, app_url)):
        file.write(",\n    " if number else "\n    ")
        json.dump(change, file, ensure_ascii=False)
    file.write("\n  ]\n}\n" if report.changes.height else "]\n}\n")


def numbers(report: Report) -> dict[str, Json]:
    """Everything but the list of changes."""
    return {
        "syncd_report": VERSION,
        "title": report.title,
        "made_at": _plain(report.made_at),
        "selection": _plain(report.selection),
        "datasets": dict(report.datasets),
        "totals": _plain(report.totals),
        "transitions": _plain(report.transitions),
        "classes": [_plain(each) | {"net": each.gained - each.lost} for each in report.classes],
        "back_and_forth": _plain(report.wavering),
        "conflicts": _plain(report.disputes),
        "refused": _plain(report.refused),
        "agreement": _plain(report.agreement),
        "models": [_model(each) for each in report.models],
        "order": list(report.order),
        "notes": list(report.notes),
    }


def changes(report: Report, app_url: str | None) -> Iterator[dict[str, Json]]:
    """The changes in order, each with its link and the command that takes it back."""
    for piece in report.changes.drop("old_label", "new_label").iter_slices(BATCH):
        times = pl.col("edited_at", "applied_at").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
        for row in piece.with_columns(times).iter_rows(named=True):
            for side in ("old", "new"):
                row[side] = None if row[side] is None else json.loads(row[side])
            row["app"] = in_the_app(app_url, report.datasets.get(row["binding"]), row["sample_id"])
            row["undo"] = undo_command(row["seq"], row["status"])
            yield row


def _model(model: Model) -> dict[str, Json]:
    """An evaluation's key and the number of samples are FiftyOne's; here there is neither."""
    evaluations: dict[str, Json] = {}
    for name, evaluation in (("before", model.before), ("after", model.after)):
        whole = evaluation.as_json()
        evaluations[name] = {key: value for key, value in whole.items() if key not in ("field", "eval_key", "left_out")}
    rest = {"corrected": model.corrected, "towards": model.towards, "away": model.away}
    apart: Json = [_plain(each) for each in model.scenarios]
    return {"binding": model.binding, "field": model.field, **rest, **evaluations, "scenarios": apart}


def _plain(value: Any) -> Any:
    """A tree of dataclasses as JSON has it: times in UTC as text, spans in seconds."""
    if is_dataclass(value) and not isinstance(value, type):
        return {name: _plain(part) for name, part in asdict(value).items()}
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if isinstance(value, datetime):
        return iso(value)
    return value.total_seconds() if isinstance(value, timedelta) else value

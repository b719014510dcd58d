"""What a conflict shown in full offers is what `conflicts resolve` takes."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from rich.console import Console

from syncd.cli.render.conflicts import show_conflict

NOW = datetime(2026, 5, 4, tzinfo=timezone.utc)


def offered(**given: Any) -> str:
    conflict = {
        "id": 7, "binding": "one", "annotation_id": "a", "sample_id": "s", "label_id": "l", "field": "label",
        "kind": "edit_edit", "status": "open", "resolution": None, "base": "krill", "fiftyone": "salp",
        "database": "copepod", "suggestions": [], "opened_at": NOW, "updated_at": NOW,
    } | given  # fmt: skip
    console = Console(width=120)
    with console.capture() as captured:
        show_conflict(console, conflict)
    return captured.get()


@pytest.mark.parametrize(("empty", "other"), [("fiftyone", "database"), ("database", "fiftyone")])
def test_an_empty_label_is_not_offered(empty: str, other: str) -> None:
    shown = offered(**{empty: None})
    assert f"--take {empty}" not in shown
    assert f"--take {other}" in shown
    assert "--value TEXT" in shown


def test_an_empty_value_of_another_field_is_offered() -> None:
    assert "--take fiftyone" in offered(field="depth", fiftyone=None, database=1.5)

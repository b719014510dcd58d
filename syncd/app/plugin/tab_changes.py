"""The tab Changes: what came home and went out, by whom and why, and taking it back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from syncd.app.plugin.operator import Work
from syncd.app.plugin.page import Page
from syncd.app.plugin.tab_conflicts import filters, turning
from syncd.app.plugin.words import short_id, told

if TYPE_CHECKING:
    from syncd.app.plugin.panel import SyncdPanel

ROWS = 25


def fill(
    panel: SyncdPanel, root: Any, page: Page, work: Work, number: int, asked: Mapping[str, str | None]
) -> list[str]:
    """The log, the newest first; what each row stands for (change/run)."""
    filters(root).str("person", label="Person", on_change=panel.on_filter)
    log = work.opened().log(actor=asked["person"], limit=ROWS * (number + 1))
    rows = list(reversed(log.rows))[number * ROWS :]
    page.button("Take back a run, or somebody's work…", panel.undo_more, icon="undo")
    if not rows:
        page.text("**Nothing was logged yet.**" if asked["person"] is None else f"Nothing by {asked['person']}.")
        return []
    turning(panel, page, number, ROWS, len(rows), None)
    listed = told(rows)
    cells = [
        each.as_row() | {"annotation": short_id(each.entry.annotation_id or each.entry.label_id)} for each in listed
    ]
    columns = {"when": "When", "who": "Who", "change": "Change", "why": "Why", "annotation": "Annotation"}
    actions = (
        ("undo", "Take back this change", "undo", panel.undo_row),
        ("undo_run", "Take back its run", "settings_backup_restore", panel.undo_run),
    )
    page.table(columns, cells, actions)
    return [f"{each.entry.seq}/{each.entry.run_id}" for each in listed]

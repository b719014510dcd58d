"""The tab Changes: what came home and went out, by whom and why, and taking it back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from syncd.app.plugin.operator import Work
from syncd.app.plugin.page import Page
from syncd.app.plugin.tab_conflicts import turning
from syncd.app.plugin.words import DIRECTIONS, ago, change_words, reason_words

if TYPE_CHECKING:
    from syncd.app.plugin.panel import SyncdPanel

ROWS = 25


def fill(
    panel: SyncdPanel, root: Any, page: Page, work: Work, number: int, asked: Mapping[str, str | None]
) -> list[str]:
    """The log, the newest first; what each row stands for (change/run)."""
    root.str("person", label="Person", on_change=panel.on_filter)
    log = work.opened().log(actor=asked["person"], limit=ROWS * (number + 1))
    rows = list(reversed(log.rows))[number * ROWS :]
    page.button("Take back a run, or somebody's work…", panel.undo_more, icon="undo")
    if not rows:
        page.text("**Nothing was logged yet.**" if asked["person"] is None else f"Nothing by {asked['person']}.")
        return []
    turning(panel, page, number, ROWS, len(rows), None)
    told = [
        {
            "when": ago(each.applied_at) or each.status,
            "who": each.actor or "",
            "change": change_words(each),
            "why": reason_words(each.reason) + (f" ({each.status})" if each.status != "applied" else ""),
            "way": DIRECTIONS.get(each.direction, ""),
            "annotation": each.annotation_id or each.label_id or "",
        }
        for each in rows
    ]
    columns = {"when": "When", "who": "Who", "change": "Change", "why": "Why", "way": "", "annotation": "Annotation"}
    actions = (
        ("undo", "Take back this change", "undo", panel.undo_row),
        ("undo_run", "Take back its run", "settings_backup_restore", panel.undo_run),
    )
    page.table(columns, told, actions)
    return [f"{each.seq}/{each.run_id}" for each in rows]

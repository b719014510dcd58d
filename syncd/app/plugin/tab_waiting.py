"""The tab Waiting: edits without approval, flagged annotations, and terms that reviewers propose."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.api.html import shown
from syncd.app.plugin.operator import Work
from syncd.app.plugin.page import Page, quoted
from syncd.app.plugin.tab_conflicts import turning
from syncd.app.plugin.words import ago, by_whom, short_id

if TYPE_CHECKING:
    from syncd.app.plugin.panel import SyncdPanel

ROWS = 25
KINDS = {"awaiting_review": "waits", "error": "flagged", "flagged": "flagged"}


def fill(panel: SyncdPanel, page: Page, work: Work, number: int) -> list[str]:
    """What waits, the longest first; what each row stands for (sample/label)."""
    b = work.opened()
    _proposals(panel, page, work)
    found = b.waiting(limit=ROWS, offset=number * ROWS)
    if not found:
        page.text("**Nothing waits for approval, and nothing is flagged.**" if not found.total else "No more.")
        return []
    turning(panel, page, number, ROWS, len(found), found.total)
    rows = [
        {
            "what": KINDS.get(each.kind, each.kind),
            "annotation": short_id(each.annotation_id or each.label_id),
            "change": f"{each.field or 'all of it'}: {shown(each.old)} → {shown(each.new)}"
            if each.kind == "awaiting_review"
            else shown(each.new),
            "who": by_whom(each.actor, each.since),
        }
        for each in found
    ]
    actions = (
        ("approve", "Approve", "check", panel.approve_row),
        ("send_back", "Send back", "undo", panel.send_back_row),
        ("flag", "Flag as wrong", "flag", panel.flag_row),
        ("show", "Show", "open_in_full", panel.show_row),
    )
    columns = {"what": "", "change": "Edit", "who": "By", "annotation": "Annotation"}
    page.table(columns, rows, actions)
    return [f"{each.sample_id or ''}/{each.label_id or ''}" for each in found]


def _proposals(panel: SyncdPanel, page: Page, work: Work) -> None:
    found = work.opened().proposals()
    if not found:
        return
    page.text("**Proposed terms**")
    for each in found[:10]:
        below = f", below {quoted(each.parent)}" if each.parent else ""
        note = f"  \n{quoted(each.note)}" if each.note else ""
        row = page.row()
        row.text(f"**{quoted(each.term)}**{below} · {quoted(each.actor)}, {ago(each.proposed_at)}{note}")
        params = {"id": each.id, "binding": each.binding}
        row.button("Accept", panel.accept_term, params=params, icon="check")
        row.button("Reject…", panel.reject_term, params=params, icon="close")
    if found.total > 10:
        page.text(f"and {found.total - 10:,} more: `syncd vocabulary proposals list`")

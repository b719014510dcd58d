"""The tab Held: what a brake stopped, as counts and pictures, and what to do about it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from syncd.api.html import shown
from syncd.app.plugin.operator import Work, plural
from syncd.app.plugin.page import Page, quoted
from syncd.app.plugin.words import ago
from syncd.errors import SyncdError

if TYPE_CHECKING:
    from syncd.app.plugin.panel import SyncdPanel

PICTURES = 6
GROUPS = 15


def fill(panel: SyncdPanel, page: Page, work: Work) -> None:
    """What the held plan would do."""
    plan = work.opened().held()
    if plan is None:
        page.text("**No brake holds anything.**")
        return
    page.warning(
        f"Held {ago(plan.held_at)}: {plan.reason}.",
        "Nothing of it was written, and nothing else is until somebody decides.",
    )
    changes = plan.changes
    page.text(f"It would make **{plural(len(changes), 'change')}**:")
    counted = Counter(_kind(each) for each in changes)
    rows = [{"count": f"{count:,}", "way": way, "what": what} for (way, what), count in counted.most_common(GROUPS)]
    page.table({"count": "Changes", "way": "Way", "what": "What"}, rows)
    if len(counted) > GROUPS:
        page.text(f"and {len(counted) - GROUPS:,} more kinds")
    _pictures(page, work, changes)
    buttons = page.row()
    buttons.button("Apply it…", panel.apply_held, icon="check", strong=True)
    buttons.button("Forget it…", panel.drop_held, icon="close")


def _kind(change: dict[str, Any]) -> tuple[str, str]:
    way = str(change.get("direction") or "").replace("_", " ")
    field = change.get("field")
    if field is None:
        return way, str(change.get("action"))
    return way, f"{field}: {shown(change.get('old'))} → {shown(change.get('new'))}"


def _pictures(page: Page, work: Work, changes: list[dict[str, Any]]) -> None:
    some = [each for each in changes if each.get("sample_id")]
    some = some[:: max(1, len(some) // PICTURES)][:PICTURES]
    try:
        found = work.opened().pictures([(each["sample_id"], each.get("label_id"), None) for each in some])
    except SyncdError:
        return
    row: Page | None = None
    for number, (change, picture) in enumerate(zip(some, found, strict=True)):
        if picture is None:
            continue
        row = page.row() if row is None or number % 3 == 0 else row
        cell = row.column(gap=0)
        cell.image(picture, height="110px")
        cell.text(quoted(_kind(change)[1]))

"""What stands in tables, in words for people who review."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from syncd.api.html import shown
from syncd.api.rows import ChangeRow, ConflictRow
from syncd.model.conflict_kinds import words_of

STATES = {
    "in_agreement": "in agreement",
    "awaiting_review": "edits wait for review",
    "conflicts": "conflicts are open",
    "held": "held by a brake",
    "failed": "the last run failed",
    "reconciling": "a run is at work",
    "never_run": "never run",
    "degraded": "a server does not answer",
    "stopped": "stopped until a person mends it",
}

REASONS = {
    "reviewed": "edited in FiftyOne",
    "changed_at_home": "changed in the database",
    "relabelled": "relabelled",
    "relabelled_for_review": "relabelled, to be reviewed",
    "approval": "approved",
    "approved": "approved",
    "flagged": "flagged as wrong",
    "sent_back": "sent back",
    "resolved": "a conflict was answered",
    "undone": "taken back",
    "undo": "taken back",
    "class_tag": "relabelled by a tag",
    "alias": "an alias, written as its term",
    "converged": "both sides made the same change",
    "answered": "the database's answer",
    "drawn_in_fiftyone": "drawn in FiftyOne",
    "new_in_database": "new in the database",
    "stale_revert": "an old window wrote back",
    "restored": "given back",
    "vocabulary_fix": "spelling corrected",
}

BOTH = {"to_database", "to_fiftyone"}
DIRECTIONS = {"to_database": "to database", "to_fiftyone": "to FiftyOne", None: ""}


def kind_words(kind: str) -> str:
    """A kind of conflict: its name, and what it means."""
    said = words_of(kind)
    name = kind.replace("_", " ")
    return f"{name}: {said}" if said else name


def reason_words(reason: str) -> str:
    """Why a change was made."""
    return REASONS.get(reason, reason.replace("_", " "))


@dataclass(frozen=True)
class Told:
    """A change as it is told: an entry of the log, or two, where one run wrote the same to both sides."""

    entry: ChangeRow
    on_both: bool = False

    def as_row(self) -> dict[str, str]:
        """Its cells, without what it is about."""
        each = self.entry
        way = "both sides" if self.on_both else DIRECTIONS.get(each.direction, "")
        parts = [reason_words(each.reason), way, "" if each.status == "applied" else each.status]
        return {
            "when": ago(each.applied_at) or each.status,
            "who": each.actor or "",
            "change": change_words(each),
            "why": ", ".join(filter(None, parts)),
        }


def told(rows: Sequence[ChangeRow]) -> list[Told]:
    """Entries of the log, in their order, with what one run did on both sides told once."""
    found: dict[tuple[object, ...], Told] = {}
    for each in rows:
        about = (each.run_id, each.annotation_id, each.label_id, each.action, each.field, each.reason, each.status)
        key = (*about, shown(each.new))
        other = found.get(key)
        if other is not None and not other.on_both and {each.direction, other.entry.direction} == BOTH:
            found[key] = Told(other.entry, on_both=True)
        else:
            found[key if other is None else (*key, each.seq)] = Told(each)
    return list(found.values())


def ago(at: datetime | None, now: datetime | None = None) -> str:
    """How long ago a moment is: ``3 min ago``."""
    if at is None:
        return ""
    at = at if at.tzinfo else at.replace(tzinfo=timezone.utc)
    seconds = max(0.0, ((now or datetime.now(timezone.utc)) - at).total_seconds())
    for most, size, name in ((90, 1, "s"), (5400, 60, "min"), (172_800, 3600, "h")):
        if seconds < most:
            return f"{round(seconds / size)} {name} ago"
    return f"{round(seconds / 86_400)} days ago"


def by_whom(actor: str | None, at: datetime | None) -> str:
    """Who and when, as far as either is known."""
    return ", ".join(filter(None, (actor or "", ago(at))))


def values_of(conflict: ConflictRow) -> dict[str, str]:
    """Both values of a conflict, and the one that was agreed."""
    return {name: shown(getattr(conflict, name)) for name in ("fiftyone", "database", "base")}


def change_words(each: ChangeRow) -> str:
    """One entry of the log as a sentence."""
    what = each.field or each.action
    arrow = f"{shown(each.old)} → {shown(each.new)}" if each.field else each.action
    return f"{what}: {arrow}"


def short_id(value: str | None) -> str:
    """An id as a narrow table bears it: enough to recognise it."""
    text = value or ""
    return text if len(text) <= 12 else f"{text[:8]}…"


def box_of(conflict: ConflictRow) -> list[float] | None:
    """Where the annotation is, as far as a conflict about all of it says."""
    for value in (conflict.fiftyone, conflict.database, conflict.base):
        box: Any = value.get("box") if isinstance(value, dict) else None
        if isinstance(box, list) and len(box) == 4:
            return [float(part) for part in box]
    return None

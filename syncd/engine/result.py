"""The result of a run: for people, and as JSON ("Command line" in docs/design.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from syncd.diff.outcomes import Recorded, applied_count
from syncd.model import Direction, Plan
from syncd.model.kinds import Json, to_json
from syncd.model.plan import AWAITING, ERROR, Change, Waiting
from syncd.model.result import Status


@dataclass(frozen=True)
class RunResult:
    """The result of one run of one binding. ``plan`` is what the diff decided; ``recorded`` what became of it.

    ``waiting`` counts the annotations of the whole binding that wait for a person, by kind.
    """

    binding: str
    run_id: str | None
    mode: str
    dry_run: bool
    plan: Plan | None
    recorded: tuple[Recorded, ...] = ()
    settled: tuple[Recorded, ...] = ()
    opened: int = 0
    open_conflicts: int = 0
    held: str | None = None
    why_full: str | None = None
    seconds: float = 0.0
    notes: tuple[str, ...] = field(default=())
    waiting: Mapping[str, int] = field(default_factory=dict)

    @property
    def to_database(self) -> int:
        """Changes applied to the database."""
        return applied_count(self.recorded, Direction.TO_DATABASE)

    @property
    def to_fiftyone(self) -> int:
        """Changes applied to FiftyOne."""
        return applied_count(self.recorded, Direction.TO_FIFTYONE)

    @property
    def superseded(self) -> int:
        """Changes whose target had another value by the time of writing; the next run judges it anew."""
        return sum(each.status == Status.SUPERSEDED for each in self.recorded)

    @property
    def refused(self) -> int:
        """Changes that their side refused; each is a conflict that says why."""
        return sum(each.status == Status.REFUSED for each in self.recorded)

    @property
    def exit_code(self) -> int:
        """0 done, 3 done but conflicts are open, 4 held."""
        if self.held is not None:
            return 4
        return 3 if self.open_conflicts else 0

    def as_json(self) -> dict[str, Json]:
        """The documented form; ``changes`` and ``conflicting`` are in it for a dry run only."""
        counts = self.plan.counts if self.plan else None
        document: dict[str, Json] = {
            "binding": self.binding,
            "run_id": self.run_id,
            "mode": self.mode,
            "dry_run": self.dry_run,
            "scanned": {
                "fiftyone": counts.scanned_fiftyone if counts else 0,
                "database": counts.scanned_database if counts else 0,
            },
            "applied": {"to_database": self.to_database, "to_fiftyone": self.to_fiftyone},
            "superseded": self.superseded,
            "refused": self.refused,
            "converged": counts.converged if counts else 0,
            "awaiting_review": self.waiting.get(AWAITING, 0),
            "flagged": self.waiting.get(ERROR, 0),
            "not_ingested": counts.not_ingested if counts else 0,
            "too_young": counts.too_young if counts else 0,
            "first_met": counts.first_met if counts else 0,
            "settled": len(self.settled),
            "conflicts": {"opened": self.opened, "open": self.open_conflicts},
            "held": self.held,
            "why_full": self.why_full,
            "notes": list(self.notes),
            "seconds": round(self.seconds, 3),
        }
        if self.dry_run and self.plan is not None:
            document["planned"] = {
                "to_database": self.plan.count(Direction.TO_DATABASE),
                "to_fiftyone": self.plan.count(Direction.TO_FIFTYONE),
                "conflicts": len(self.plan.conflicts),
            }
            document["waiting"] = [waiting_json(each) for each in self.plan.waiting]
            document["changes"] = [change_json(each) for each in self.plan.changes]
        return document


def change_json(change: Change) -> dict[str, Json]:
    """A planned change as JSON."""
    seen: dict[str, Json] = {} if change.seen_tags is None else {"seen_tags": list(change.seen_tags)}
    return seen | {
        "annotation_id": change.annotation_id,
        "label_id": change.label_id,
        "sample_id": change.sample_id,
        "direction": change.direction.value if change.direction else None,
        "action": change.action.value,
        "field": change.field,
        "old": to_json(change.old),
        "new": to_json(change.new),
        "reason": change.reason,
        "actor": change.actor,
        "edited_at": to_json(change.edited_at),
        "media": change.media,
        "undo_of": change.undo_of,
    }


def waiting_json(waiting: Waiting) -> dict[str, Json]:
    """What waits for a person as JSON."""
    return {
        "kind": waiting.kind,
        "annotation_id": waiting.annotation_id,
        "label_id": waiting.label_id,
        "sample_id": waiting.sample_id,
        "field": waiting.field,
        "old": waiting.old,
        "new": waiting.new,
        "actor": waiting.actor,
        "edited_at": to_json(waiting.edited_at),
    }

"""Brakes: limits over a whole plan. A plan that exceeds one writes nothing and waits for a person."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from syncd.diff.images import NEARLY_ALL
from syncd.model.mapping import ID_FIELD, LABEL, Direction, Field
from syncd.model.plan import Action, Change, Content
from syncd.model.policy import Brakes
from syncd.model.reasons import Reason

MOST = 3
"""Classes that are named of those that one label would swallow, or kinds of conflicts."""

NAMES = {Direction.TO_DATABASE: "the database", Direction.TO_FIFTYONE: "FiftyOne"}


def enough_known(brakes: Brakes, looked_at: int, gone: int) -> int | None:
    """How many known annotations are as good as any larger number, where so many were looked at.

    ``looked_at`` counts each label without an id, too; ``gone`` those among them that are known and that a side lacks.
    No brake holds then: every count that one compares with a fraction of the known is at most one of these two.
    ``None`` where a fraction of which there is anything to compare is zero, and any number may be named in a message.
    """
    counts = (
        (looked_at, brakes.max_change_fraction),
        (looked_at, brakes.max_into_one_label),
        (looked_at, brakes.max_insert_fraction),
        (looked_at, brakes.max_conflict_fraction),
        (looked_at, NEARLY_ALL),
        (gone, brakes.max_delete_fraction),
    )
    compared = [(count, fraction) for count, fraction in counts if count and fraction < 1]
    if not all(fraction for _, fraction in compared):
        return None
    return max([1, brakes.min_rows, *(math.ceil(count / fraction) + 1 for count, fraction in compared)])


def counted(changes: Sequence[Change], verified: Field | None) -> list[Change]:
    """The changes without those by which nobody's word is replaced, however many there are.

    An approval sets ``verified`` (the field, if there is one) and says that everything else is right. What FiftyOne has
    lost, ids and attributes, is given back where nothing stands by now.
    """
    approval = None if verified is None else verified.name
    return [
        each
        for each in changes
        if not (each.reason == Reason.APPROVED and each.field == approval) and not _gives_back(each)
    ]


def _gives_back(change: Change) -> bool:
    return change.action is Action.UPDATE and (change.field == ID_FIELD or change.reason == Reason.RESTORED)


@dataclass(frozen=True)
class _Limits:
    """The brakes, set against the number of annotations of which a plan would move too many."""

    brakes: Brakes
    annotations: int

    def exceeds(self, count: int, name: str, *, least: int | None = None) -> str | None:
        """The end of a sentence that names the brake, where ``count`` is above it.

        ``name`` is the brake's key. Without ``least`` a fraction is judged from ``min_rows`` annotations upwards; with
        it, of however few, but ``count`` must be above ``least``. A fraction of 1 never holds, whatever it is of.
        """
        fraction: float = getattr(self.brakes, name)
        few = self.annotations < self.brakes.min_rows if least is None else count <= least
        if fraction >= 1 or few or count < self.brakes.min_count or count <= fraction * self.annotations:
            return None
        rows = f" and min_rows ({least:,})" if least is not None and least > fraction * self.annotations else ""
        return f"more than {name} ({fraction:.2%}){rows}"


def held_by(
    brakes: Brakes,
    changes: Sequence[Change],
    *,
    known: int,
    met: int = 0,
    fiftyone: int | None = None,
    database: int | None = None,
    vanished_in_fiftyone: int = 0,
    vanished_in_database: int = 0,
    displaced: int = 0,
    conflicts: Mapping[str, int] | None = None,
    starts: bool = False,
) -> str | None:
    """The reason why the plan must wait for a person; ``None`` where it may go on.

    ``known`` counts the annotations in the baseline, ``met`` the annotations that FiftyOne has; fractions are of the
    larger of the two. ``fiftyone`` and ``database`` count what was read from a side that was read completely (``None``
    otherwise). A side that came back empty holds whatever its size. Deletions are counted whether they would be
    carried over or become conflicts: either way somebody should look first. ``displaced`` counts known annotations
    whose label can no longer be told for certain: nothing would be written of them, but a dataset made anew under its
    own name must not become as many conflicts. ``conflicts`` counts, by kind, the annotations of which a person would
    be asked for the first time; ``starts``: the table is empty and nothing was ever agreed, so that whatever was drawn
    is the beginning of a project.
    """
    for side, count in (("FiftyOne", fiftyone), ("the database", database)):
        if known and count == 0:
            return f"{side} came back empty, where {known:,} annotations were known"
    limits = _Limits(brakes, max(known, met))
    # At a first meeting nothing was agreed that could be changed or deleted.
    if known:
        why = _too_many_lost(limits, vanished_in_fiftyone, vanished_in_database, displaced)
        if why is None:
            why = _too_many_changes(limits, changes)
        if why is not None:
            return why
    if not starts:
        why = _too_many_drawn(limits, changes)
        if why is not None:
            return why
    return _too_many_conflicts(limits, Counter(conflicts or {}))


def made_held_by(brakes: Brakes, changes: Sequence[Change], known: int) -> str | None:
    """The same of a plan that a person's command has made: what it says it deletes is all that would go.

    Inserts that somebody hands in are meant, and a made plan opens no conflicts.
    """
    if not known:
        return None
    limits = _Limits(brakes, known)
    deleted = Counter(each.direction for each in changes if each.action is Action.DELETE)
    for way, name in NAMES.items():
        if over := limits.exceeds(deleted[way], "max_delete_fraction"):
            return f"{deleted[way]:,} of {known:,} annotations would be deleted in {name}: {over}"
    return _too_many_changes(limits, changes)


def _too_many_lost(limits: _Limits, in_fiftyone: int, in_database: int, displaced: int) -> str | None:
    for side, count in (("FiftyOne", in_fiftyone), ("the database", in_database)):
        if over := limits.exceeds(count, "max_delete_fraction"):
            return f"{count:,} of {limits.annotations:,} annotations are gone from {side}: {over}"
    if over := limits.exceeds(displaced, "max_change_fraction"):
        return (
            f"{displaced:,} of {limits.annotations:,} annotations are no longer where they were known in FiftyOne: "
            f"{over}"
        )
    return None


def _too_many_drawn(limits: _Limits, changes: Sequence[Change]) -> str | None:
    """Too many new rows; what a person or a manifest hands in bears another reason and is not counted."""
    drawn = sum(each.reason == Reason.DRAWN for each in changes)
    if over := limits.exceeds(drawn, "max_insert_fraction", least=limits.brakes.min_rows):
        return (
            f"{drawn:,} labels drawn in FiftyOne would become rows of the database, where {limits.annotations:,} "
            f"annotations are known: {over}"
        )
    return None


def _too_many_conflicts(limits: _Limits, conflicts: Counter[str]) -> str | None:
    count, brakes = conflicts.total(), limits.brakes
    least = brakes.min_rows if limits.annotations < brakes.min_rows else None
    if over := limits.exceeds(count, "max_conflict_fraction", least=least):
        kinds = ", ".join(f"{number:,} {kind}" for kind, number in conflicts.most_common(MOST))
        rest = len(conflicts) - MOST
        kinds += f" and {rest:,} kinds more" if rest > 0 else ""
        return f"{count:,} annotations would become conflicts ({kinds}), where {limits.annotations:,} are known: {over}"
    return None


def _too_many_changes(limits: _Limits, changes: Sequence[Change]) -> str | None:
    known = limits.annotations
    updates = [each for each in changes if each.action is Action.UPDATE and each.direction is not None]
    for way, name in NAMES.items():
        there = [each for each in updates if each.direction is way]
        # A lasso that went wrong is told by its class, which says more than the number.
        labels = [each for each in there if each.field == LABEL]
        for label, count in Counter(_label(each.new) for each in labels).most_common(1):
            if over := limits.exceeds(count, "max_into_one_label"):
                before = Counter(_label(each.old) for each in labels if _label(each.new) == label)
                return f"{count:,} of {known:,} annotations would become {label!r} in {name} ({_from(before)}): {over}"
        touched = {each.annotation_id for each in there}
        if over := limits.exceeds(len(touched), "max_change_fraction"):
            return f"{len(touched):,} of {known:,} annotations would change in {name}: {over}"
    return None


def _from(labels: Counter[str | None]) -> str:
    """The classes that would be swallowed, the most frequent first."""
    most = [f"{count:,} from {label!r}" for label, count in labels.most_common(MOST)]
    rest = len(labels) - MOST
    return ", ".join(most) + (f" and {rest:,} classes more" if rest > 0 else "")


def _label(value: Content) -> str | None:
    return None if value is None else str(value)

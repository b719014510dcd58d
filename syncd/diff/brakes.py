"""Brakes: limits over a whole plan. A plan over them writes nothing and waits for a person."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from syncd.diff.images import NEARLY_ALL
from syncd.model.fields import LABEL, Direction
from syncd.model.plan import Action, Change, Content
from syncd.model.policy import Brakes

MOST = 3
"""Classes that are named of those that one label would swallow."""

NAMES = {Direction.TO_DATABASE: "the database", Direction.TO_FIFTYONE: "FiftyOne"}


def enough_known(brakes: Brakes, looked_at: int, gone: int) -> int | None:
    """How many known annotations are as good as any larger number, where so many were looked at.

    ``gone`` counts those among them that are known and that a side lacks. No brake holds then: every count that one
    compares with a fraction of the known is at most one of these two. ``None`` where a fraction of which there is
    anything to compare is zero, and any number may be named in a message.
    """
    counts = (
        (looked_at, brakes.max_change_fraction),
        (looked_at, brakes.max_into_one_label),
        (looked_at, NEARLY_ALL),
        (gone, brakes.max_delete_fraction),
    )
    compared = [(count, fraction) for count, fraction in counts if count]
    if not all(fraction for _, fraction in compared):
        return None
    return max([brakes.min_rows, *(math.ceil(count / fraction) + 1 for count, fraction in compared)])


def held_by(
    brakes: Brakes,
    changes: Sequence[Change],
    *,
    known: int,
    fiftyone: int | None,
    database: int | None,
    vanished_in_fiftyone: int,
    vanished_in_database: int,
    displaced: int = 0,
) -> str | None:
    """The reason why the plan must wait for a person; ``None`` where it may go on.

    ``known`` counts the annotations in the baseline, ``fiftyone`` and ``database`` those read from a side that was
    read completely (``None`` otherwise). A side that came back empty holds whatever its size; fractions are judged
    from ``brakes.min_rows`` known annotations upwards. Deletions are counted whether they would be carried over or
    become conflicts: either way somebody should look first. ``displaced`` counts known annotations whose label can
    no longer be told for certain: nothing would be written of them, but a dataset made anew under its own name must
    not become as many conflicts.
    """
    for side, count in (("FiftyOne", fiftyone), ("the database", database)):
        if known and count == 0:
            return f"{side} came back empty, where {known:,} annotations were known"
    if known < brakes.min_rows:
        return None
    for side, count in (("FiftyOne", vanished_in_fiftyone), ("the database", vanished_in_database)):
        if count > brakes.max_delete_fraction * known:
            return (
                f"{count:,} of {known:,} annotations are gone from {side}: more than "
                f"max_delete_fraction ({brakes.max_delete_fraction:.2%})"
            )
    if displaced > brakes.max_change_fraction * known:
        return (
            f"{displaced:,} of {known:,} annotations are no longer where they were known in FiftyOne: more than "
            f"max_change_fraction ({brakes.max_change_fraction:.2%})"
        )
    return _too_many_changes(brakes, changes, known)


def _too_many_changes(brakes: Brakes, changes: Sequence[Change], known: int) -> str | None:
    updates = [each for each in changes if each.action is Action.UPDATE and each.direction is not None]
    for way, name in NAMES.items():
        there = [each for each in updates if each.direction is way]
        # A lasso that went wrong is told by its class, which says more than the number.
        labels = [each for each in there if each.field == LABEL]
        for label, count in Counter(_label(each.new) for each in labels).most_common(1):
            if count > brakes.max_into_one_label * known:
                before = Counter(_label(each.old) for each in labels if _label(each.new) == label)
                return (
                    f"{count:,} of {known:,} annotations would become {label!r} in {name} ({_from(before)}): more than "
                    f"max_into_one_label ({brakes.max_into_one_label:.2%})"
                )
        touched = {each.annotation_id for each in there}
        if len(touched) > brakes.max_change_fraction * known:
            return (
                f"{len(touched):,} of {known:,} annotations would change in {name}: more than "
                f"max_change_fraction ({brakes.max_change_fraction:.2%})"
            )
    return None


def _from(labels: Counter[str | None]) -> str:
    """The classes that would be swallowed, the most frequent first."""
    most = [f"{count:,} from {label!r}" for label, count in labels.most_common(MOST)]
    rest = len(labels) - MOST
    return ", ".join(most) + (f" and {rest:,} classes more" if rest > 0 else "")


def _label(value: Content) -> str | None:
    return None if value is None else str(value)

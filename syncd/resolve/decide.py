"""What a person's answer to one conflict means: every kind of conflict has its rule here. Pure."""

from __future__ import annotations

from collections.abc import Callable

from syncd.diff.images import MOVED
from syncd.model.present import Present
from syncd.resolve.answer import Answer, OpenConflict, Question, Take, refuse
from syncd.resolve.fields import answer_field
from syncd.resolve.identity import answer_duplicate, answer_moved, answer_occupied, answer_replaced
from syncd.resolve.presence import answer_presence

Rule = Callable[[Question, OpenConflict, Take, Present], Answer]

RULES: dict[str, Rule] = {
    "duplicate_id": answer_duplicate,
    MOVED: answer_moved,
    "replaced": answer_replaced,
    "occupied": answer_occupied,
}
"""Kinds with a rule of their own; any other is about a field, or about a whole annotation that one side lacks."""

BY_HAND = {
    "ambiguous_media": "several samples have this medium, and syncd cannot tell which is meant: delete the surplus "
    "samples in FiftyOne; the next run goes on by itself",
    "unaddressable": "the label has no id of FiftyOne's own: load and save its sample once with the SDK; the next run "
    "goes on by itself",
}
"""Kinds that only hands can settle, and how."""


def decide(question: Question, conflict: OpenConflict, take: Take, present: Present) -> Answer:
    """The changes that carry out the answer, given what both sides hold now; or why there are none."""
    kind = conflict["kind"]
    if kind in BY_HAND:
        return refuse(BY_HAND[kind])
    rule = RULES.get(kind) or (answer_presence if conflict["field"] is None else answer_field)
    return rule(question, conflict, take, present)

"""What a plan says about one annotation, in words: the rule that decided, by the outcome that the diff gave it.

Nothing is judged here. The names are those of the outcomes: a conflict's kind, a change's reason, or what is
left alone.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TypeAlias

from syncd.diff.tags import Place
from syncd.model.plan import AWAITING, ERROR, Change, Conflict, Plan, Waiting
from syncd.model.reasons import words_of

WAITING = {
    AWAITING: "review.mode is tagged: the edit waits for an approving tag on the label or its sample",
    ERROR: "an error tag stands on it: a person is to look at it",
}
"""Kinds of what waits."""

IN_AGREEMENT = "in_agreement"
FIRST_MEETING = "first_meeting"
TOO_YOUNG = "too_young"
NOT_INGESTED = "not_ingested"
ABSENT = "absent"
PUT_OFF = "put_off"

SETTLED = {
    IN_AGREEMENT: "both sides hold what was agreed: there is nothing to do",
    FIRST_MEETING: "both sides hold the same and meet for the first time: that becomes what is agreed",
    TOO_YOUNG: "it was edited a moment ago, and an edit is left alone until the quiet period is over",
    NOT_INGESTED: "no sample of the dataset has the medium that its row names: `syncd ingest` makes one",
    ABSENT: "neither side has it and nothing is agreed about it: there is nothing to do",
    PUT_OFF: "another annotation leaves its place first: the next run looks at it",
}
"""What the diff leaves as it is, and why."""


Outcome: TypeAlias = "Change | Conflict | Waiting"


@dataclass(frozen=True)
class Rule:
    """What decides about an annotation: the name that logs and conflicts know it by, and a sentence.

    ``is_conflict``: a person must decide.
    """

    name: str
    text: str
    is_conflict: bool = False


def rule_of(plan: Plan, annotation_id: str, places: Collection[Place], *, in_database: bool) -> Rule:
    """The rule that decided about the annotation in a plan that was made about it and its neighbours.

    ``places`` are those of the labels that bear its id: what is decided about one of them under another id (its own
    was changed) is about this one too. Where several fields were decided differently, the first is the one that needs
    somebody most, and all are named.
    """
    found: list[tuple[Outcome, str, str]] = [
        *((each, each.kind.value, each.kind.words) for each in plan.conflicts),
        *((each, each.kind, WAITING[each.kind]) for each in plan.waiting),
        *((each, each.reason, words_of(each.reason)) for each in plan.changes),
    ]
    mine = [each for each in found if each[0].annotation_id == annotation_id]
    mine = mine or [each for each in found if (each[0].sample_id, each[0].label_id) in places]
    if mine:
        said = "; ".join(dict.fromkeys(_said(each, text) for each, _, text in mine))
        return Rule(mine[0][1], said, isinstance(mine[0][0], Conflict))
    name = _left(plan, annotation_id, in_fiftyone=bool(places), in_database=in_database)
    return Rule(name, SETTLED[name])


def _left(plan: Plan, annotation_id: str, *, in_fiftyone: bool, in_database: bool) -> str:
    """Why nothing was said of the annotation."""
    if annotation_id in plan.scope.left_alone:
        return TOO_YOUNG if plan.counts.too_young else PUT_OFF
    if not in_fiftyone:
        return NOT_INGESTED if in_database else ABSENT
    if annotation_id in plan.baseline["annotation_id"]:
        return FIRST_MEETING
    return IN_AGREEMENT


def _said(outcome: Outcome, text: str) -> str:
    return text if outcome.field is None else f"{outcome.field}: {text}"

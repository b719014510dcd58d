"""What a plan says about one annotation, in words: the rule that decided, by the outcome that the diff gave it.

Nothing is judged here. The names are those of the outcomes: a conflict's kind, a change's reason, or what is
left alone.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TypeAlias

from syncd.diff.findings import DRAWN
from syncd.diff.identity import TAKEN_BACK
from syncd.diff.images import MOVED, PLACE_CHANGED
from syncd.diff.rewind import RECOVERED
from syncd.diff.tag_intents import ALIAS, APPROVED, CLASS_TAG
from syncd.diff.tags import Place
from syncd.model.plan import ANSWERED, AWAITING, ERROR, RESTORED, Change, Conflict, Plan, Waiting

REASONS = {
    "reviewed": "it was edited in FiftyOne and the database still holds what was agreed: the edit goes to the database",
    "changed_at_home": "it was changed in the database and FiftyOne still holds what was agreed: the database's value "
    "goes to FiftyOne",
    "converged": "both sides made the same change: it becomes what is agreed",
    "on_conflict": "both sides changed it, and the policy on_conflict says which one wins",
    "first_sync": "no value was agreed yet: the policy first_sync says which counts, or FiftyOne lacks it",
    "stale_revert": "FiftyOne went back to what syncd had just replaced, beside another edit: syncd writes it again",
    "removed_in_database": "the row was removed in the database: the policy on_database_delete removes the label",
    "hidden_in_database": "the row is hidden in the database: the policy on_hidden removes the label",
    "deleted_in_fiftyone": "the label was removed in FiftyOne: the policy on_fiftyone_delete deletes the row",
    "gone_from_both": "it is gone from both sides: what was agreed of it is dropped",
    "gone_and_hidden": "the label is gone and the row is hidden: what was agreed of it is dropped",
    "new_in_database": "it is new in the database and its sample is in the dataset: the label is put into FiftyOne",
    "id_restored": "the known label lost its annotation id: it gets it back",
    "flagged": "an error tag stands on the label or its sample: the column for that is set",
    DRAWN: "a reviewer drew it in FiftyOne: the database gets a row for it",
    RESTORED: "FiftyOne lost it, and the policy, or how it was lost, says that it is given back",
    RECOVERED: "the side went back in time: it is brought forward again",
    ALIAS: "the label is an alias: it is written as the term that it means",
    CLASS_TAG: "a tag on the label, or on its sample, names another class: it is relabelled",
    APPROVED: "an approving tag stands on the label or its sample: the attribute for that is set",
    PLACE_CHANGED: "the label went to another sample of the same image: it is followed",
    MOVED: "the two sides name different images, and the policy on_moved says which one counts",
    ANSWERED: "the database made something else of what was written: FiftyOne gets that answer",
    TAKEN_BACK: "the label bears an id whose row never came to be: the id is taken off again",
}
"""Every reason for which the diff makes a change, and what it means."""

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
        *((each, each.reason, REASONS.get(each.reason, each.reason)) for each in plan.changes),
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

"""Answers to a conflict about one field of an annotation, its image included."""

from __future__ import annotations

from syncd.adapters.values import same_value
from syncd.diff.content import problems_of
from syncd.diff.unsafe import why_unsafe
from syncd.diff.wishes import AMBIGUOUS
from syncd.model import LABEL, Action, Change, Direction, Field, Json, Side, Value
from syncd.model.present import Present, Row
from syncd.model.snapshot import column
from syncd.resolve.answer import (
    HIDDEN,
    SETTLED,
    Answer,
    OpenConflict,
    Question,
    Take,
    change,
    moved_on,
    no_term,
    refuse,
)
from syncd.resolve.parse import parse_value
from syncd.resolve.seen import is_seen

NAMES = {Side.FIFTYONE: "FiftyOne", Side.DATABASE: "the database"}
WAYS = {Side.FIFTYONE: Direction.TO_FIFTYONE, Side.DATABASE: Direction.TO_DATABASE}


def answer_field(question: Question, conflict: OpenConflict, take: Take, present: Present) -> Answer:
    """Makes both sides hold what is taken, as it is now; refused where that is not what the conflict shows.

    ``fiftyone`` writes FiftyOne's value to the database, ``database`` the database's to FiftyOne, whatever the
    direction of the field: that is a person's to decide. A value of their own goes to both.
    """
    mapping, name = question.mapping, str(conflict["field"])
    if name not in mapping.names:
        return refuse(f"{name} is not mapped any more: the next complete run closes this")
    annotation_id = conflict["annotation_id"]
    if annotation_id in present.hidden:
        return refuse(HIDDEN)
    field, sides = mapping.field(name), _sides(conflict, present)
    if sides is None:
        return refuse(f"which label or row is {annotation_id} is in doubt: resolve that conflict first")
    if not sides:
        return SETTLED
    broken = [side for side, row in sides.items() if name in problems_of(row)]
    meant = _by_tag(question, conflict, sides)
    by_tag = conflict["kind"] == AMBIGUOUS or meant is not None
    if len(sides) == 2 and not broken and not by_tag and _alike(field, *sides.values()):
        return SETTLED
    for side, row in sides.items():
        if side is Side.FIFTYONE and meant is not None:
            continue
        if not (is_seen(field, conflict[side.value], row) or _is_meant(question, field, conflict[side.value], row)):
            return moved_on(NAMES[side], repr(row[column(name)]))
    try:
        value = meant if take.side is Side.FIFTYONE and meant is not None else _taken(question, field, take, sides)
    except ValueError as error:
        return refuse(str(error))
    changes: list[Change] = []
    for side, row in sides.items():
        if side not in broken and same_value(field, row[column(name)], value):
            continue
        why = _why_not(question, field, side, value, is_broken=side in broken)
        if why is not None:
            return refuse(why)
        place = sides.get(Side.FIFTYONE)
        old = row[column(name)]
        changes.append(change(question, WAYS[side], Action.UPDATE, place, annotation_id, name, old, value))
    return Answer(tuple(changes), by_tag=by_tag)


def _by_tag(question: Question, conflict: OpenConflict, sides: dict[Side, Row]) -> Value:
    """The value that a tag asks for, where that is what the conflict shows of FiftyOne."""
    label = sides.get(Side.FIFTYONE)
    if label is None or conflict["kind"] == AMBIGUOUS:
        return None
    wishes = question.meant.get((label["sample_id"], label["label_id"]), {})
    meant = wishes.get(str(conflict["field"]))
    return meant if meant is not None and meant == conflict["fiftyone"] else None


def _is_meant(question: Question, field: Field, was: Json, row: Row) -> bool:
    """Whether a label is an alias of the term that the conflict shows."""
    label = row[column(field.name)]
    if field.name != LABEL or question.vocabulary is None or label is None:
        return False
    return question.vocabulary.meant(label) == was


def _sides(conflict: OpenConflict, present: Present) -> dict[Side, Row] | None:
    """What each side has of the annotation; ``None`` where it is not certain which label or row it is."""
    annotation_id = conflict["annotation_id"]
    label = present.label(annotation_id)
    if annotation_id is None:
        label = present.label_at(conflict["sample_id"], conflict["label_id"])
    row = present.row(annotation_id)
    if (label is None and present.labels_of(annotation_id)) or (row is None and present.rows_of(annotation_id)):
        return None
    return {side: found for side, found in ((Side.FIFTYONE, label), (Side.DATABASE, row)) if found is not None}


def _alike(field: Field, one: Row, two: Row) -> bool:
    return same_value(field, one[column(field.name)], two[column(field.name)])


def _taken(question: Question, field: Field, take: Take, sides: dict[Side, Row]) -> Value:
    """The value that is taken; ``ValueError`` says why there is none."""
    if take.side is not None:
        row = sides.get(take.side)
        if row is None:
            raise ValueError(f"{NAMES[take.side]} has no such annotation: take a value (--value), or mend it there")
        if len(sides) == 1:
            raise ValueError(
                f"only {NAMES[take.side]} has this annotation, and its value is the trouble: give a --value"
            )
        if field.name in problems_of(row):
            raise ValueError(f"{NAMES[take.side]}'s value cannot be read as {field.kind.value}: take the other side's")
        value: Value = row[column(field.name)]
    else:
        value = parse_value(field, str(take.text))
    if field.name == LABEL and value is None:
        raise ValueError("a label cannot be empty: take the other side's, or a value")
    if field.name == LABEL and take.side is not Side.DATABASE:
        why = no_term(question, str(value))
        if why is not None:
            raise ValueError(why)
        return question.vocabulary.meant(str(value)) if question.vocabulary else value
    return value


def _why_not(question: Question, field: Field, side: Side, value: Value, *, is_broken: bool) -> str | None:
    """Why the value must not be written to that side."""
    if is_broken:
        return f"{NAMES[side]}'s own value cannot be read, and so not be replaced safely: mend it there"
    if side is Side.DATABASE and field.name in question.fixed:
        return (
            f"the database's columns of {field.name} cannot be written: change it there, or take the database's value"
        )
    why = why_unsafe(field, side, value)
    return None if why is None else f"{NAMES[side]} cannot hold it: {why}"

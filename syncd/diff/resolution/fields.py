"""Answers to a conflict about one field of an annotation, its image included."""

from __future__ import annotations

from syncd.diff.findings import problems_of
from syncd.diff.images import CROP, NOT_THERE, NOT_WRITABLE, OCCUPIED, SEVERAL
from syncd.diff.resolution.answer import (
    HIDDEN,
    SETTLED,
    Answer,
    OpenConflict,
    Question,
    Take,
    change,
    is_seen,
    moved_on,
    no_term,
    parse_value,
    refuse,
)
from syncd.diff.unsafe_values import why_unsafe
from syncd.model import LABEL, MEDIA_FIELD, SAMPLE_FIELD, Action, Change, Direction, Field, Json, LabelType, Side, Value
from syncd.model.conflict_kinds import ConflictKind
from syncd.model.current import Present, Row
from syncd.model.snapshot import column
from syncd.model.values import same_value

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
    by_tag = conflict["kind"] == ConflictKind.AMBIGUOUS_TAGS or meant is not None
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
    if label is None or conflict["kind"] == ConflictKind.AMBIGUOUS_TAGS:
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


def answer_images(question: Question, conflict: OpenConflict, take: Take, present: Present) -> Answer:
    """``database`` moves the label to the sample of its row's image; ``fiftyone`` ties the row to the label's image."""
    mapping = question.mapping
    label = present.label_at(conflict["sample_id"], conflict["label_id"])
    row = present.row(conflict["annotation_id"])
    assert label is not None and row is not None, "both sides have the annotation"
    if take.side is None:
        return refuse("this is about the image of an annotation: take `fiftyone` or `database`")
    for side, where, found in (("fiftyone", "The label's sample", label), ("database", "The row", row)):
        if _seen(conflict, side) != found[mapping.image]:
            return moved_on(where, repr(found[mapping.image]))
    return _to_sample(question, label, row, present) if take.side is Side.DATABASE else _to_image(question, label, row)


def _seen(conflict: OpenConflict, side: str) -> object:
    """The image that the conflict shows of a side."""
    shown = conflict[side]
    return shown.get("media") if isinstance(shown, dict) else None


def _to_sample(question: Question, label: Row, row: Row, present: Present) -> Answer:
    samples = present.samples_of(row["media"])
    if question.mapping.image != "media":
        return refuse(CROP)
    if len(samples) != 1:
        return refuse(SEVERAL if samples else NOT_THERE)
    [sample] = samples
    if sample["occupied"] and question.mapping.label_type is LabelType.CLASSIFICATION:
        return refuse(OCCUPIED)
    old, new = label["sample_id"], sample["sample_id"]
    way, name, media = Direction.TO_FIFTYONE, row["annotation_id"], row["media"]
    return Answer((change(question, way, Action.UPDATE, label, name, SAMPLE_FIELD, old, new, media=media),))


def _to_image(question: Question, label: Row, row: Row) -> Answer:
    if not question.mapping.can_write_media:
        return refuse(NOT_WRITABLE)
    old, new = row[question.mapping.image], label[question.mapping.image]
    way, name = Direction.TO_DATABASE, row["annotation_id"]
    return Answer((change(question, way, Action.UPDATE, label, name, MEDIA_FIELD, old, new),))

"""Answers to a conflict about which label an annotation is. Only certain answers are offered."""

from __future__ import annotations

from syncd.diff.findings import problems_of
from syncd.diff.images import is_other
from syncd.diff.resolution.answer import (
    SETTLED,
    Answer,
    OpenConflict,
    Question,
    Take,
    change,
    is_seen_whole,
    moved_on,
    no_term,
    refuse,
)
from syncd.diff.resolution.fields import answer_images
from syncd.diff.unsafe_values import why_unsafe, why_unsafe_whole
from syncd.model import ID_FIELD, LABEL, Action, Direction, LabelType, Side
from syncd.model.current import Present, Row, content
from syncd.model.snapshot import column
from syncd.model.values import same_value

SIDES = "this is about a whole annotation: take `fiftyone` or `database`"


def answer_duplicate(question: Question, conflict: OpenConflict, take: Take, present: Present) -> Answer:
    """A copy beside its original: ``database`` removes it; ``fiftyone`` keeps it as a label of its own, without the id.

    Where no label stands in the known place, any of them may be the original, and nothing is done.
    """
    if conflict["label_id"] is None:
        return refuse("several rows of the database bear this id: give all but one of them an id of their own there")
    label = present.label_at(conflict["sample_id"], conflict["label_id"])
    annotation_id = conflict["annotation_id"]
    if label is None and conflict["suggestions"]:
        return refuse("labels that share their own id cannot be told apart: delete all but one of them in FiftyOne")
    if label is None or label["annotation_id"] != annotation_id:
        return SETTLED
    home = present.home(annotation_id)
    original = None if home is None else present.label_at(home["sample_id"], home["label_id"])
    if original is None or original["annotation_id"] != annotation_id or original is label:
        return refuse(
            "none of the labels with this id stands where it was known, so any may be the original: delete the wrong "
            "ones in FiftyOne, or clear their ids; the next run takes the one that is left"
        )
    if take.side is None:
        return refuse(SIDES)
    if not is_seen_whole(question.mapping, conflict["fiftyone"], label):
        return moved_on("The copy in FiftyOne", repr(label[column(LABEL)]))
    return _without(question, label) if take.side is Side.DATABASE else _renamed(question, label, annotation_id, None)


def answer_moved(question: Question, conflict: OpenConflict, take: Take, present: Present) -> Answer:
    """``database`` gives a label in its known place its id back, where no other label bears it.

    Where the label bears its id, the two sides name different images.
    """
    annotation_id = conflict["annotation_id"]
    label = present.label_at(conflict["sample_id"], conflict["label_id"])
    home = present.home(annotation_id)
    at_home = home is not None and (home["sample_id"], home["label_id"]) == (
        conflict["sample_id"],
        conflict["label_id"],
    )
    if label is None:
        return SETTLED
    row, image = present.row(annotation_id), question.mapping.image
    if row is not None and label == present.label(annotation_id) and label[image] and row[image]:
        return answer_images(question, conflict, take, present) if is_other(label[image], row[image]) else SETTLED
    if at_home and label["annotation_id"] == annotation_id:
        return SETTLED
    if not at_home:
        return refuse(
            "the id stands on a label elsewhere, and no image says where it belongs: put it back in FiftyOne, or "
            "delete it there and take `database` of the conflict `deleted_in_fiftyone` that follows"
        )
    if take.side is not Side.DATABASE:
        return refuse(
            "syncd cannot tell which annotation the label has become: correct its id in FiftyOne, or take `database` "
            "to give it its known id back"
        )
    if present.labels_of(annotation_id):
        return refuse("another label bears its id by now: clear that one's id in FiftyOne first")
    if not is_seen_whole(question.mapping, conflict["fiftyone"], label):
        return moved_on("The label in FiftyOne", repr(label[column(LABEL)]))
    return _renamed(question, label, annotation_id, annotation_id)


def answer_replaced(question: Question, conflict: OpenConflict, take: Take, present: Present) -> Answer:
    """``fiftyone`` makes the new label the annotation, as it is; ``database`` removes it and puts the old one back."""
    annotation_id = conflict["annotation_id"]
    label = present.label_at(conflict["sample_id"], conflict["label_id"])
    if label is None or label["annotation_id"] is not None or present.labels_of(annotation_id):
        return SETTLED
    if take.side is None:
        return refuse(SIDES)
    if not is_seen_whole(question.mapping, conflict["fiftyone"], label):
        return moved_on("The label in FiftyOne", repr(label[column(LABEL)]))
    row = present.row(annotation_id)
    if take.side is Side.FIFTYONE:
        return _made_one(question, label, row, annotation_id)
    if row is None or row["problems"] is not None:
        return refuse("the database has no such row (any more) that could be put back: delete the label in FiftyOne")
    if question.mapping.label_type is LabelType.CLASSIFICATION:
        return refuse("a field of one label holds no two: delete the new one in FiftyOne, then take `database`")
    home = present.home(annotation_id)
    # It goes where it was known, unless that sample has left: the new label may stand on another one.
    known = home is not None and present.sample(home["sample_id"]) is not None
    place = {"label_id": None, "sample_id": home["sample_id"] if home and known else label["sample_id"]}
    values = content(question.mapping, row)
    bad = why_unsafe_whole(question.mapping, Side.FIFTYONE, values, {})
    if bad is not None:
        return refuse(f"FiftyOne cannot hold its {bad[0]}: {bad[1]}. Correct the row in the database")
    gone = _without(question, label)
    if gone.refusal is not None:
        return gone
    back = change(
        question, Direction.TO_FIFTYONE, Action.INSERT, place, annotation_id, None, None, values, media=row["media"]
    )
    return Answer((*gone.changes, back))


def answer_occupied(question: Question, conflict: OpenConflict, take: Take, present: Present) -> Answer:
    """A label without id where a row's label would go: ``fiftyone`` says that they are one, ``database`` removes it."""
    annotation_id = conflict["annotation_id"]
    if conflict["label_id"] is None:
        return refuse("the sample's field holds another label: remove that one, or bind a field that holds several")
    label = present.label_at(conflict["sample_id"], conflict["label_id"])
    if label is None or label["annotation_id"] is not None or present.labels_of(annotation_id):
        return SETTLED
    if take.side is None:
        return refuse(SIDES)
    if not is_seen_whole(question.mapping, conflict["fiftyone"], label):
        return moved_on("The label in FiftyOne", repr(label[column(LABEL)]))
    if take.side is Side.DATABASE:
        return _without(question, label)
    return _made_one(question, label, present.row(annotation_id), annotation_id)


def _without(question: Question, label: Row) -> Answer:
    """The label is removed, if it still holds what is known of it."""
    if label["problems"] is not None:
        return refuse("the label holds a value that cannot be read, and so cannot be logged: delete it in FiftyOne")
    values, name = content(question.mapping, label), label["annotation_id"]
    return Answer((change(question, Direction.TO_FIFTYONE, Action.DELETE, label, name, None, values, None),))


def _made_one(question: Question, label: Row, row: Row | None, annotation_id: str) -> Answer:
    """A label without an id becomes the annotation, as a person says: what it holds goes to the database.

    What it lacks, and what the database's columns cannot be given, it gets from there; so nothing is left to be asked.
    """
    changes = list(_renamed(question, label, annotation_id, annotation_id).changes)
    for field in question.mapping.fields if row is not None else ():
        assert row is not None, "otherwise there is nothing to go through"
        name = field.name
        mine, theirs = label[column(name)], row[column(name)]
        if name in problems_of(label) or name in problems_of(row) or same_value(field, mine, theirs):
            continue
        if name == LABEL and mine is not None:
            why = no_term(question, str(mine))
            if why is not None:
                return refuse(why)
            mine = question.vocabulary.meant(str(mine)) if question.vocabulary else mine
        way = Direction.TO_FIFTYONE if mine is None or name in question.fixed else Direction.TO_DATABASE
        side, old, new = (
            (Side.FIFTYONE, mine, theirs) if way is Direction.TO_FIFTYONE else (Side.DATABASE, theirs, mine)
        )
        bad = why_unsafe(field, side, new)
        if bad is not None:
            return refuse(f"{name} cannot be carried over: {bad}. Correct it first")
        changes.append(change(question, way, Action.UPDATE, label, annotation_id, name, old, new))
    return Answer(tuple(changes))


def _renamed(question: Question, label: Row, annotation_id: str, new: str | None) -> Answer:
    """The label's id is written, or taken off."""
    way, old = Direction.TO_FIFTYONE, label["annotation_id"]
    return Answer((change(question, way, Action.UPDATE, label, annotation_id, ID_FIELD, old, new),))

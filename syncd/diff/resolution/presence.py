"""Answers to a conflict about a whole annotation that one side lacks."""

from __future__ import annotations

from syncd.diff.findings import ASKED, problems_of
from syncd.diff.resolution.answer import (
    HIDDEN,
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
from syncd.diff.resolution.fields import answer_field
from syncd.diff.unsafe_values import why_unsafe_whole
from syncd.model import LABEL, Action, Direction, LabelType, Mapping, Side
from syncd.model.conflict_kinds import ConflictKind
from syncd.model.current import Present, Row, content
from syncd.model.snapshot import column


def answer_presence(question: Question, conflict: OpenConflict, take: Take, present: Present) -> Answer:
    """Makes the other side have it, or not have it, like the side that is taken.

    ``fiftyone`` inserts the row again (under its id) or deletes it; ``database`` restores the label (in its known
    sample) or removes it. What is deleted stays in the change log, from which `syncd undo` brings it back.
    """
    annotation_id = conflict["annotation_id"]
    label = present.label(annotation_id)
    if annotation_id is None:
        label = present.label_at(conflict["sample_id"], conflict["label_id"])
    row = present.row(annotation_id)
    if (label is None and present.labels_of(annotation_id)) or (row is None and present.rows_of(annotation_id)):
        return refuse(f"which label or row is {annotation_id} is in doubt: resolve that conflict first")
    if (label is None) == (row is None):
        return SETTLED
    if label is not None:
        return _only_label(question, conflict, take, present, label)
    assert row is not None, "one of the two is there"
    return _only_row(question, conflict, take, present, row)


def _only_label(question: Question, conflict: OpenConflict, take: Take, present: Present, label: Row) -> Answer:
    mapping, annotation_id = question.mapping, label["annotation_id"]
    if not is_seen_whole(mapping, conflict["fiftyone"], label):
        return moved_on("The label in FiftyOne", repr(label[column(LABEL)]))
    if take.side is not Side.DATABASE and annotation_id in present.hidden:
        return refuse(HIDDEN)
    if take.side is not Side.DATABASE and conflict["kind"] == ConflictKind.HIDDEN:
        return refuse("its row is not hidden any more, but gone: reconcile and look again")
    if take.side is None:
        shown = conflict["fiftyone"] if isinstance(conflict["fiftyone"], dict) else {}
        about_label = conflict | {"field": LABEL, "fiftyone": shown.get(LABEL)}
        return answer_field(question, about_label, take, present)
    values = content(mapping, label)
    if take.side is Side.DATABASE:
        asked = set(question.asked.get((label["sample_id"], label["label_id"]), ()))
        shown = conflict["fiftyone"].get(ASKED, []) if isinstance(conflict["fiftyone"], dict) else []
        if not asked <= set(shown):
            return moved_on("The label in FiftyOne", f"the tag {min(asked - set(shown))!r}")
        if label["problems"] is not None:
            return refuse("the label holds a value that cannot be read, and so cannot be logged: delete it in FiftyOne")
        way = Direction.TO_FIFTYONE
        return Answer((change(question, way, Action.DELETE, label, annotation_id, None, values, None),))
    if not mapping.can_insert_in_database:
        return refuse("syncd cannot insert rows into this table: insert it there, or take `database`")
    if (why := _no_id(mapping, annotation_id, present)) is not None:
        return refuse(why)
    if label["media"] is None:
        return refuse("its sample has no value that could tie a row to it (sample_key)")
    bad = why_unsafe_whole(mapping, Side.DATABASE, values, problems_of(label))
    if bad is not None:
        return refuse(f"the database cannot hold its {bad[0]}: {bad[1]}. Correct the label in FiftyOne")
    why = no_term(question, str(values[LABEL]))
    if why is not None:
        return refuse(why)
    way = Direction.TO_DATABASE
    return Answer(
        (change(question, way, Action.INSERT, label, annotation_id, None, None, values, media=label["media"]),)
    )


def _no_id(mapping: Mapping, annotation_id: str | None, present: Present) -> str | None:
    """Why there is no id under which a row could be inserted for a label."""
    if annotation_id is None and mapping.no_new_ids is not None:
        return f"{mapping.no_new_ids}, or insert the row there and give the label its id in FiftyOne"
    if annotation_id in present.not_given_yet:
        return (
            f"the database has not given the id {annotation_id} yet, and will give it to another row: clear the "
            "label's id in FiftyOne, and the next run inserts its row under an id of its own"
        )
    return None


def _only_row(question: Question, conflict: OpenConflict, take: Take, present: Present, row: Row) -> Answer:
    mapping, annotation_id = question.mapping, conflict["annotation_id"]
    if not is_seen_whole(mapping, conflict["database"], row):
        return moved_on("The row in the database", repr(row[column(LABEL)]))
    if take.side is None:
        return refuse("this is about a whole annotation: take `fiftyone` or `database`")
    values = content(mapping, row)
    home = present.home(annotation_id)
    place = {"label_id": None, "sample_id": conflict["sample_id"] if home is None else home["sample_id"]}
    if take.side is Side.FIFTYONE:
        if conflict["kind"] == ConflictKind.REFUSED_BY_FIFTYONE:
            return refuse("FiftyOne refused the label, nobody removed it: delete the row yourself if that is meant")
        if row["problems"] is not None:
            return refuse("the row holds a value that cannot be read, and so cannot be logged: delete it yourself")
        way = Direction.TO_DATABASE
        return Answer((change(question, way, Action.DELETE, home or place, annotation_id, None, values, None),))
    sample = present.sample(place["sample_id"])
    if sample is None:
        return refuse("its sample is not in the dataset any more: ingest it again, or take `fiftyone`")
    if sample["occupied"] and mapping.label_type is LabelType.CLASSIFICATION:
        return refuse("the sample's field already holds another label: remove that first")
    bad = why_unsafe_whole(mapping, Side.FIFTYONE, values, problems_of(row))
    if bad is not None:
        return refuse(f"FiftyOne cannot hold its {bad[0]}: {bad[1]}. Correct the row in the database")
    way = Direction.TO_FIFTYONE
    media = row["media"]
    return Answer((change(question, way, Action.INSERT, place, annotation_id, None, None, values, media=media),))

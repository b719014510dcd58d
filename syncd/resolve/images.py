"""Answers to a conflict about the image of an annotation."""

from __future__ import annotations

from syncd.diff.images import CROP, NOT_THERE, NOT_WRITABLE, OCCUPIED, SEVERAL
from syncd.model import MEDIA_FIELD, SAMPLE_FIELD, Action, Direction, LabelType, Side
from syncd.model.present import Present, Row
from syncd.resolve.answer import Answer, OpenConflict, Question, Take, change, moved_on, refuse


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

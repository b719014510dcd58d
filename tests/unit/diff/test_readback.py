"""What came back different from what was written: the database's answer, or none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from syncd.diff.readback import brought_to_fiftyone, why_no_answer
from syncd.model import BOX, FLAG, LABEL, MEDIA_FIELD, Action, Change, Direction, Vocabulary
from syncd.model.reasons import Reason
from syncd.model.result import Readback
from syncd.model.vocabulary import Term
from unit.diff.world import NOON, SECOND, field, mapping

MAPPED = mapping(BOX, "note", "depth", "seen", "verified")
THIRD = [1 / 3, 0.2, 0.3, 0.4]
ROUNDED = [0.3333, 0.2, 0.3, 0.4]


def update(name: str, old: Any, new: Any) -> Change:
    return Change("a", "l-a", "s-a", Direction.TO_DATABASE, Action.UPDATE, name, old, new, "reviewed", "ada")


def insert(**values: Any) -> Change:
    return Change("a", "l-a", "s-a", Direction.TO_DATABASE, Action.INSERT, None, None, values, "drawn_in_fiftyone")


def why(
    change: Change, after: Any, *, name: str | None = None, terms: tuple[str, ...] = (), **tried: bool
) -> str | None:
    known = Vocabulary(tuple(map(Term, terms)), aliases={"Copepda": "Copepoda"}) if terms else None
    found = Readback(change, name or change.field, after, **({"steady": True} | tried))
    return why_no_answer(MAPPED, known, found)


@pytest.mark.parametrize(
    ("name", "old", "new", "after"),
    [
        (BOX, [0.1, 0.2, 0.3, 0.4], THIRD, ROUNDED),
        (LABEL, "krill", "Salp", "SALP"),
        ("note", None, "  two   spaces ", "two spaces"),
        ("note", "old", "  ", None),
        ("depth", 1.0, 2.26, 2.3),
        ("verified", None, True, False),
    ],
)
def test_what_is_steady_is_an_answer(name: str, old: Any, new: Any, after: Any) -> None:
    assert why(update(name, old, new), after) is None


def test_what_would_change_again_is_none() -> None:
    assert "would change again" in str(why(update(BOX, ROUNDED, THIRD), [0.033, 0.02, 0.03, 0.04], steady=False))


def test_the_old_value_is_none_however_steady() -> None:
    assert "put the old one back" in str(why(update(LABEL, "krill", "salp"), "krill"))
    assert "put the old one back" in str(why(update(BOX, ROUNDED, THIRD), ROUNDED))


def test_what_the_table_holds_and_the_relation_that_is_read_does_not_show_is_named() -> None:
    said = str(why(update(LABEL, "krill", "salp"), "krill", stored=True))
    assert "materialised view" in said and "put the old one back" not in said
    assert "otherwise than the table holds it" in str(why(update("depth", 1.0, 2.0), 200.0, stored=True))


def test_another_term_is_none_and_a_spelling_that_means_one_neither() -> None:
    terms = ("Copepoda", "Salpida")
    assert "another term" in str(why(update(LABEL, "Copepoda", "krill"), "Salpida", terms=terms))
    assert "another term" in str(why(update(LABEL, "Salpida", "krill"), "Copepda", terms=terms))
    assert why(update(LABEL, "Copepoda", "Salpida"), "SALPIDA", terms=terms) is None
    assert why(update("note", None, "x"), "Salpida", terms=terms) is None


def test_a_value_that_was_dropped_is_none() -> None:
    assert "dropped" in str(why(update("note", "a", "b"), None))
    assert "dropped" in str(why(update("seen", NOON, NOON + SECOND), None))


def test_what_fiftyone_cannot_hold_is_none() -> None:
    assert "FiftyOne cannot hold" in str(why(update(LABEL, "krill", "2024 01 01"), "20240101"))


def test_of_an_insert_each_field_is_asked_about() -> None:
    drawn = insert(label="krill", box=THIRD, note="x")
    assert why(drawn, ROUNDED, name=BOX) is None
    assert "another term" in str(why(drawn, "Salpida", name=LABEL, terms=("Salpida",)))


def test_a_row_that_is_there_after_its_deletion_is_none() -> None:
    gone = Change("a", "l-a", "s-a", Direction.TO_DATABASE, Action.DELETE, None, {LABEL: "krill"}, None, "x")
    assert "still read after its deletion" in str(why_no_answer(MAPPED, None, Readback(gone, None, {LABEL: "krill"})))


def test_media_that_is_read_otherwise_is_none() -> None:
    drawn = replace(insert(label="krill"), media="/media/1.png")
    said = str(why_no_answer(MAPPED, None, Readback(drawn, None, "/media//media/1.png", steady=True)))
    assert "would not be tied to its sample" in said


def test_the_answer_goes_to_the_label_that_was_edited_whatever_the_direction() -> None:
    mapped = mapping(BOX, "depth=to_database", field("note", "to_fiftyone"))
    (change,) = brought_to_fiftyone(mapped, update("depth", 1.0, 2.26), {"depth": 2.3})
    assert (change.direction, change.reason) == (Direction.TO_FIFTYONE, Reason.ANSWERED)
    assert (change.label_id, change.sample_id, change.field) == ("l-a", "s-a", "depth")
    assert (change.old, change.new) == (2.26, 2.3)
    found = brought_to_fiftyone(mapped, insert(label="krill", box=THIRD), {BOX: ROUNDED, FLAG: True})
    assert [(each.action, each.field, each.old, each.new) for each in found] == [(Action.UPDATE, BOX, THIRD, ROUNDED)]


def test_a_row_that_is_read_after_its_deletion_was_not_deleted() -> None:
    deletion = Change("a", "l-a", "s-a", Direction.TO_DATABASE, Action.DELETE, None, {LABEL: "x"}, None, "undone")
    found = why_no_answer(MAPPED, None, Readback(deletion, None, {LABEL: "x"}, steady=True))
    assert str(found).startswith("the row is still read after its deletion")


def test_a_value_that_fiftyone_cannot_hold_is_no_answer() -> None:
    assert "which FiftyOne cannot hold: inf" in str(why(update("depth", 1.0, 2.0), float("inf")))


def test_a_row_is_tied_to_its_sample_by_the_media_that_is_read_back_in_either_spelling() -> None:
    composed, apart = "gr\u00f6\u00dfe.png", "gro\u0308\u00dfe.png"
    row = replace(insert(label="x"), media=composed)
    moved = Change("a", "l-a", "s-a", Direction.TO_DATABASE, Action.UPDATE, MEDIA_FIELD, "old.png", composed, "moved")
    for change, name in ((row, None), (moved, MEDIA_FIELD)):
        assert why_no_answer(MAPPED, None, Readback(change, name, apart)) is None
        for other in ("another.png", None):
            told = str(why_no_answer(MAPPED, None, Readback(change, name, other)))
            assert told.startswith(f'media: "{composed}" was written, and ')


def test_a_label_or_a_box_that_became_nothing_is_no_answer() -> None:
    assert "an annotation cannot do without" in str(why(update(LABEL, "krill", "  "), None))
    assert "the value was dropped" in str(why(update(LABEL, "krill", "salp"), None))
    assert "the value was dropped" in str(why(update(BOX, ROUNDED, THIRD), None))

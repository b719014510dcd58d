"""An id belongs to a label only once its own row is there."""

from __future__ import annotations

import pytest

from syncd.model import LABEL, LabelType, Vocabulary, dumps
from syncd.model.vocabulary import Term
from unit.diff.world import B, D, F, changes, kinds, mapping, only, plan_of

NOBODY = "nobody gives new rows an id"
MEANT = (("41", "l-41"),)
TAKEN_BACK = ("fo", "update", "41", "annotation_id", "41", None, "id_taken_back")


def test_a_label_without_anybody_who_gives_ids_is_a_conflict_that_says_what_to_configure() -> None:
    conflict = only(plan_of(mapped=mapping(no_new_ids=NOBODY), f=[F(None)]))
    assert (conflict.kind, conflict.annotation_id, conflict.suggestions) == ("new_label", None, (NOBODY,))


@pytest.mark.parametrize("policy", ["quarantine", "ignore"])
def test_who_gives_ids_matters_only_where_rows_are_to_be_created(policy: str) -> None:
    plan = plan_of(mapped=mapping(no_new_ids=NOBODY), f=[F(None)], on_new=policy)
    assert [each.suggestions for each in plan.conflicts] == ([()] if policy == "quarantine" else [])


def test_an_id_that_was_only_meant_for_a_label_is_taken_back_and_its_row_is_inserted_under_another() -> None:
    plan = plan_of(f=[F("41")], minted=MEANT)
    assert changes(plan) == [TAKEN_BACK, ("db", "insert", None, "drawn_in_fiftyone")]


def test_a_row_of_another_image_that_has_such_an_id_by_now_is_not_the_labels() -> None:
    samples = [{"sample_id": "s-b", "media": "m-b", "occupied": False}]
    plan = plan_of(
        label_type=LabelType.CLASSIFICATION, f=[F("41")], d=[D("41", media="m-b")], samples=samples, minted=MEANT
    )
    assert changes(plan) == [
        TAKEN_BACK, ("fo", "insert", "41", "new_in_database"), ("db", "insert", None, "drawn_in_fiftyone"),
    ]  # fmt: skip
    assert plan.baseline.is_empty()


def test_a_row_of_the_same_image_with_such_an_id_is_for_a_person() -> None:
    samples = [{"sample_id": "s-41", "media": "m-41", "occupied": False}]
    plan = plan_of("box", f=[F("41", box=[0.1] * 4)], d=[D("41", box=[0.1] * 4)], samples=samples, minted=MEANT)
    assert (changes(plan), kinds(plan)) == ([TAKEN_BACK], [("occupied", "41", None)])


def test_such_an_id_on_another_label_or_one_that_was_agreed_stays() -> None:
    elsewhere = plan_of(f=[F("41", label_id="l-other")], minted=MEANT)
    assert kinds(elsewhere) == [("unknown_id", "41", None)]
    known = plan_of(b=[B("41")], f=[F("41", label="krill")], d=[D("41")], minted=MEANT)
    assert changes(known) == [("db", "update", "41", LABEL, "copepod", "krill", "reviewed")]


def test_an_alias_that_was_refused_as_its_term_is_not_sent_again() -> None:
    words = Vocabulary((Term("Copepoda"),), aliases={"copepod": "Copepoda"})
    remembered = [{"sample_id": "s-a", "label_id": "l-a", "fiftyone": dumps({LABEL: "Copepoda"})}]
    drawn = F(None, label="copepod", label_id="l-a", sample="s-a")
    plan = plan_of(f=[drawn], refused=remembered, vocabulary=words)
    assert (changes(plan), kinds(plan)) == ([], [("refused_by_database", None, None)])

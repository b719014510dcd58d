"""A model's predictions before and after corrections."""

from __future__ import annotations

import polars as pl

from syncd.report.models import PREDICTED, Model, model
from unit.report.logs import change, log, moved


def compared(predicted: dict[str, tuple[str | None, str]], *rows: dict[str, object]) -> Model:
    """{annotation: (its label now, what was predicted)}."""
    frame = pl.DataFrame([(key, *both) for key, both in predicted.items()], schema=PREDICTED, orient="row")
    return model("b", "pred", frame, log(*rows))


def test_without_corrections_both_are_the_same() -> None:
    found = compared({"a": ("x", "x"), "b": ("x", "y")})
    assert found.before == found.after
    assert (found.before.accuracy, found.corrected) == (0.5, 0)


def test_a_correction_towards_the_model_raises_its_score_and_one_away_lowers_it() -> None:
    found = compared({"a": ("y", "y"), "b": ("x", "y")}, moved(1, "a", "x", "y"), moved(2, "b", "y", "x"))
    assert (found.corrected, found.towards, found.away) == (2, 1, 1)
    assert (found.before.accuracy, found.after.accuracy) == (0.5, 0.5)
    assert {(each.truth, each.predicted) for each in found.before.cells} == {("x", "y"), ("y", "y")}
    assert {(each.truth, each.predicted) for each in found.after.cells} == {("x", "y"), ("y", "y")}


def test_before_is_before_the_first_change_and_after_is_after_the_last() -> None:
    found = compared({"a": ("later", "z")}, moved(1, "a", "x", "y"), moved(2, "a", "y", "z"))
    assert [each.truth for each in found.before.cells] == ["x"]
    assert [each.truth for each in found.after.cells] == ["z"]
    assert (found.corrected, found.towards) == (1, 1)


def test_a_label_that_ends_as_it_began_is_not_corrected() -> None:
    assert compared({"a": ("x", "x")}, moved(1, "a", "x", "y"), moved(2, "a", "y", "x")).corrected == 0


def test_what_was_made_counts_after_only_and_what_was_deleted_before_only() -> None:
    made = change(1, annotation_id="a", action="insert", field=None, old_label=None, new_label="x")
    gone = change(2, annotation_id="b", action="delete", field=None, old_label="y", new_label=None)
    found = compared({"a": ("x", "x"), "b": (None, "y")}, made, gone)
    assert [each.truth for each in found.before.cells] == ["y"]
    assert [each.truth for each in found.after.cells] == ["x"]


def test_changes_of_other_bindings_fields_and_fates_are_none_of_its_business() -> None:
    others = [
        moved(1, "a", "q", "x") | {"binding": "other"},
        moved(2, "a", "q", "x") | {"status": "superseded"},
        change(3, field="note", old_label=None, new_label=None),
    ]
    assert compared({"a": ("x", "x")}, *others).before.accuracy == 1.0


def test_a_label_that_is_not_there_is_no_class() -> None:
    found = compared({"a": (None, "x")})
    assert [each.label for each in found.after.classes] == ["x"]
    assert found.after.accuracy == 0.0

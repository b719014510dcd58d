"""A conflict shows the values that are there: what was agreed on, the label, and the row."""

from __future__ import annotations

from unit.diff.world import B, D, F, plan_of


def test_a_label_in_place_of_a_known_one_is_shown_with_what_was_agreed_and_the_row() -> None:
    box = [0.1, 0.1, 0.2, 0.2]
    plan = plan_of(
        "box=both",
        b=[B("a", label="krill", box=box)],
        f=[F(None, label_id="new", sample="s-a", label="salp", box=box)],
        d=[D("a", label="copepod", box=box)],
    )
    (conflict,) = [each for each in plan.conflicts if each.kind == "replaced"]
    assert conflict.base == {"label": "krill", "box": box}
    assert conflict.database == {"label": "copepod", "box": box}


def test_copies_of_a_label_are_shown_with_the_row() -> None:
    plan = plan_of(
        b=[B("a", label="krill")],
        f=[F("a", label="krill"), F("a", label_id="copy", sample="s-other", label="salp")],
        d=[D("a", label="copepod")],
    )
    (conflict,) = [each for each in plan.conflicts if each.kind == "duplicate_id"]
    assert conflict.database == {"label": "copepod"}


def test_a_row_that_cannot_come_back_is_shown_with_what_was_agreed() -> None:
    plan = plan_of(b=[B("a", label="20240101")], d=[D("a", label="20240101")], on_fiftyone_delete="restore")
    (conflict,) = plan.conflicts
    assert (conflict.kind, conflict.base, conflict.database) == ("unsafe_value", "20240101", "20240101")


def test_an_id_that_nobody_ever_agreed_on_has_no_base() -> None:
    plan = plan_of(f=[F("a")])
    (conflict,) = plan.conflicts
    assert (conflict.kind, conflict.base, conflict.database) == ("unknown_id", None, None)

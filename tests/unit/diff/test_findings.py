"""What a conflict about a whole annotation shows of both sides."""

from __future__ import annotations

from typing import Any

from syncd.diff.findings import with_sides
from syncd.model import LABEL, Conflict, Side
from syncd.model.conflict_kinds import ConflictKind
from syncd.model.kinds import Json
from unit.diff.world import B, D, Row, baseline, frame, mapping

MAPPED = mapping("depth")


def conflict(annotation_id: str | None = "a", field: str | None = None, **shown: Any) -> Conflict:
    values: dict[str, Json] = {"base": None, "fiftyone": None, "database": None} | shown
    return Conflict(ConflictKind.MOVED, annotation_id, "s-a", "l-a", field, **values)


def shown(*conflicts: Conflict, b: list[Row] | None = None, d: list[Row] | None = None) -> list[tuple[Json, Json]]:
    """What they show as agreed, and of the database."""
    found = with_sides(MAPPED, conflicts, baseline(MAPPED, b or []), frame(Side.DATABASE, MAPPED, d or []))
    return [(each.base, each.database) for each in found]


def test_what_was_agreed_and_the_row_are_shown_where_they_are_known() -> None:
    agreed, row = {LABEL: "copepod", "depth": 1.0}, {LABEL: "krill", "depth": 2.0}
    known, there = [B("a", depth=1.0)], [D("a", label="krill", depth=2.0)]
    assert shown(conflict(), b=known, d=there) == [(agreed, row)]
    assert shown(conflict(), b=known) == [(agreed, None)]
    assert shown(conflict(), d=there) == [(None, row)]
    assert shown(conflict("b"), b=known, d=there) == [(None, None)]


def test_a_field_that_was_never_agreed_is_not_shown_as_agreed() -> None:
    assert shown(conflict(), b=[B("a", unknown=("depth",))]) == [({LABEL: "copepod"}, None)]


def test_of_rows_that_share_an_id_none_is_shown() -> None:
    assert shown(conflict(), d=[D("a"), D("a")]) == [(None, None)]


def test_what_a_conflict_shows_already_stays() -> None:
    given = conflict(base="said", database="said too")
    assert shown(given, conflict(base="said"), b=[B("a")], d=[D("a")]) == [
        ("said", "said too"),
        ("said", {LABEL: "copepod", "depth": None}),
    ]


def test_conflicts_about_a_field_or_without_an_id_stay_as_they_are() -> None:
    assert shown(conflict(field=LABEL), conflict(None), conflict(), b=[B("a")]) == [
        (None, None),
        (None, None),
        ({LABEL: "copepod", "depth": None}, None),
    ]
    assert shown(conflict(None), b=[B("a")], d=[D("a")]) == [(None, None)]

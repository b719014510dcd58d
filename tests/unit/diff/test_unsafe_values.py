"""Values that the other side cannot hold exactly, or that are known to break it, are refused before a write."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from syncd.diff.frames import unreadable
from syncd.diff.unsafe_values import looks_like_a_date, why_unsafe
from syncd.model import Direction, Field, Holds, Kind, Side
from syncd.model.canonical import with_problems
from trust import many
from unit.diff.world import BOX, LABEL, NOON, B, D, F, S, agreed, changes, field, kinds, mapping, only, plan_of

INF, NAN = float("inf"), float("nan")


def homeward(name: str, value: Any, base: Any = None, **limits: Any) -> Any:
    """A value that was edited in FiftyOne, for a column with these limits."""
    made = field(name, **limits)
    return plan_of(made, b=[B("a", **{name: base})], f=[F("a", **{name: value})], d=[D("a", **{name: base})])


def outward(made: Field, value: Any, base: Any = None) -> Any:
    """A value that was changed in the database, for an attribute stored as ``made.fiftyone`` says."""
    return plan_of(
        made, b=[B("a", **{made.name: base})], f=[F("a", **{made.name: base})], d=[D("a", **{made.name: value})]
    )


def stored_as(name: str, stored: Kind) -> Field:
    return replace(field(name), fiftyone=Holds(stored))


TAKES = {"values": frozenset({"copepod", "krill"}), "by": "the CHECK of 'label'"}


@pytest.mark.parametrize("new", ["salp", "Krill", "krill ", ""])
def test_a_value_that_the_column_does_not_take_is_foreseen(new: str) -> None:
    conflict = only(homeward(LABEL, new, "copepod", **TAKES))
    assert (conflict.kind, conflict.field) == ("unsafe_value", LABEL)
    (why,) = conflict.suggestions
    assert why == f"{new!r} is none of the 2 values that the CHECK of 'label' takes: 'copepod', 'krill'"


def test_a_value_that_the_column_takes_goes_through() -> None:
    assert [each[4:6] for each in changes(homeward(LABEL, "krill", "copepod", **TAKES))] == [("copepod", "krill")]


def test_a_drawn_label_that_the_column_does_not_take_is_foreseen() -> None:
    plan = plan_of(
        field(LABEL, **TAKES), f=[F(None, label_id="new", label="salp"), F(None, label_id="l2", label="krill")]
    )
    (conflict,) = plan.conflicts
    assert (conflict.kind, conflict.label_id) == ("unsafe_value", "new")
    assert len(changes(plan)) == 1


def test_what_the_database_says_itself_goes_to_fiftyone_whatever_its_column_takes() -> None:
    made = field(LABEL, **TAKES)
    plan = plan_of(made, b=[B("a")], f=[F("a")], d=[D("a", label="salp")])
    assert [each[0] for each in changes(plan)] == ["fo"]


def test_of_many_values_some_are_named() -> None:
    many = {"values": frozenset(f"t{index:02}" for index in range(40)), "by": "the type taxon of 'label'"}
    (why,) = only(homeward(LABEL, "x", "t01", **many)).suggestions
    assert why.endswith("'t08', 't09' …")


@pytest.mark.parametrize(
    ("name", "value", "base", "limits", "why"),
    [
        ("note", "x" * 9, "a", {"max_length": 8}, "9 characters, where the column holds 8"),
        ("note", "nul\x00", "a", {}, "NUL"),
        (LABEL, "nul\x00", "a", {}, "NUL"),
        (LABEL, None, "a", {"nullable": False}, "must not be null"),
        ("count", 2**31, 1, {"minimum": -(2**31), "maximum": 2**31 - 1}, "outside"),
        ("count", -(2**31) - 1, 1, {"minimum": -(2**31), "maximum": 2**31 - 1}, "outside"),
        ("price", "1.005", "1", {"precision": 10, "scale": 2}, "3 decimal places, where the column holds 2"),
        ("price", "100000000", "1", {"precision": 10, "scale": 2}, "more than 8 digits"),
        ("price", "0.1234567890123456789012345678901", "1", {"precision": 60, "scale": 30}, "31 decimal places"),
        ("depth", None, 1.0, {"nullable": False}, "must not be null"),
    ],
)
def test_what_a_column_cannot_hold_is_refused(name: str, value: Any, base: Any, limits: Any, why: str) -> None:
    conflict = only(homeward(name, value, base, **limits))
    assert (conflict.kind, conflict.annotation_id, conflict.field) == ("unsafe_value", "a", name)
    assert why in conflict.suggestions[0]


@pytest.mark.parametrize(
    ("name", "value", "limits"),
    [
        ("note", "x" * 8, {"max_length": 8}),
        ("note", "ü" * 8, {"max_length": 8}),
        ("note", "2024-01-01", {}),
        ("count", 2**31 - 1, {"minimum": -(2**31), "maximum": 2**31 - 1}),
        ("price", "1.05", {"precision": 10, "scale": 2}),
        ("price", "-99999999.99", {"precision": 10, "scale": 2}),
        ("price", "9" * 29 + ".9", {"precision": 30, "scale": 1}),
        ("price", "1" * 100, {}),
        ("depth", 1.7976931348623157e308, {}),
        ("day", datetime(1, 1, 1).date(), {}),  # noqa: DTZ001
    ],
)
def test_what_a_column_holds_exactly_goes_through(name: str, value: Any, limits: Any) -> None:
    plan = homeward(name, value, **limits)
    assert [each[:1] + each[3:4] + each[5:6] for each in changes(plan)] == [("db", name, value)]
    assert plan.conflicts == ()


@pytest.mark.parametrize(
    ("name", "stored", "value", "sound"),
    [
        ("count", Kind.FLOAT, 2**53, True),
        ("count", Kind.FLOAT, 2**53 + 1, False),
        ("count", Kind.TEXT, 2**53 + 1, True),
        ("price", Kind.FLOAT, "0.1", True),
        ("price", Kind.FLOAT, "0.10000000000000000001", False),
        ("price", Kind.FLOAT, "1" + "0" * 400, False),
        ("price", Kind.TEXT, "0.10000000000000000001", True),
        ("price", Kind.INTEGER, "12", True),
        ("price", Kind.INTEGER, "12.5", False),
        ("price", Kind.INTEGER, str(2**63), False),
        ("depth", Kind.INTEGER, 1.5, False),
        ("depth", Kind.INTEGER, 3.0, True),
        ("note", Kind.TEXT, "nul\x00", True),
    ],
)
def test_an_attribute_is_only_given_what_its_stored_type_holds_exactly(
    name: str, stored: Kind, value: Any, sound: bool
) -> None:
    plan = outward(stored_as(name, stored), value)
    if sound:
        assert [each[:1] for each in changes(plan)] == [("fo",)]
        assert plan.conflicts == ()
    else:
        assert only(plan).kind == "unsafe_value"


@pytest.mark.parametrize("value", [INF, -INF, NAN])
@pytest.mark.parametrize("base", [None, 1.0])
def test_numbers_that_are_not_finite_never_travel(value: float, base: Any) -> None:
    for plan in (homeward("depth", value, base), outward(field("depth"), value, base)):
        conflict = only(plan)
        assert (conflict.kind, conflict.field) == ("unsafe_value", "depth")
        assert str(value) in (conflict.fiftyone, conflict.database)
        assert conflict.suggestions == ("not a finite number",)
        assert plan.digest, "a plan must be printable whatever it holds"


def test_a_box_that_is_not_finite_never_travels() -> None:
    base, bad = [0.1, 0.2, 0.3, 0.4], [0.1, INF, 0.3, 0.4]
    for plan in (homeward(BOX, bad, base), outward(field(BOX), bad, base)):
        assert only(plan).kind == "unsafe_value"


@pytest.mark.parametrize("base", [B("a", depth=1.0), B("a", unknown=("depth",))])
def test_what_is_not_finite_on_both_sides_is_no_difference_and_no_baseline(base: Any) -> None:
    # JSON has no form for it, so that it can be neither logged nor remembered.
    plan = plan_of("depth", b=[base], f=[F("a", depth=INF)], d=[D("a", depth=INF)])
    assert (plan.changes, plan.conflicts) == ((), ())
    assert agreed(plan).get("a", {}).get("depth") in (None, 1.0)


def test_a_value_that_could_not_be_read_is_no_cleared_value() -> None:
    for plan in (
        plan_of("count", b=[B("a", count=1)], f=[F("a", problems={"count": "many"})], d=[D("a", count=1)]),
        plan_of("count", b=[B("a", count=1)], f=[F("a", count=1)], d=[D("a", problems={"count": "many"})]),
        plan_of("count", b=[B("a", unknown=("count",))], f=[F("a", problems={"count": "many"})], d=[D("a")]),
        plan_of("count", f=[F("a", count=None)], d=[D("a", problems={"count": "many"})]),
        plan_of("count", f=[F("a", problems={"count": "many"})], d=[D("a", count=3)], first_sync="database"),
    ):
        conflict = only(plan)
        assert (conflict.kind, conflict.field) == ("unsafe_value", "count")
        assert "many" in (conflict.fiftyone, conflict.database)
        assert conflict.suggestions == ("not readable as integer",)
        assert agreed(plan).get("a", {}).get("count") in (None, 1)


def test_an_unreadable_field_leaves_the_others_of_its_annotation_alone() -> None:
    for unread in ({"f": {"count": "many"}, "d": None}, {"f": None, "d": {"count": "many"}}):
        plan = plan_of(
            "count",
            b=[B("a", count=1)],
            f=[F("a", label="krill", count=1, problems=unread["f"])],
            d=[D("a", count=1, problems=unread["d"])],
        )
        assert [each[3] for each in changes(plan)] == [LABEL]


def test_one_field_s_name_within_another_s_text_is_no_problem_of_its_own() -> None:
    plan = plan_of(
        "note", "count",
        b=[B("a", note="x", count=1)],
        f=[F("a", count=1, problems={"note": 'says "count":5 and "label":'})],
        d=[D("a", note="x", count=1)],
    )  # fmt: skip
    assert kinds(plan) == [("unsafe_value", "a", "note")]


@pytest.mark.parametrize("name", ['de"pth', "de\\pth", "tiefe ü"])
def test_an_attribute_may_bear_any_name(name: str) -> None:
    odd = Field(name, Kind.INTEGER, Direction.BOTH, Holds(Kind.INTEGER), Holds(Kind.INTEGER))
    plan = plan_of(odd, b=[B("a", **{name: 1})], f=[F("a", problems={name: "x"})], d=[D("a", **{name: 1})])
    assert kinds(plan) == [("unsafe_value", "a", name)]
    assert plan.conflicts[0].fiftyone == "x"


@pytest.mark.parametrize("name", ['de"pth', "de\\pth", "tiefe ü", "depth"])
def test_what_the_readers_name_as_broken_is_what_the_diff_takes_for_unreadable(name: str) -> None:
    found = {name: (pl.lit(value=True), pl.lit("x")), "other": (pl.lit(value=False), pl.lit("y"))}
    frame = with_problems(pl.DataFrame({"row": [0]}), found).rename({"problems": "f.problems"})
    asked = frame.select(unreadable(name, "f.").alias("this"), unreadable("other", "f.").alias("other"))
    assert asked.row(0) == (True, False)


# new annotations


@pytest.mark.parametrize(
    ("row", "about"),
    [
        (D("a", label="20240101"), LABEL),
        (D("a", depth=INF), "depth"),
        (D("a", problems={"depth": "deep"}), "depth"),
        (D("a", label=None, problems={LABEL: "0x00"}), LABEL),
    ],
)
def test_a_new_row_with_such_a_value_is_refused_and_says_which(row: Any, about: str) -> None:
    mapped = replace(mapping("depth"), label_type=mapping().label_type.CLASSIFICATION)
    conflict = only(plan_of(mapped=mapped, d=[row], samples=[S("s-a")]))
    assert (conflict.kind, conflict.annotation_id, conflict.field) == ("unsafe_value", "a", about)
    shown = row.columns["problems"] or {}
    assert conflict.database == shown.get(about, "20240101" if about == LABEL else "inf")


@pytest.mark.parametrize(
    "label",
    [
        F(None, label_id="l", label="x" * 9),
        F(None, label_id="l", depth=NAN),
        F(None, label_id="l", label=None),
        F(None, label_id="l", problems={"depth": "deep"}),
    ],
)
def test_a_drawn_label_with_such_a_value_is_refused(label: Any) -> None:
    tight = Field(LABEL, Kind.TEXT, Direction.BOTH, Holds(Kind.TEXT), Holds(Kind.TEXT, nullable=False, max_length=8))
    conflict = only(plan_of(tight, "depth", f=[label]))
    assert (conflict.kind, conflict.annotation_id, conflict.label_id) == ("unsafe_value", None, "l")


# labels that read as dates


@pytest.mark.parametrize("text", ["20240101", "2024-01-01", "2024-W01", "20261231T10", "2024W011", "2024-01-01 10:00Z"])
def test_a_label_that_reads_as_a_date_is_not_given_to_fiftyone(text: str) -> None:
    plan = plan_of(b=[B("a")], f=[F("a")], d=[D("a", label=text)])
    assert only(plan).kind == "unsafe_value"


def test_a_label_that_reads_as_a_date_may_go_home() -> None:
    assert len(changes(plan_of(b=[B("a")], f=[F("a", label="20240101")], d=[D("a")]))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "2024",
        "12345678",
        "copepod",
        "",
        "0b7ee5c1-9e0e-4a6c-8d3e-2f1d9d0c0001",
        "2024-13-01",
        "T20240101",
        "v2024-01-01",
    ],
)
def test_other_labels_pass(text: str) -> None:
    assert not looks_like_a_date(text)
    assert len(changes(plan_of(b=[B("a", label="x")], f=[F("a", label="x")], d=[D("a", label=text)]))) == 1


def _moments() -> st.SearchStrategy[str]:
    """Spellings of moments, right and nearly right."""
    date = st.one_of(
        st.dates().map(str),
        st.dates().map(lambda each: f"{each:%Y%m%d}".rjust(8, "0")),
        st.dates().map(lambda each: "{:04}-W{:02}-{}".format(*each.isocalendar())),
        st.dates().map(lambda each: "{:04}W{:02}{}".format(*each.isocalendar())),
        st.dates().map(lambda each: "{:04}-W{:02}".format(*each.isocalendar())),
        st.dates().map(lambda each: "{:04}W{:02}".format(*each.isocalendar())),
    )
    time = st.one_of(
        st.just(""),
        st.times().map(str),
        st.times().map(lambda each: each.isoformat().replace(":", "")),
        st.times().map(lambda each: f"{each:%H}"),
        st.from_regex(r"[0-2]?\d?(:?[0-5]\d){0,2}([.,]\d{1,7})?(Z|[+-]\d\d(:?\d\d)?)?", fullmatch=True),
    )
    separator = st.one_of(st.just("T"), st.just(""), st.characters())
    return st.builds(lambda *parts: "".join(parts), date, separator, time)


NEARLY_DATES = st.text(alphabet="0123456789-WTZ:., +", max_size=24)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="fromisoformat takes more spellings from Python 3.11 on")
@settings(max_examples=many(150, 1500), deadline=None)
@given(st.one_of(_moments(), NEARLY_DATES, st.text(max_size=12)))
@example("2024-01-01T")
@example("20240101T24")
@example("2024010110")
@example("2024W0110")
def test_every_text_that_python_takes_for_a_date_is_recognised(text: str) -> None:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return
    assert looks_like_a_date(text)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=3), st.integers(0, 6), st.integers(0, 12))
def test_a_decimal_is_held_exactly_when_its_column_gives_it_back(number: Decimal, scale: int, room: int) -> None:
    text = format(number, "f").rstrip("0").rstrip(".") if "." in format(number, "f") else format(number, "f")
    whole, _, fraction = text.lstrip("-").partition(".")
    fits = len(fraction) <= scale and (len(whole.lstrip("0")) <= room)
    made = field("price", precision=scale + room, scale=scale)
    assert (why_unsafe(made, Side.DATABASE, text) is None) == fits


@given(st.integers(-(2**70), 2**70), st.integers(-(2**40), 0), st.integers(0, 2**40))
def test_an_integer_is_held_exactly_within_its_column_s_range(number: int, low: int, high: int) -> None:
    made = field("count", minimum=low, maximum=high)
    assert (why_unsafe(made, Side.DATABASE, number) is None) == (low <= number <= high)


@pytest.mark.parametrize("kind", [Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT])
@pytest.mark.parametrize("text", ["NaN", "Infinity", "sNaN", "many", ""])
def test_text_that_is_no_number_is_no_number(kind: Kind, text: str) -> None:
    made = Field("price", Kind.DECIMAL, Direction.BOTH, Holds(kind), Holds(kind))
    assert why_unsafe(made, Side.FIFTYONE, text) is not None


def test_times_are_held_by_either_side() -> None:
    assert why_unsafe(field("seen"), Side.FIFTYONE, NOON) is None


def test_a_value_that_is_refused_moves_no_row_of_the_baseline() -> None:
    """Else every run would write it again, for as long as the conflict is open."""
    sides = {"b": [B("a", label="x")], "f": [F("a", label="x")], "d": [D("a", label="20240101")]}
    plan = plan_of(field(LABEL), **sides)
    assert (kinds(plan), plan.changes) == ([("unsafe_value", "a", LABEL)], ())
    assert plan.baseline.is_empty()


@pytest.mark.parametrize(("text", "lacking"), [("Méduse", None), ("plain", None), ("水母", "水"), ("Łysa", "Ł")])
def test_a_character_that_the_databases_encoding_does_not_have_is_named(text: str, lacking: str | None) -> None:
    why = why_unsafe(replace(field("label"), database=Holds(Kind.TEXT, encoding="iso8859_1")), Side.DATABASE, text)
    assert why is None if lacking is None else (lacking in str(why) and "iso8859_1" in str(why))
    assert why_unsafe(field("label"), Side.DATABASE, text) is None


@pytest.mark.parametrize("side", list(Side))
def test_a_box_of_numbers_that_are_not_finite_is_given_to_nobody(side: Side) -> None:
    boxed = field(BOX)
    assert why_unsafe(boxed, side, [0.1, 0.2, 0.3, 0.4]) is None
    for bad in (INF, -INF, NAN):
        assert why_unsafe(boxed, side, [0.1, 0.2, 0.3, bad]) == "a box of numbers that are not finite"

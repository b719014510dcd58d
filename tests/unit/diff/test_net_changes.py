"""What logged changes came to, and its inverse, from entries and frames alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.diff.inverse import Inverse, invert
from syncd.diff.net_changes import Entry, FieldNet, Left, WholeNet, nets
from syncd.model import ID_FIELD, LABEL, MEDIA_FIELD, SAMPLE_FIELD, Action, Change, Direction, Side, Vocabulary
from syncd.model.current import Present
from syncd.model.snapshot import SAMPLES_SCHEMA
from syncd.model.vocabulary import Term
from unit.diff.world import CLASSIFICATIONS, B, D, F, Row, S, baseline, frame, mapping

MAPPED = mapping("depth", label_type=CLASSIFICATIONS)
HOME, OUT = Direction.TO_DATABASE, Direction.TO_FIFTYONE


def entry(
    seq: int,
    way: Direction | None,
    old: Any,
    new: Any,
    *,
    run: str | None = None,
    field: str | None = LABEL,
    action: Action = Action.UPDATE,
    reason: str = "reviewed",
    annotation_id: str | None = "a",
) -> Entry:
    change = Change(annotation_id, "l-a", "s-a", way, action, field, old, new, reason)
    return Entry(seq, run or f"run {seq}", change)


def content(label: str, depth: float | None = None) -> dict[str, Any]:
    return {LABEL: label, "depth": depth}


def inserted(seq: int, way: Direction, label: str, **given: Any) -> Entry:
    return entry(seq, way, None, content(label), field=None, action=Action.INSERT, **given)


def deleted(seq: int, way: Direction, label: str, **given: Any) -> Entry:
    return entry(seq, way, content(label), None, field=None, action=Action.DELETE, **given)


def net(*entries: Entry) -> Any:
    (found,) = nets(MAPPED, entries)
    return found


def inverse(
    *entries: Entry,
    b: list[Row] | None = None,
    f: list[Row] | None = None,
    d: list[Row] | None = None,
    samples: list[dict[str, Any]] | None = None,
    fixed: tuple[str, ...] = (),
    vocabulary: Vocabulary | None = None,
) -> Inverse:
    found = pl.DataFrame(samples or [S("s-a")], schema=SAMPLES_SCHEMA)
    sides = frame(Side.FIFTYONE, MAPPED, f or []), frame(Side.DATABASE, MAPPED, d or [])
    present = Present(*sides, baseline(MAPPED, b or []), found)
    found_nets = nets(MAPPED, entries)
    return invert(MAPPED, found_nets, present, fixed=frozenset(fixed), vocabulary=vocabulary, actor="me")


def told(found: Inverse) -> list[tuple[Any, ...]]:
    return [(each.direction, each.action.value, each.field, each.old, each.new, each.undo_of) for each in found.changes]


REVIEWED = entry(1, HOME, "was", "now")


def test_both_sides_go_back_whichever_was_written() -> None:
    assert told(inverse(REVIEWED, f=[F("a", label="now")], d=[D("a", label="now")])) == [
        (OUT, "update", LABEL, "now", "was", 1),
        (HOME, "update", LABEL, "now", "was", 1),
    ]


@pytest.mark.parametrize("sides", [("newer", "now"), ("now", "newer"), ("newer", "newer")])
def test_what_was_changed_again_is_left_alone(sides: tuple[str, str]) -> None:
    found = inverse(REVIEWED, f=[F("a", label=sides[0])], d=[D("a", label=sides[1])])
    assert found.changes == ()
    assert "changed again since" in found.left[0].why


def test_an_alias_that_fiftyone_kept_is_what_was_written_and_goes_back_too() -> None:
    terms = Vocabulary((Term("now"), Term("was")), (), {"Old": "now", "older": "was"})
    sides = {"f": [F("a", label="Old")], "d": [D("a", label="now")]}
    assert told(inverse(REVIEWED, **sides, vocabulary=terms)) == [
        (OUT, "update", LABEL, "Old", "was", 1),
        (HOME, "update", LABEL, "now", "was", 1),
    ]
    named_so = entry(1, OUT, "was", "Old")
    assert len(inverse(named_so, f=[F("a", label="Old")], d=[D("a", label="Old")], vocabulary=terms).changes) == 2
    other = inverse(REVIEWED, f=[F("a", label="older")], d=[D("a", label="now")], vocabulary=terms)
    assert other.changes == ()
    assert "changed again since: FiftyOne holds 'older'" in other.left[0].why


def test_a_side_that_is_back_already_is_not_written_again() -> None:
    assert told(inverse(REVIEWED, f=[F("a", label="was")], d=[D("a", label="now")])) == [
        (HOME, "update", LABEL, "now", "was", 1)
    ]
    assert inverse(REVIEWED, f=[F("a", label="was")], d=[D("a", label="was")]).left[0].why == "is so already"


def test_an_answer_that_differed_from_both_sides_gives_each_its_own_value_back() -> None:
    both = [entry(1, OUT, "theirs", "third", run="r"), entry(2, HOME, "ours", "third", run="r")]
    assert told(inverse(*both, f=[F("a", label="third")], d=[D("a", label="third")])) == [
        (OUT, "update", LABEL, "third", "theirs", 1),
        (HOME, "update", LABEL, "third", "ours", 2),
    ]


@pytest.mark.parametrize("ways", [(OUT, HOME), (HOME, OUT)])
@pytest.mark.parametrize("reason", ["class_tag", "approved", "alias"])
def test_a_change_that_a_later_run_took_up_half_way_goes_back_as_one(
    ways: tuple[Direction, Direction], reason: str
) -> None:
    one, other = ("theirs" if way is OUT else "ours" for way in ways)
    taken_up = [entry(1, ways[0], one, "term", reason=reason), entry(7, ways[1], other, "term", reason=reason)]
    found = net(*taken_up)
    assert found.before == {Side.FIFTYONE: "theirs", Side.DATABASE: "ours"}
    assert found.after == dict.fromkeys(Side, "term")
    assert found.seqs == {Side.FIFTYONE: 1 + 6 * (ways[0] is HOME), Side.DATABASE: 1 + 6 * (ways[0] is OUT)}
    assert {each[-1] for each in told(inverse(*taken_up, f=[F("a", label="term")], d=[D("a", label="term")]))} == {1, 7}


def test_the_rest_of_an_approval_that_is_logged_as_an_edit_goes_back_with_it() -> None:
    found = net(entry(1, OUT, "was", "now", reason="approved"), entry(7, HOME, "was", "now", reason="reviewed"))
    assert (found.before, found.after) == (dict.fromkeys(Side, "was"), dict.fromkeys(Side, "now"))


@pytest.mark.parametrize(
    "later",
    [
        pytest.param(entry(7, HOME, "ours", "term", reason="reviewed"), id="an edit of another value"),
        pytest.param(entry(7, HOME, "ours", "term", reason="resolved"), id="by a person"),
        pytest.param(entry(7, HOME, "ours", "other", reason="class_tag"), id="to another term"),
        pytest.param(entry(7, OUT, "ours", "term", reason="class_tag"), id="on the same side"),
    ],
)
def test_a_later_change_of_its_own_is_no_half_of_the_one_before(later: Entry) -> None:
    found = list(nets(MAPPED, [entry(1, OUT, "theirs", "term", reason="class_tag"), later]))
    assert [type(each) for each in found] == [Left, FieldNet]
    assert found[1].before == dict.fromkeys(Side, "ours")  # type: ignore[union-attr]


def test_what_a_tag_did_twice_is_two_changes() -> None:
    """Each of them was done by one run, on both sides."""
    log = [
        entry(seq, way, old, "term", run=run, reason="class_tag")
        for seq, way, run, old in ((1, HOME, "r", "a"), (2, OUT, "r", "a"), (5, HOME, "s", "b"), (6, OUT, "s", "b"))
    ]
    assert [type(each) for each in nets(MAPPED, log)] == [Left, FieldNet]


def test_somebody_elses_change_in_between_is_kept() -> None:
    found = list(nets(MAPPED, [entry(1, HOME, "a", "b"), entry(5, HOME, "c", "d")]))
    assert [type(each) for each in found] == [Left, FieldNet]
    assert found[1].before == dict.fromkeys(Side, "c")  # type: ignore[union-attr]


def test_what_came_back_by_itself_is_no_change() -> None:
    assert "came back" in net(entry(1, HOME, "a", "b"), entry(2, OUT, "b", "a")).why


def test_an_insert_is_undone_by_deleting_what_still_holds_it() -> None:
    drawn = inserted(3, HOME, "new")
    known = {"b": [B("a", label="new")]}
    gone = inverse(drawn, **known, f=[F("a", label="new")], d=[D("a", label="new")])
    assert [each[:2] for each in told(gone)] == [(OUT, "delete"), (HOME, "delete")]
    for sides in ({"f": [F("a", label="new")], "d": [D("a", label="newer")]}, {"f": [F("a", label="newer")], "d": []}):
        assert "changed again since" in inverse(drawn, **known, **sides).left[0].why
    assert inverse(drawn).left[0].why == "is gone already"


def test_a_label_that_was_drawn_under_an_alias_goes_again() -> None:
    terms = Vocabulary((Term("new"),), (), {"Old": "new"})
    sides = {"b": [B("a", label="new")], "f": [F("a", label="Old")], "d": [D("a", label="new")]}
    assert len(inverse(inserted(3, HOME, "new"), **sides, vocabulary=terms).changes) == 2
    assert "changed again since in FiftyOne" in inverse(inserted(3, HOME, "new"), **sides).left[0].why


def test_a_default_of_the_column_is_no_edit_but_an_agreed_value_is() -> None:
    drawn, sides = inserted(3, HOME, "new"), {"f": [F("a", label="new")], "d": [D("a", label="new", depth=0.0)]}
    assert len(inverse(drawn, b=[B("a", label="new", unknown=("depth",))], **sides).changes) == 2
    assert inverse(drawn, b=[B("a", label="new", depth=0.0)], **sides).changes == ()


def test_edits_of_what_was_inserted_in_the_range_go_with_it() -> None:
    found = net(inserted(1, HOME, "new"), entry(2, OUT, "new", "corrected"))
    assert isinstance(found, WholeNet)
    assert (found.before, found.after) == (None, content("corrected"))


def test_a_deletion_is_undone_with_what_it_was_before_the_whole_range() -> None:
    found = inverse(entry(1, HOME, "first", "second"), deleted(2, HOME, "second"))
    assert [each[:2] for each in told(found)] == [(OUT, "insert"), (HOME, "insert")]
    assert {str(each.new) for each in found.changes} == {str(content("first"))}
    assert {(each.annotation_id, each.media, each.sample_id) for each in found.changes} == {("a", "m-a", "s-a")}


def test_a_deletion_whose_sample_is_gone_stays() -> None:
    assert "sample" in inverse(deleted(1, HOME, "x"), samples=[S("s-b")]).left[0].why


def test_another_annotation_under_its_id_stays() -> None:
    found = inverse(deleted(1, HOME, "x"), d=[D("a", label="other")])
    assert (found.changes, "another one" in found.left[0].why) == ((), True)


@pytest.mark.parametrize(
    "left",
    [
        entry(1, None, "a", "b", reason="converged"),
        entry(1, OUT, None, "a", field=ID_FIELD, reason="id_restored"),
        entry(1, HOME, "a", "b", field="gone"),
        entry(1, HOME, "a", "b", annotation_id=None),
        inserted(1, OUT, "x", reason="restored"),
        inserted(1, OUT, "x", reason="stale_revert"),
        inserted(1, OUT, "x", reason="resolved"),
    ],
    ids=lambda each: each.change.reason + str(each.change.field),
)
def test_what_is_not_undone_is_named(left: Entry) -> None:
    assert isinstance(net(left), Left)


def test_a_column_that_cannot_be_written_leaves_its_field() -> None:
    found = inverse(REVIEWED, f=[F("a", label="now")], d=[D("a", label="now")], fixed=(LABEL,))
    assert (found.changes, "cannot be written" in found.left[0].why) == ((), True)


values = st.sampled_from(["a", "b", "c", None])


@given(st.lists(st.tuples(st.sampled_from(["review", "home", "answer"]), values), min_size=1, max_size=8), values)
def test_unbroken_changes_lead_back_to_where_they_began(steps: list[tuple[str, str | None]], first: str | None) -> None:
    """Whoever made them: the inverse of what a field went through is what it was at first, on both sides."""
    log, now = [], first
    for number, (who, value) in enumerate(steps):
        if who in ("home", "answer"):
            log.append(entry(2 * number, OUT, now, value, run=f"run {number}"))
        if who in ("review", "answer"):
            log.append(entry(2 * number + 1, HOME, now, value, run=f"run {number}"))
        now = value
    (found,) = nets(MAPPED, log)
    if now == first:
        assert isinstance(found, Left)
    else:
        assert (found.before, found.after) == (dict.fromkeys(Side, first), dict.fromkeys(Side, now))  # type: ignore[union-attr]


def test_an_answer_of_the_database_goes_back_with_the_edit_that_it_answered() -> None:
    edit = entry(1, HOME, "krill", "Salp", run="one")
    answer = entry(2, OUT, "Salp", "SALP", run="one", reason="answered")
    found = net(edit, answer)
    assert (found.before, found.after) == (dict.fromkeys(Side, "krill"), dict.fromkeys(Side, "SALP"))
    later = entry(3, HOME, "SALP", "copepod", run="two")
    assert net(edit, answer, later).before == dict.fromkeys(Side, "krill")
    back = inverse(edit, answer, b=[B("a", label="SALP")], f=[F("a", label="SALP")], d=[D("a", label="SALP")])
    assert {(each.direction, each.old, each.new) for each in back.changes} == {
        (HOME, "SALP", "krill"),
        (OUT, "SALP", "krill"),
    }


def test_an_answer_alone_is_left_alone() -> None:
    found = net(entry(2, OUT, "Salp", "SALP", reason="answered"))
    assert isinstance(found, Left)
    assert "goes back with the edit" in found.why


def test_what_was_drawn_and_answered_goes_with_the_answer() -> None:
    drawn = inserted(1, HOME, "Salp", run="one", reason="drawn_in_fiftyone")
    answer = entry(2, OUT, "Salp", "SALP", run="one", reason="answered")
    found = net(drawn, answer)
    assert (found.before, found.after) == (None, content("SALP"))


def whys(found: Inverse) -> list[str]:
    assert found.changes == ()
    return [each.why for each in found.left]


def present_with(hidden: tuple[str, ...] = (), **given: Any) -> Present:
    sides = frame(Side.FIFTYONE, MAPPED, given.get("f", [])), frame(Side.DATABASE, MAPPED, given.get("d", []))
    found = pl.DataFrame(given.get("samples", [S("s-a")]), schema=SAMPLES_SCHEMA)
    return Present(*sides, baseline(MAPPED, given.get("b", [])), found, hidden=frozenset(hidden))


def test_a_change_of_which_the_row_is_hidden_is_left_alone() -> None:
    there = present_with(("a",), f=[F("a", label="now")])
    assert whys(invert(MAPPED, nets(MAPPED, [REVIEWED]), there, actor="me")) == [
        "its row is hidden (by a view, a query or row-level security)"
    ]


def test_a_field_of_what_a_side_does_not_have_for_certain_is_left_alone() -> None:
    for sides, who in (
        ({"d": [D("a", label="now")]}, "FiftyOne"),
        ({"f": [F("a", label="now")]}, "the database"),
        ({"f": [F("a", label="now"), F("a", label="now", label_id="l-2")], "d": [D("a", label="now")]}, "FiftyOne"),
        ({"f": [F("a", label="now")], "d": [D("a", label="now"), D("a", label="now")]}, "the database"),
    ):
        assert whys(inverse(REVIEWED, **sides)) == [f"{who} does not have the annotation any more, or more than once"]


def test_a_value_that_cannot_be_read_has_changed_again() -> None:
    deeper = entry(1, HOME, 1.0, 2.0, field="depth")
    broken = {"depth": "deep"}
    for sides, who in (
        ({"f": [F("a", problems=broken)], "d": [D("a", depth=2.0)]}, "FiftyOne"),
        ({"f": [F("a", depth=2.0)], "d": [D("a", problems=broken)]}, "the database"),
    ):
        assert whys(inverse(deeper, **sides)) == [f"changed again since: {who}'s value cannot even be read"]


def test_a_value_that_a_side_cannot_hold_any_more_does_not_go_back() -> None:
    dated = entry(1, HOME, "20240101", "now")
    (why,) = whys(inverse(dated, f=[F("a", label="now")], d=[D("a", label="now")]))
    assert why.startswith("FiftyOne cannot hold it: FiftyOne turns a label that reads as a date")


def test_only_a_label_in_fiftyone_may_stand_there_by_an_alias() -> None:
    terms = Vocabulary((Term("now"), Term("was")), (), {"Old": "now"})
    found = inverse(REVIEWED, f=[F("a", label="now")], d=[D("a", label="Old")], vocabulary=terms)
    assert whys(found) == ["changed again since: the database holds 'Old'"]
    deeper = inverse(entry(1, HOME, 1.0, 2.0, field="depth"), f=[F("a", depth=3.0)], d=[D("a")], vocabulary=terms)
    assert "changed again since: FiftyOne holds 3.0" in whys(deeper)
    empty = inverse(REVIEWED, f=[F("a", label=None)], d=[D("a", label="now")], vocabulary=terms)
    assert whys(empty) == ["changed again since: FiftyOne holds None"]


def test_an_insert_of_what_is_there_more_than_once_is_left_alone() -> None:
    drawn, label, row = inserted(3, HOME, "new"), F("a", label="new"), D("a", label="new")
    for sides in ({"f": [label, F("a", label="new", label_id="l-2")]}, {"f": [label], "d": [row, row]}):
        assert whys(inverse(drawn, **sides)) == ["several labels or rows bear its id"]


def test_an_insert_goes_from_the_side_that_still_has_it() -> None:
    drawn, known = inserted(3, HOME, "new"), {"b": [B("a", label="new")]}
    assert told(inverse(drawn, **known, f=[F("a", label="new")])) == [
        (OUT, "delete", None, content("new"), None, 3),
    ]
    assert told(inverse(drawn, **known, d=[D("a", label="new")])) == [
        (HOME, "delete", None, content("new"), None, 3),
    ]


def test_an_insert_whose_label_asks_for_something_by_a_tag_stays() -> None:
    drawn, sides = inserted(3, HOME, "new"), {"f": [F("a", label="new")], "d": [D("a", label="new")]}
    for place, stays in ((("s-a", "l-a"), True), (("s-a", "l-b"), False)):
        found = invert(MAPPED, nets(MAPPED, [drawn]), present_with(**sides), asked={place: ("krill",)}, actor="me")
        assert bool(found.left) is stays
        assert not stays or "a reviewer has tagged it 'krill'" in whys(found)[0]


def test_an_insert_that_holds_what_cannot_be_read_has_changed_again() -> None:
    broken = {"f": [F("a", label="new", problems={"depth": "deep"})], "d": [D("a", label="new")]}
    assert whys(inverse(inserted(3, HOME, "new"), **broken)) == ["changed again since in FiftyOne"]


def test_a_default_counts_as_an_edit_where_nothing_is_known_or_it_stands_in_fiftyone() -> None:
    drawn, unknown = inserted(3, HOME, "new"), [B("a", label="new", unknown=("depth",))]
    row, label = D("a", label="new", depth=0.0), F("a", label="new")
    assert inverse(drawn, f=[label], d=[row]).changes == (), "nothing is known of the annotation"
    assert inverse(drawn, b=unknown, f=[F("a", label="new", depth=0.0)], d=[D("a", label="new")]).changes == ()
    other = inserted(3, HOME, "new")
    given = entry(3, HOME, None, content("new", 1.0), field=None, action=Action.INSERT)
    assert inverse(given, b=unknown, f=[F("a", label="new", depth=1.0)], d=[row]).changes == ()
    assert len(inverse(other, b=unknown, f=[label], d=[row]).changes) == 2


def test_a_deletion_is_undone_on_the_side_that_lacks_it() -> None:
    gone = deleted(1, HOME, "x")
    (back,) = inverse(gone, f=[F("a", label="x")]).changes
    assert (back.direction, back.action, back.label_id, back.media) == (HOME, Action.INSERT, "l-a", "m-a")
    (back,) = inverse(gone, d=[D("a", label="x")]).changes
    assert (back.direction, back.action, back.label_id, back.media) == (OUT, Action.INSERT, None, "m-a")
    assert whys(inverse(gone, f=[F("a", label="x")], d=[D("a", label="x")])) == ["is there again already"]


def test_a_deletion_of_what_bears_an_id_that_several_bear_stays() -> None:
    gone = deleted(1, HOME, "x")
    for sides in ({"f": [F("a"), F("a", label_id="l-2")]}, {"d": [D("a"), D("a")]}):
        assert whys(inverse(gone, **sides)) == ["several labels or rows bear its id by now"]


def test_a_deletion_stays_where_there_is_no_room_or_no_way_to_tie_the_row() -> None:
    gone = deleted(1, HOME, "x")
    assert whys(inverse(gone, samples=[S("s-a", occupied=True)])) == ["its sample's field holds another label by now"]
    nameless = [S("s-a") | {"media": None}]
    assert whys(inverse(gone, samples=nameless)) == ["its sample has no value that could tie a row to it (sample_key)"]
    (back,) = inverse(gone, d=[D("a", label="x")], samples=nameless).changes
    assert (back.direction, back.media) == (OUT, None)


def test_a_deletion_stays_where_rows_cannot_be_inserted_or_a_side_cannot_hold_it() -> None:
    closed = replace(MAPPED, can_insert_in_database=False)
    gone = [deleted(1, HOME, "x")]
    assert whys(invert(closed, nets(closed, gone), present_with(), actor="me")) == [
        "syncd cannot insert rows into this table"
    ]
    (why,) = whys(inverse(deleted(1, HOME, "20240101")))
    assert why.startswith("FiftyOne cannot hold its label: FiftyOne turns a label that reads as a date")


def test_an_inverse_names_who_takes_it_back_and_the_tags_of_what_is_removed() -> None:
    label = F("a", label="new", tags=["seen"])
    found = inverse(inserted(3, HOME, "new"), b=[B("a", label="new")], f=[label], d=[D("a", label="new")])
    assert [(each.actor, each.reason, each.seen_tags) for each in found.changes] == [
        ("me", "undone", ("seen",)),
        ("me", "undone", None),
    ]


def test_what_is_not_undone_is_passed_on_and_hinders_nothing_else() -> None:
    found = inverse(
        entry(1, None, "x", "was"), entry(2, HOME, "was", "now"), f=[F("a", label="now")], d=[D("a", label="now")]
    )
    assert (len(found.changes), [each.seq for each in found.left]) == (2, [1])


# The net of whole annotations


def test_what_came_and_went_again_comes_to_nothing() -> None:
    found = net(inserted(1, HOME, "x"), entry(2, OUT, "x", "y"), deleted(3, OUT, "y"))
    assert (found.why, found.seq) == ("it came and went again", 3)


def test_what_went_and_came_again_comes_to_what_differs() -> None:
    again = [deleted(1, HOME, "x"), inserted(2, OUT, "y", reason="reviewed")]
    assert net(*again) == FieldNet("a", LABEL, dict.fromkeys(Side, "x"), dict.fromkeys(Side, "y"), found_seqs(1, 2))
    alike = [deleted(1, HOME, "x"), inserted(2, OUT, "x", reason="reviewed")]
    assert net(*alike) == Left("a", None, 2, "it came back to what it was before")


def found_seqs(home: int, out: int) -> dict[Side, int]:
    return {Side.DATABASE: home, Side.FIFTYONE: out}


def test_what_a_whole_annotation_was_before_its_fields_changed_is_what_comes_back() -> None:
    drawn = [entry(1, HOME, 1.0, 2.0, field="depth"), entry(2, HOME, "a", "b"), deleted(3, OUT, "b")]
    found = net(*drawn)
    assert (found.before, found.after) == (content("a", 1.0), None)
    unchanged = net(entry(1, HOME, "b", "c"), entry(2, OUT, "c", "b"), deleted(3, OUT, "b"))
    assert unchanged.before == content("b"), "it came back to what it was"


def test_edits_before_an_insert_belong_to_what_is_no_more() -> None:
    found = net(entry(1, HOME, "a", "b"), inserted(2, HOME, "x"), entry(3, HOME, None, 1.0, field="depth"))
    assert (found.before, found.after) == (None, content("x", 1.0))


def test_edits_after_a_deletion_change_nothing_of_it() -> None:
    found = net(deleted(1, HOME, "x"), entry(2, OUT, "x", "y"))
    assert (found.before, found.after) == (content("x"), None)


@pytest.mark.parametrize(
    ("left", "why"),
    [
        (entry(1, None, "a", "b", reason="converged"), "nothing was written by it"),
        (entry(1, HOME, "a", "b", annotation_id=None), "a label without an annotation id"),
        (entry(1, OUT, None, "a", field=ID_FIELD), "a label's id is not taken away"),
        (entry(1, OUT, "s-a", "s-b", field=SAMPLE_FIELD), "brought both sides to one image"),
        (entry(1, HOME, "m-a", "m-b", field=MEDIA_FIELD), "brought both sides to one image"),
        (entry(1, HOME, "a", "b", field="gone"), "not mapped any more"),
        (inserted(1, OUT, "x", reason="restored"), "put back what one side had all the time"),
        (entry(1, OUT, None, "x", reason="restored"), "gave the label back what the database had"),
    ],
)
def test_what_is_not_undone_says_why(left: Entry, why: str) -> None:
    found = net(left)
    assert isinstance(found, Left)
    assert why in found.why
    assert (found.annotation_id, found.field, found.seq) == (left.change.annotation_id, left.change.field, 1)

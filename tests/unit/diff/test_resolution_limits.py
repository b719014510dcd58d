"""Answers to conflicts as they stand in the table, where what they are about is in doubt, gone or not writable."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from syncd.diff.findings import ASKED
from syncd.diff.resolution.answer import HIDDEN, Answer, Question, Take
from syncd.diff.resolution.decide import decide
from syncd.model import BOX, ID_FIELD, LABEL, MEDIA_FIELD, Mapping, Side, Vocabulary
from syncd.model.conflict_kinds import ConflictKind
from syncd.model.vocabulary import Term
from unit.diff.test_resolution import present, told
from unit.diff.world import CLASSIFICATION, CLASSIFICATIONS, B, D, F, Row, S, field, mapping

FIFTYONE, DATABASE, VALUE = Take(Side.FIFTYONE), Take(Side.DATABASE), Take(text="squid")
EITHER = pytest.mark.parametrize("take", [FIFTYONE, DATABASE], ids=["fiftyone", "database"])
TERMS = Vocabulary((Term("copepod"), Term("krill")), aliases={"Old": "krill"})
MAPPED = mapping("depth", label_type=CLASSIFICATIONS)
ONE = {LABEL: "copepod"}
"""What a conflict shows of a whole annotation, unless something else is said."""


def answer(
    kind: ConflictKind,
    take: Take,
    *,
    b: list[Row] | None = None,
    f: list[Row] | None = None,
    d: list[Row] | None = None,
    on: str | None = None,
    fiftyone: Any = ONE,
    database: Any = ONE,
    mapped: Mapping = MAPPED,
    samples: list[dict[str, Any]] | None = None,
    hidden: tuple[str, ...] = (),
    shown: dict[str, Any] | None = None,
    **question: Any,
) -> Answer:
    """The answer to a conflict about ``a`` on the label ``l-a``; ``on`` is its field, ``shown`` what differs in it."""
    conflict = {"annotation_id": "a", "sample_id": "s-a", "label_id": "l-a", "field": on, "kind": kind}
    conflict |= {"base": None, "fiftyone": fiftyone, "database": database, "suggestions": ()} | (shown or {})
    now = replace(present(mapped, b or [], f or [], d or [], samples), hidden=frozenset(hidden))
    return decide(Question(mapped, **question), conflict, take, now)


def why(kind: ConflictKind, take: Take, **given: Any) -> str:
    """Why an answer cannot be carried out."""
    found = answer(kind, take, **given)
    assert (found.changes, found.settled) == ((), False)
    return str(found.refusal)


# One field


@EITHER
def test_nothing_is_done_about_a_field_of_which_the_row_is_hidden(take: Take) -> None:
    assert why(ConflictKind.EDIT_EDIT, take, on=LABEL, f=[F("a")], hidden=("a",)) == HIDDEN


@EITHER
@pytest.mark.parametrize("sides", [{"f": [F("a"), F("a", label_id="l-2")], "d": [D("a")]}, {"d": [D("a"), D("a")]}])
@pytest.mark.parametrize("on", [LABEL, None])
def test_nothing_is_done_while_it_is_in_doubt_which_label_or_row_is_meant(
    take: Take, sides: dict[str, Any], on: str | None
) -> None:
    kind = ConflictKind.EDIT_EDIT if on else ConflictKind.DELETED_IN_FIFTYONE
    assert why(kind, take, on=on, **sides).startswith("which label or row is a is in doubt")


def test_the_value_that_a_tag_asks_for_is_fiftyone_s_although_the_label_does_not_hold_it_yet() -> None:
    tagged: dict[str, Any] = {
        "on": LABEL,
        "fiftyone": "krill",
        "database": "salp",
        "f": [F("a")],
        "d": [D("a", label="salp")],
        "meant": {("s-a", "l-a"): {LABEL: "krill"}},
    }
    found = answer(ConflictKind.EDIT_EDIT, FIFTYONE, **tagged)
    assert told(found) == [
        ("fo", "update", "a", LABEL, "copepod", "krill"),
        ("db", "update", "a", LABEL, "salp", "krill"),
    ]
    assert found.by_tag
    kept = answer(ConflictKind.EDIT_EDIT, DATABASE, **tagged)
    assert (told(kept), kept.by_tag) == ([("fo", "update", "a", LABEL, "copepod", "salp")], True)
    for other in ({"meant": {("s-a", "l-a"): {LABEL: "medusa"}}}, {"meant": {}}):
        assert "FiftyOne has moved on" in why(ConflictKind.EDIT_EDIT, FIFTYONE, **tagged | other)


def test_a_label_that_is_an_alias_of_what_the_conflict_shows_has_not_moved_on() -> None:
    named: dict[str, Any] = {"on": LABEL, "fiftyone": "krill", "database": "copepod", "d": [D("a")]}
    found = answer(ConflictKind.EDIT_EDIT, FIFTYONE, **named, f=[F("a", label="Old")], vocabulary=TERMS)
    assert told(found) == [
        ("fo", "update", "a", LABEL, "Old", "krill"),
        ("db", "update", "a", LABEL, "copepod", "krill"),
    ]
    for now, words in (("Old", None), (None, TERMS), ("copepod ", TERMS)):
        moved = why(ConflictKind.EDIT_EDIT, FIFTYONE, **named, f=[F("a", label=now)], vocabulary=words)
        assert "FiftyOne has moved on" in moved
    depths = {"on": "depth", "fiftyone": 1.0, "database": 2.0, "f": [F("a", depth=3.0)], "d": [D("a", depth=2.0)]}
    assert "has moved on" in why(ConflictKind.EDIT_EDIT, FIFTYONE, **depths, vocabulary=TERMS)


def test_what_the_conflict_shows_of_a_value_that_could_not_be_read_is_compared_as_it_stands() -> None:
    sides: dict[str, Any] = {"on": "depth", "database": 2.0, "d": [D("a", depth=2.0)]}
    broken = [F("a", problems={"depth": "deep"})]
    assert "cannot be read" in why(ConflictKind.UNSAFE_VALUE, FIFTYONE, fiftyone="deep", **sides, f=broken)
    assert "has moved on" in why(ConflictKind.UNSAFE_VALUE, FIFTYONE, fiftyone="deep", **sides, f=[F("a", depth=1.0)])
    assert "has moved on" in why(ConflictKind.UNSAFE_VALUE, FIFTYONE, fiftyone=1.0, **sides, f=broken)


def test_of_an_annotation_that_one_side_has_only_a_value_can_be_taken() -> None:
    alone: dict[str, Any] = {"on": LABEL, "fiftyone": "20240101", "f": [F("a", label="20240101")]}
    assert "the database has no such annotation" in why(ConflictKind.UNSAFE_VALUE, DATABASE, **alone)
    assert "only FiftyOne has this annotation" in why(ConflictKind.UNSAFE_VALUE, FIFTYONE, **alone)
    assert told(answer(ConflictKind.UNSAFE_VALUE, VALUE, **alone)) == [
        ("fo", "update", "a", LABEL, "20240101", "squid")
    ]


def test_a_label_is_never_emptied() -> None:
    empty: dict[str, Any] = {"on": LABEL, "database": None, "d": [D("a", label=None)], "f": [F("a", label="krill")]}
    assert "a label cannot be empty" in why(ConflictKind.EDIT_EDIT, DATABASE, **empty, fiftyone="krill")


def test_a_side_s_own_unreadable_value_is_neither_taken_nor_replaced() -> None:
    broken: dict[str, Any] = {"on": "depth", "fiftyone": 1.0, "database": "deep", "f": [F("a", depth=1.0)]}
    broken["d"] = [D("a", problems={"depth": "deep"})]
    assert "value cannot be read as float" in why(ConflictKind.UNSAFE_VALUE, DATABASE, **broken)
    assert "cannot be read, and so not be replaced" in why(ConflictKind.UNSAFE_VALUE, FIFTYONE, **broken)


# The image


def test_a_crop_does_not_move_to_another_sample() -> None:
    crops = replace(MAPPED, image="frame")
    label, row = F("a"), D("a", media="m-b")
    for each, named in ((label, "m-a"), (row, "m-b")):
        each.columns["frame"] = named
    shown = {"fiftyone": {"media": "m-a"}, "database": {"media": "m-b"}}
    refused = why(ConflictKind.MOVED, DATABASE, b=[B("a")], f=[label], d=[row], mapped=crops, **shown)
    assert refused.startswith("a crop shows what it was cut from")
    with_media = replace(crops, can_write_media=True)
    (tied,) = answer(ConflictKind.MOVED, FIFTYONE, b=[B("a")], f=[label], d=[row], mapped=with_media, **shown).changes
    assert (tied.field, tied.old, tied.new) == (MEDIA_FIELD, "m-b", "m-a")


def test_where_no_image_is_known_there_is_nothing_to_choose() -> None:
    for sides in (
        {"f": [F("a")], "d": []},
        {"f": [F("a")], "d": [D("a", media="-")]},
        {"f": [F("a", media="-")], "d": [D("a")]},
    ):
        assert answer(ConflictKind.MOVED, DATABASE, b=[B("a")], **sides).settled


# Which label it is


def test_labels_that_share_their_own_id_are_for_hands() -> None:
    twice = [F("a"), F("a")]
    shown = {"suggestions": ["2 labels"]}
    assert "cannot be told apart" in why(ConflictKind.DUPLICATE_ID, DATABASE, f=twice, d=[D("a")], shown=shown)
    assert answer(ConflictKind.DUPLICATE_ID, DATABASE, f=twice, d=[D("a")]).settled


def copy_beside(**copy: Any) -> dict[str, Any]:
    at = {"label_id": "l-copy", "sample": "s-a"}
    return {
        "b": [B("a")],
        "f": [F("a"), F("a", **at, **copy)],
        "d": [D("a")],
        "shown": {"label_id": "l-copy"},
    }


def test_a_copy_is_removed_or_freed_only_as_it_was_shown() -> None:
    assert told(answer(ConflictKind.DUPLICATE_ID, DATABASE, **copy_beside())) == [("fo", "delete", "a")]
    for take in (FIFTYONE, DATABASE):
        assert "The copy in FiftyOne has moved on" in why(ConflictKind.DUPLICATE_ID, take, **copy_beside(label="krill"))
    assert "take `fiftyone` or `database`" in why(ConflictKind.DUPLICATE_ID, VALUE, **copy_beside())


def test_a_copy_that_has_lost_the_id_or_gone_is_settled() -> None:
    for now in ([F("a")], [F("a"), F(None, label_id="l-copy", sample="s-a")]):
        assert answer(ConflictKind.DUPLICATE_ID, DATABASE, **copy_beside() | {"f": now}).settled


@pytest.mark.parametrize(
    ("b", "others"),
    [
        pytest.param([], [F("a", label_id="l-2", sample="s-b")], id="it was never agreed on"),
        pytest.param([B("a", label_id="l-gone")], [F("a", label_id="l-2", sample="s-b")], id="none stands there"),
        pytest.param([B("a", label_id="l-3")], [F("x", label_id="l-3", sample="s-a")], id="another one stands there"),
        pytest.param([B("a")], [], id="it is the original itself"),
    ],
)
def test_without_a_certain_original_any_may_be_it(b: list[Row], others: list[Row]) -> None:
    found = why(ConflictKind.DUPLICATE_ID, DATABASE, b=b, f=[F("a"), *others], d=[D("a")])
    assert "any may be the original" in found


RENAMED: dict[str, Any] = {"b": [B("a")], "f": [F("x", label_id="l-a", sample="s-a")], "d": [D("a")]}


def test_a_label_gets_its_id_back_only_where_that_is_certain_and_as_it_was_shown() -> None:
    (restored,) = answer(ConflictKind.MOVED, DATABASE, **RENAMED).changes
    assert (restored.field, restored.old, restored.new) == (ID_FIELD, "x", "a")
    other = [*RENAMED["f"], F("a", label_id="l-2", sample="s-b", media="-")]
    assert "another label bears its id" in why(ConflictKind.MOVED, DATABASE, **RENAMED | {"f": other})
    edited = [F("x", label_id="l-a", sample="s-a", label="krill")]
    assert "The label in FiftyOne has moved on" in why(ConflictKind.MOVED, DATABASE, **RENAMED | {"f": edited})
    assert "cannot tell which annotation" in why(ConflictKind.MOVED, FIFTYONE, **RENAMED)
    assert answer(ConflictKind.MOVED, DATABASE, **RENAMED | {"f": []}).settled
    assert "no image says" in why(ConflictKind.MOVED, DATABASE, **RENAMED | {"b": []})


NEW_HERE: dict[str, Any] = {"b": [B("a", label_id="l-old")], "f": [F(None, label_id="l-a", sample="s-a")]}


def test_a_label_that_replaced_another_is_taken_or_removed_only_as_it_was_shown() -> None:
    for take in (FIFTYONE, DATABASE):
        edited = NEW_HERE | {"f": [F(None, label_id="l-a", sample="s-a", label="krill")]}
        assert "The label in FiftyOne has moved on" in why(ConflictKind.REPLACED, take, **edited, d=[D("a")])
    assert "take `fiftyone` or `database`" in why(ConflictKind.REPLACED, VALUE, **NEW_HERE, d=[D("a")])


def test_a_label_that_has_an_id_or_is_gone_by_now_replaces_nothing() -> None:
    for f in ([], [F("b", label_id="l-a", sample="s-a")], [*NEW_HERE["f"], F("a", label_id="l-old")]):
        for kind in (ConflictKind.REPLACED, ConflictKind.OCCUPIED):
            assert answer(kind, DATABASE, b=NEW_HERE["b"], f=f, d=[D("a")]).settled


def test_the_replaced_label_comes_back_only_from_a_row_that_can_be_read_and_where_there_is_room() -> None:
    for d in ([], [D("a", problems={"depth": "deep"})]):
        assert "no such row" in why(ConflictKind.REPLACED, DATABASE, **NEW_HERE, d=d)
    single = mapping("depth", label_type=CLASSIFICATION)
    assert "holds no two" in why(ConflictKind.REPLACED, DATABASE, **NEW_HERE, d=[D("a")], mapped=single)
    assert told(answer(ConflictKind.REPLACED, DATABASE, **NEW_HERE, d=[D("a")])) == [
        ("fo", "delete", None),
        ("fo", "insert", "a"),
    ]


def test_a_replaced_label_of_which_no_place_is_known_comes_where_the_new_one_is() -> None:
    found = answer(ConflictKind.REPLACED, DATABASE, f=NEW_HERE["f"], d=[D("a")])
    assert [each.sample_id for each in found.changes] == ["s-a", "s-a"]


def test_what_is_removed_must_be_readable_since_the_log_keeps_it() -> None:
    broken = NEW_HERE | {"f": [F(None, label_id="l-a", sample="s-a", problems={"depth": "deep"})]}
    assert "cannot be logged" in why(ConflictKind.REPLACED, DATABASE, **broken, d=[D("a")])


def test_the_new_label_is_not_removed_for_a_row_that_cannot_become_a_label() -> None:
    boxed = mapping(BOX)
    refused = why(ConflictKind.REPLACED, DATABASE, **NEW_HERE, d=[D("a", box=None)], mapped=boxed)
    assert refused.startswith("FiftyOne cannot hold its box")


def test_a_label_becomes_the_annotation_without_what_cannot_be_read_and_only_with_what_the_row_can_hold() -> None:
    stamp = ("fo", "update", "a", ID_FIELD, None, "a")
    drawn = F(None, label_id="l-a", sample="s-a", depth=1.0)
    for mine, theirs in (
        (replace_problems(drawn), D("a", depth=2.0)),
        (drawn, D("a", depth=2.0, problems={"depth": "deep"})),
        (drawn, D("a", depth=1.0)),
    ):
        assert told(answer(ConflictKind.REPLACED, FIFTYONE, f=[mine], d=[theirs])) == [stamp]
    assert told(answer(ConflictKind.REPLACED, FIFTYONE, f=[drawn], d=[])) == [stamp]
    nameless = F(None, label_id="l-a", sample="s-a", label=None)
    shown = {"fiftyone": {LABEL: None}}
    refused = why(ConflictKind.REPLACED, FIFTYONE, **shown, f=[nameless], d=[D("a", label="20240101")])
    assert refused.startswith("label cannot be carried over: FiftyOne turns a label that reads as a date")
    short: dict[str, Any] = {"mapped": mapping(field("note", max_length=3)), "d": [D("a", note="x")]}
    refused = why(ConflictKind.REPLACED, FIFTYONE, **short, f=[F(None, label_id="l-a", sample="s-a", note="long")])
    assert refused.startswith("note cannot be carried over")
    far = F(None, label_id="l-a", sample="s-a", depth=float("inf"))
    assert "depth cannot be carried over" in why(ConflictKind.REPLACED, FIFTYONE, f=[far], d=[D("a", depth=2.0)])


def replace_problems(row: Row) -> Row:
    return replace(row, columns=row.columns | {"problems": {"depth": "deep"}})


def test_an_alias_of_the_label_goes_to_the_database_as_its_term() -> None:
    drawn = F(None, label_id="l-a", sample="s-a", label="Old")
    shown: dict[str, Any] = {"fiftyone": {LABEL: "Old"}, "f": [drawn], "vocabulary": TERMS}
    stamp = ("fo", "update", "a", ID_FIELD, None, "a")
    assert told(answer(ConflictKind.OCCUPIED, FIFTYONE, **shown, d=[D("a")])) == [
        stamp,
        ("db", "update", "a", LABEL, "copepod", "krill"),
    ]


def test_a_label_in_the_place_of_a_row_s_is_made_one_with_it_or_removed_as_it_was_shown() -> None:
    there: dict[str, Any] = {"f": NEW_HERE["f"], "d": [D("a", label="krill")]}
    assert told(answer(ConflictKind.OCCUPIED, FIFTYONE, **there)) == [
        ("fo", "update", "a", ID_FIELD, None, "a"),
        ("db", "update", "a", LABEL, "krill", "copepod"),
    ]
    assert told(answer(ConflictKind.OCCUPIED, DATABASE, **there)) == [("fo", "delete", None)]
    assert "take `fiftyone` or `database`" in why(ConflictKind.OCCUPIED, VALUE, **there)
    edited = {"f": [F(None, label_id="l-a", sample="s-a", label="salp")], "d": there["d"]}
    for take in (FIFTYONE, DATABASE):
        assert "The label in FiftyOne has moved on" in why(ConflictKind.OCCUPIED, take, **edited)
        other = why(ConflictKind.OCCUPIED, take, **there, shown={"label_id": None})
        assert other.startswith("the sample's field holds another label")


# A whole annotation that one side lacks


def test_of_a_hidden_row_the_label_can_only_be_removed() -> None:
    lone: dict[str, Any] = {"f": [F("a")], "hidden": ("a",)}
    for take in (FIFTYONE, VALUE):
        assert why(ConflictKind.HIDDEN, take, **lone) == HIDDEN
    assert told(answer(ConflictKind.HIDDEN, DATABASE, **lone)) == [("fo", "delete", "a")]


def test_a_row_that_was_hidden_and_is_gone_since_is_not_inserted_unseen() -> None:
    for take in (FIFTYONE, VALUE):
        assert "not hidden any more, but gone" in why(ConflictKind.HIDDEN, take, f=[F("a")])
    assert told(answer(ConflictKind.HIDDEN, DATABASE, f=[F("a")])) == [("fo", "delete", "a")]


def test_a_label_or_a_row_that_was_edited_since_is_neither_taken_nor_removed() -> None:
    for take in (FIFTYONE, DATABASE):
        assert "The label in FiftyOne has moved on" in why(
            ConflictKind.DELETED_IN_DATABASE, take, f=[F("a", label="salp")]
        )
        assert "The row in the database has moved on" in why(
            ConflictKind.DELETED_IN_FIFTYONE, take, d=[D("a", label="salp")]
        )
        assert "has moved on" in why(ConflictKind.DELETED_IN_FIFTYONE, take, d=[D("a")], database=None)


def test_a_label_with_a_tag_that_the_conflict_does_not_show_is_not_removed() -> None:
    tagged: dict[str, Any] = {"f": [F("a")], "asked": {("s-a", "l-a"): ("krill",)}}
    assert "it holds the tag 'krill' now" in why(ConflictKind.DELETED_IN_DATABASE, DATABASE, **tagged)
    seen = ONE | {ASKED: ["krill"]}
    found = answer(ConflictKind.DELETED_IN_DATABASE, DATABASE, **tagged, fiftyone=seen)
    assert told(found) == [("fo", "delete", "a")]


def test_what_cannot_be_read_cannot_be_logged_and_so_is_not_deleted() -> None:
    broken = {"depth": "deep"}
    lone = why(ConflictKind.DELETED_IN_DATABASE, DATABASE, f=[F("a", problems=broken)])
    assert lone.startswith("the label holds a value that cannot be read")
    row = why(ConflictKind.DELETED_IN_FIFTYONE, FIFTYONE, d=[D("a", problems=broken)])
    assert row.startswith("the row holds a value that cannot be read")


def test_a_row_is_inserted_only_where_it_can_be_tied_to_its_sample_and_hold_the_label_s_values() -> None:
    kind = ConflictKind.DELETED_IN_DATABASE
    assert "could tie a row to it" in why(kind, FIFTYONE, f=[F("a", media="-")])
    assert "the database cannot hold its depth" in why(kind, FIFTYONE, f=[F("a", depth=float("inf"))])
    assert "the database cannot hold its depth" in why(kind, FIFTYONE, f=[F("a", problems={"depth": "deep"})])
    shown = {"fiftyone": {LABEL: "krll"}, "f": [F("a", label="krll")]}
    assert "not in the vocabulary" in why(kind, FIFTYONE, **shown, vocabulary=TERMS)


def test_a_drawn_label_gets_a_row_only_where_the_table_gives_ids() -> None:
    drawn: dict[str, Any] = {"f": [F(None, label_id="l-a", sample="s-a")], "shown": {"annotation_id": None}}
    assert told(answer(ConflictKind.NEW_LABEL, FIFTYONE, **drawn)) == [("db", "insert", None)]
    without = replace(MAPPED, no_new_ids="the table gives no ids")
    refused = why(ConflictKind.NEW_LABEL, FIFTYONE, **drawn, mapped=without)
    assert refused.startswith("the table gives no ids, or insert the row there")
    known = answer(ConflictKind.UNKNOWN_ID, FIFTYONE, f=[F("a")], mapped=without)
    assert told(known) == [("db", "insert", "a")]


def test_a_value_corrects_the_label_that_has_no_row() -> None:
    for shown in (ONE, None):
        found = answer(ConflictKind.UNKNOWN_ID, VALUE, f=[F("a")], fiftyone=shown)
        if shown:
            assert told(found) == [("fo", "update", "a", LABEL, "copepod", "squid")]
        else:
            assert "has moved on" in str(found.refusal), "nobody has seen the label"


def test_a_row_whose_label_fiftyone_refused_is_not_deleted_for_that() -> None:
    refused = why(ConflictKind.REFUSED_BY_FIFTYONE, FIFTYONE, d=[D("a")])
    assert refused.startswith("FiftyOne refused the label, nobody removed it")
    assert told(answer(ConflictKind.REFUSED_BY_FIFTYONE, DATABASE, d=[D("a")])) == [("fo", "insert", "a")]


def test_a_label_comes_back_where_the_conflict_shows_it_or_where_it_was_known() -> None:
    for b, sample in (([], "s-a"), ([B("a", sample="s-b")], "s-b")):
        (back,) = answer(ConflictKind.DELETED_IN_FIFTYONE, DATABASE, b=b, d=[D("a", media="m-a")]).changes
        assert (back.sample_id, back.media, back.new) == (sample, "m-a", ONE | {"depth": None})


def test_a_label_does_not_come_back_with_what_fiftyone_cannot_hold() -> None:
    boxed = mapping(BOX)
    row = [D("a", box=[0.1, 0.1, 0.2, float("nan")])]
    refused = why(ConflictKind.DELETED_IN_FIFTYONE, DATABASE, d=row, mapped=boxed)
    assert refused.startswith("FiftyOne cannot hold its box")


def test_a_sample_that_holds_another_label_has_room_only_where_the_field_holds_several() -> None:
    taken = [S("s-a", occupied=True)]
    for kind, refused in ((CLASSIFICATION, True), (CLASSIFICATIONS, False)):
        mapped = mapping(field("depth"), label_type=kind)
        found = answer(ConflictKind.DELETED_IN_FIFTYONE, DATABASE, d=[D("a")], samples=taken, mapped=mapped)
        assert (found.refusal is not None) is refused

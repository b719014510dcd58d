"""What is offered for a conflict: the answers that can be given, what each does, and why others cannot."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.diff.resolution.answer import Question, Take
from syncd.diff.resolution.decide import BY_HAND, Way, Ways, ways_of
from syncd.model import LABEL, Side, Vocabulary
from syncd.model.conflict_kinds import ConflictKind
from syncd.model.mapping import Mapping
from syncd.model.policy import Review
from syncd.model.vocabulary import Term
from unit.diff.test_resolution import asked, present
from unit.diff.world import KINDS, VALUES, B, D, F, Row, field, mapping, plan_of

TERMS = Vocabulary(tuple(Term(each) for each in ("copepod", "krill", "salp", "squid")), aliases={"Old": "krill"})


def offered(
    *fields: str,
    b: list[Row] | None = None,
    f: list[Row] | None = None,
    d: list[Row] | None = None,
    now: dict[str, list[Row]] | None = None,
    mapped: Mapping | None = None,
    vocabulary: Vocabulary | None = None,
    fixed: tuple[str, ...] = (),
    shown: dict[str, Any] | None = None,
    **given: Any,
) -> Ways:
    """What is offered for the one conflict of a world; ``now`` is what has changed since, ``shown`` in the conflict."""
    mapped = mapped or mapping(*fields)
    (conflict,) = plan_of(mapped=mapped, b=b, f=f, d=d, vocabulary=vocabulary, **given).conflicts
    sides = {"b": b or [], "f": f or [], "d": d or []} | (now or {})
    question = Question(mapped, vocabulary, fixed=frozenset(fixed))
    return ways_of(question, asked(conflict) | (shown or {}), present(mapped, **sides))


def told(found: Ways) -> list[tuple[str, str]]:
    return [(each.given, each.does) for each in found.ways]


EDITS: dict[str, Any] = {"b": [B("a")], "f": [F("a", label="krill")], "d": [D("a", label="salp")]}
BOX = [0.1, 0.1, 0.2, 0.2]


def test_of_a_disagreement_either_side_or_another_value_may_be_taken() -> None:
    found = offered(**EDITS)
    assert told(found) == [
        ("--take fiftyone", 'label becomes "krill" in the database'),
        ("--take database", 'label becomes "salp" in FiftyOne'),
        ("--value TEXT", "another value, on both sides"),
    ]
    assert found.hints == ()
    assert found.as_json() == [
        {"take": "fiftyone", "value": None, "does": 'label becomes "krill" in the database'},
        {"take": "database", "value": None, "does": 'label becomes "salp" in FiftyOne'},
        {"take": None, "value": None, "does": "another value, on both sides"},
    ]


def test_what_both_sides_agree_on_by_now_needs_no_answer() -> None:
    found = offered(**EDITS, now={"f": [F("a", label="salp")]})
    assert (found.ways, found.hints) == ((), ("both sides agree by now, and the next complete run closes this",))


@pytest.mark.parametrize("kind", sorted(BY_HAND))
def test_what_only_hands_can_settle_says_how_and_offers_nothing(kind: ConflictKind) -> None:
    found = offered(**EDITS, shown={"kind": kind})
    assert (found.ways, found.hints) == ((), (BY_HAND[kind],))


def test_one_reason_that_keeps_all_answers_from_being_given_is_said_once() -> None:
    found = offered(**EDITS, shown={"field": "unmapped"})
    assert (found.ways, found.hints) == ((), ("unmapped is not mapped any more: the next complete run closes this",))


def test_two_reasons_are_said_with_the_answers_that_they_are_about() -> None:
    moved = offered(b=[B("a")], f=[F("a", sample="s-b", media="-")], d=[D("a")])
    assert (moved.ways, len(moved.hints)) == ((), 1)
    broken = {"b": [B("a", depth=1.0)], "f": [F("a", problems={"depth": "deep"})], "d": [D("a", depth=1.0)]}
    found = offered("depth", **broken)
    assert found.ways == ()
    assert [each.partition(" cannot be done: ")[0] for each in found.hints] == [
        "`--take fiftyone`",
        "`--take database`",
    ]


def test_an_answer_that_cannot_be_given_is_a_hint_beside_those_that_can() -> None:
    boxes = {"b": [B("a", box=[0.1] * 4)], "f": [F("a", box=[0.2] * 4)], "d": [D("a", box=[0.1] * 4)]}
    found = offered("box=to_fiftyone", **boxes, fixed=("box",))
    assert told(found) == [("--take database", "box becomes [0.1, 0.1, 0.1, 0.1] in FiftyOne")]
    (hint,) = found.hints
    assert hint.startswith("`--take fiftyone` cannot be done: the database's columns of box cannot be written")


@pytest.mark.parametrize(
    ("kind", "side", "hint"),
    [
        (ConflictKind.REFUSED_BY_DATABASE, Side.FIFTYONE, "what the database has refused"),
        (ConflictKind.REFUSED_BY_FIFTYONE, Side.DATABASE, "what FiftyOne's MongoDB has refused"),
    ],
)
def test_what_was_refused_is_not_offered_again(kind: ConflictKind, side: Side, hint: str) -> None:
    found = offered(**EDITS, shown={"kind": kind, "suggestions": ["check constraint"]})
    assert [each.take for each in found.ways] == [Take(next(each for each in Side if each is not side)), None]
    assert found.hints == (f"`--take {side.value}` tries once more {hint}: mend that first",)


# Whole annotations


def test_of_a_label_that_was_removed_the_row_is_deleted_or_the_label_put_back() -> None:
    found = offered("box", b=[B("a", box=BOX)], d=[D("a", box=BOX)])
    assert told(found) == [("--take fiftyone", "the row is deleted"), ("--take database", "the label is put back")]
    assert found.hints == ()


def test_of_a_row_that_was_deleted_the_row_is_inserted_or_the_label_removed() -> None:
    found = offered(b=[B("a")], f=[F("a", label="krill")])
    assert told(found)[:2] == [("--take fiftyone", "the row is inserted"), ("--take database", "the label is removed")]


def test_a_copy_loses_its_id_or_is_removed() -> None:
    found = offered(b=[B("a")], f=[F("a"), F("a", label_id="l-copy")], d=[D("a")])
    assert told(found) == [("--take fiftyone", "the label loses the id"), ("--take database", "the label is removed")]


def test_a_label_whose_id_was_changed_gets_it_back() -> None:
    found = offered(b=[B("a")], f=[F("x", label_id="l-a", sample="s-a")], d=[D("a")])
    assert told(found) == [("--take database", "the label gets the id a")]


def test_one_of_two_images_is_taken() -> None:
    found = offered(b=[B("a")], f=[F("a")], d=[D("a", media="m-b")])
    assert told(found) == [
        ("--take fiftyone", "the row is tied to the image of its label"),
        ("--take database", "the label moves to the image of its row"),
    ]


def test_several_effects_of_one_answer_are_named_each_once() -> None:
    drawn_there = F(None, label_id="l-new", sample="s-a", label="krill", box=BOX)
    found = offered("box", b=[B("a", box=BOX)], f=[drawn_there], d=[D("a", box=BOX)])
    assert told(found) == [
        ("--take fiftyone", 'the label gets the id a, and label becomes "krill" in the database'),
        ("--take database", "the label is removed, and the label is put back"),
    ]


# Values


def test_the_nearest_terms_are_offered_by_name_and_at_most_three_of_them() -> None:
    unknown = {"b": [B("a")], "f": [F("a", label="krll")], "d": [D("a")], "vocabulary": TERMS}
    suggested = {"suggestions": ["krill", "no term", "salp", "squid", "copepod"]}
    found = offered(**unknown, shown=suggested)
    assert [each.given for each in found.ways] == [
        "--take database",
        "--value krill",
        "--value salp",
        "--value squid",
        "--value TEXT",
    ]
    assert found.ways[1].does == 'label becomes "krill" in FiftyOne, and label becomes "krill" in the database'
    assert found.as_json()[1] == {"take": None, "value": "krill", "does": found.ways[1].does}
    none = offered(**unknown, shown={"suggestions": None})
    assert [each.given for each in none.ways] == ["--take database", "--value TEXT"]


def test_a_side_s_own_words_about_what_is_wrong_are_no_value() -> None:
    found = offered(**EDITS, shown={"suggestions": ["value too long"]})
    assert [each.given for each in found.ways] == ["--take fiftyone", "--take database", "--value TEXT"]


def test_a_suggestion_is_a_value_where_it_is_a_term() -> None:
    words = {"suggestions": ["value too long", "squid"]}
    found = offered(**EDITS, vocabulary=TERMS, shown=words)
    assert [each.given for each in found.ways][2:] == ["--value squid", "--value TEXT"]
    notes = {"b": [B("a", note="x")], "f": [F("a", note="y")], "d": [D("a", note="z")]}
    other = offered("note", **notes, vocabulary=TERMS, shown=words)
    assert [each.given for each in other.ways] == ["--take fiftyone", "--take database", "--value TEXT"]


def test_tags_that_disagree_are_answered_even_where_nothing_changes() -> None:
    tagged = {"b": [B("a")], "f": [F("a", tags=["krill", "salp"])], "d": [D("a")], "review": Review()}
    found = offered(**tagged, vocabulary=TERMS)
    assert told(found)[:2] == [
        ("--take fiftyone", "what the tags say is answered"),
        ("--take database", "what the tags say is answered"),
    ]
    assert [each.given for each in found.ways][2:] == ["--value krill", "--value salp", "--value TEXT"]
    assert found.ways[2].does.endswith(", and what the tags say is answered")


@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_value_of_one_s_own_may_be_given_for_a_field_of_any_kind(name: str) -> None:
    one, two = VALUES[name][:2]
    sides = {"b": [B("a", unknown=(name,))], "f": [F("a", **{name: one})], "d": [D("a", **{name: two})]}
    found = offered(name, **sides)
    assert [each.given for each in found.ways] == ["--take fiftyone", "--take database", "--value TEXT"]


def test_no_value_is_offered_where_none_can_be_given() -> None:
    counts = {"b": [B("a", count=1)], "f": [F("a", count=2)], "d": [D("a", count=3)]}
    found = offered("count", **counts, fixed=("count",))
    assert [each.given for each in found.ways] == ["--take database"]


def test_a_value_that_a_column_admits_is_tried_before_it_is_said_that_any_can_be_given() -> None:
    admits = mapping(field(LABEL, values=frozenset({"krill", "salp", "squid"})))
    found = offered(**EDITS, mapped=admits)
    assert [each.given for each in found.ways][-1] == "--value TEXT"
    elsewhere = Vocabulary((Term("krill"), Term("salp"), Term("zooid")))
    found = offered(**EDITS, mapped=mapping(field(LABEL, values=frozenset({"zooid"}))), vocabulary=elsewhere)
    assert [each.given for each in found.ways] == ["--take database", "--value TEXT"]
    closed = Vocabulary((Term("krill"), Term("salp")))
    found = offered(**EDITS, mapped=mapping(field(LABEL, values=frozenset({"zooid"}))), vocabulary=closed)
    assert [each.given for each in found.ways] == ["--take database"], "no term is one of the column's values"


def test_another_value_goes_to_the_one_side_that_has_the_annotation() -> None:
    drawn = {"f": [F(None, label_id="l-a", sample="s-a", label="krll")], "vocabulary": TERMS}
    found = offered(**drawn, shown={"suggestions": ["krill"]})
    assert told(found) == [
        ("--take database", "the label is removed"),
        ("--value krill", 'label becomes "krill" in FiftyOne'),
        ("--value TEXT", "another value"),
    ]


def test_the_absence_of_a_value_is_shown_as_null() -> None:
    depths = {"b": [B("a", depth=1.0)], "f": [F("a", depth=None)], "d": [D("a", depth=3.0)]}
    found = offered("depth", **depths)
    assert told(found)[0] == ("--take fiftyone", "depth becomes null in the database")


def test_letters_of_any_language_are_shown_as_they_are() -> None:
    found = offered("note", b=[B("a")], f=[F("a", note="Größe")], d=[D("a", note="x")])
    assert told(found)[0] == ("--take fiftyone", 'note becomes "Größe" in the database')


def test_a_value_is_offered_as_it_stands() -> None:
    assert Way(Take(text="two words"), "").given == "--value two words"

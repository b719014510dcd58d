"""What an answer means for each kind of conflict, from frames alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from syncd.diff.resolution.answer import Answer, Question, Take
from syncd.diff.resolution.decide import BY_HAND, decide
from syncd.model import ID_FIELD, MEDIA_FIELD, SAMPLE_FIELD, Mapping, Side, Vocabulary
from syncd.model.conflict_kinds import ConflictKind
from syncd.model.current import Present
from syncd.model.mapping import LABEL
from syncd.model.policy import Review
from syncd.model.snapshot import SAMPLES_SCHEMA
from syncd.model.vocabulary import Term
from unit.diff.world import CLASSIFICATION, B, D, F, Row, S, baseline, brief, frame, mapping, opened, plan_of

FIFTYONE, DATABASE = Take(Side.FIFTYONE), Take(Side.DATABASE)
TERMS = Vocabulary((Term("copepod"), Term("krill"), Term("salp")), aliases={"Old": "krill"})
FIELDS = ("box=to_fiftyone", "depth=to_fiftyone", "verified")


def present(
    mapped: Mapping,
    b: list[Row],
    f: list[Row],
    d: list[Row],
    samples: list[dict[str, Any]] | None = None,
    ahead: tuple[str, ...] = (),
) -> Present:
    found = pl.DataFrame(samples or [S("s-a"), S("s-b")], schema=SAMPLES_SCHEMA)
    sides = frame(Side.FIFTYONE, mapped, f), frame(Side.DATABASE, mapped, d), baseline(mapped, b)
    return Present(*sides, found, not_given_yet=frozenset(ahead))


def asked(conflict: Any) -> dict[str, Any]:
    """A conflict of the diff as the table has it."""
    return dict(vars(conflict)) | {"id": 1}


def answers(
    take: Take,
    *,
    b: list[Row] | None = None,
    f: list[Row] | None = None,
    d: list[Row] | None = None,
    now: dict[str, list[Row]] | None = None,
    vocabulary: Vocabulary | None = None,
    fixed: tuple[str, ...] = (),
    mapped: Mapping | None = None,
    samples: list[dict[str, Any]] | None = None,
    ahead: tuple[str, ...] = (),
    **given: Any,
) -> list[Answer]:
    """The answers to all conflicts that the diff finds in a world; ``now`` is what has changed since.

    ``ahead`` are ids that the owner of ids is still to give.
    """
    mapped = mapped or mapping(*FIELDS)
    plan = plan_of(mapped=mapped, b=b, f=f, d=d, vocabulary=vocabulary, samples=samples, **given)
    sides = {"b": b or [], "f": f or [], "d": d or []} | (now or {})
    question = Question(mapped, vocabulary, {"krll": ("krill",)}, frozenset(fixed))
    assert plan.conflicts, "the world has no conflict"
    found = present(mapped, **sides, samples=samples, ahead=ahead)
    return [decide(question, asked(each), take, found) for each in plan.conflicts]


def answer(take: Take, **given: Any) -> Answer:
    (found,) = answers(take, **given)
    return found


def told(found: Answer) -> list[tuple[Any, ...]]:
    """The changes in short, without their reason, which is the same for all."""
    assert {each.reason for each in found.changes} <= {"resolved"}
    return [brief(each)[:-1] for each in found.changes]


EDITS = {"b": [B("a")], "f": [F("a", label="krill")], "d": [D("a", label="salp")]}


@pytest.mark.parametrize(
    ("take", "wanted"),
    [
        (FIFTYONE, [("db", "update", "a", LABEL, "salp", "krill")]),
        (DATABASE, [("fo", "update", "a", LABEL, "krill", "salp")]),
        (
            Take(text="squid"),
            [("fo", "update", "a", LABEL, "krill", "squid"), ("db", "update", "a", LABEL, "salp", "squid")],
        ),
        (Take(text="salp"), [("fo", "update", "a", LABEL, "krill", "salp")]),
    ],
    ids=["fiftyone", "database", "value", "value of one side"],
)
def test_a_disagreement(take: Take, wanted: list[Any]) -> None:
    assert told(answer(take, **EDITS)) == wanted


def test_a_side_that_has_moved_on_is_neither_taken_nor_overwritten() -> None:
    for take in (FIFTYONE, DATABASE, Take(text="squid")):
        for now in ({"f": [F("a", label="squid")]}, {"d": [D("a", label="squid")]}):
            found = answer(take, **EDITS, now=now)
            assert found.changes == ()
            assert "has moved on" in str(found.refusal)


def test_sides_that_agree_by_now_are_settled() -> None:
    assert answer(FIFTYONE, **EDITS, now={"f": [F("a", label="salp")]}).settled
    assert answer(FIFTYONE, **EDITS, now={"f": [], "d": []}).settled


def test_a_changed_box_may_be_taken_against_its_direction() -> None:
    boxes = {"b": [B("a", box=[0.1] * 4)], "f": [F("a", box=[0.2] * 4)], "d": [D("a", box=[0.1] * 4)]}
    assert told(answer(FIFTYONE, **boxes)) == [("db", "update", "a", "box", [0.1] * 4, [0.2] * 4)]
    assert told(answer(DATABASE, **boxes)) == [("fo", "update", "a", "box", [0.2] * 4, [0.1] * 4)]
    assert "cannot be written" in str(answer(FIFTYONE, **boxes, fixed=("box",)).refusal)
    assert told(answer(DATABASE, **boxes, fixed=("box",)))


def test_only_a_term_goes_to_the_database() -> None:
    unknown = {"b": [B("a")], "f": [F("a", label="krll")], "d": [D("a")], "vocabulary": TERMS}
    assert "did you mean 'krill'?" in str(answer(FIFTYONE, **unknown).refusal)
    assert "did you mean 'krill'?" in str(answer(Take(text="krll"), **unknown).refusal)
    assert told(answer(DATABASE, **unknown)) == [("fo", "update", "a", LABEL, "krll", "copepod")]
    for text in ("krill", "Old"):
        assert told(answer(Take(text=text), **unknown)) == [
            ("fo", "update", "a", LABEL, "krll", "krill"),
            ("db", "update", "a", LABEL, "copepod", "krill"),
        ]


def test_a_drawn_label_that_is_no_term_is_corrected_in_fiftyone() -> None:
    drawn = {"f": [F(None, label_id="l-a", sample="s-a", label="krll", box=[0.1] * 4)], "vocabulary": TERMS}
    assert told(answer(Take(text="krill"), **drawn)) == [("fo", "update", None, LABEL, "krll", "krill")]
    assert "did you mean 'krill'?" in str(answer(FIFTYONE, **drawn).refusal)


def test_a_value_must_be_one_of_the_field() -> None:
    depths = {"b": [B("a", depth=1.0)], "f": [F("a", depth=2.0)], "d": [D("a", depth=3.0)]}
    assert "expected a number" in str(answer(Take(text="deep"), **depths).refusal)
    assert told(answer(Take(text="2.5"), **depths)) == [
        ("fo", "update", "a", "depth", 2.0, 2.5),
        ("db", "update", "a", "depth", 3.0, 2.5),
    ]
    assert "reads as a date" in str(answer(Take(text="20240101"), **EDITS).refusal)


def test_an_unreadable_value_is_not_written_over() -> None:
    broken = {
        "b": [B("a", depth=1.0)],
        "f": [F("a", depth=None, problems={"depth": "deep"})],
        "d": [D("a", depth=1.0)],
    }
    for take in (FIFTYONE, DATABASE, Take(text="2")):
        assert "read" in str(answer(take, **broken).refusal)


def test_a_label_that_was_deleted() -> None:
    gone = {"b": [B("a", box=[0.1] * 4)], "d": [D("a", box=[0.1] * 4)]}
    assert told(answer(FIFTYONE, **gone)) == [("db", "delete", "a")]
    (back,) = answer(DATABASE, **gone).changes
    assert brief(back)[:3] == ("fo", "insert", "a")
    assert (back.sample_id, back.media) == ("s-a", "m-a")
    assert "take `fiftyone` or `database`" in str(answer(Take(text="x"), **gone).refusal)
    assert "not in the dataset" in str(answer(DATABASE, **gone, samples=[S("s-b")]).refusal)
    assert answer(DATABASE, **gone, now={"f": [F("a")]}).settled


def test_a_slot_that_is_taken_takes_no_second_label() -> None:
    single = mapping(label_type=CLASSIFICATION)
    gone = {"b": [B("a")], "d": [D("a")], "mapped": single}
    assert "another label" in str(answer(DATABASE, **gone, samples=[S("s-a", occupied=True)]).refusal)
    assert told(answer(DATABASE, **gone)) == [("fo", "insert", "a")]


def test_a_row_that_was_deleted() -> None:
    gone = {"b": [B("a")], "f": [F("a", label="krill")]}
    assert told(answer(DATABASE, **gone)) == [("fo", "delete", "a")]
    (back,) = answer(FIFTYONE, **gone).changes
    assert brief(back)[:3] == ("db", "insert", "a")
    assert (back.label_id, back.media, back.new["label"]) == ("l-a", "m-a", "krill")  # type: ignore[index,call-overload]
    closed = mapping(*FIELDS, can_insert=False)
    assert "cannot insert rows" in str(answer(FIFTYONE, **gone, mapped=closed).refusal)


def test_an_id_that_the_database_never_had() -> None:
    strange = {"f": [F("a")]}
    assert told(answer(FIFTYONE, **strange)) == [("db", "insert", "a")]
    assert told(answer(DATABASE, **strange)) == [("fo", "delete", "a")]


def test_an_id_that_the_database_is_still_to_give_is_not_taken_from_the_row_that_gets_it() -> None:
    strange = {"f": [F("9")], "ahead": ("9",)}
    assert "has not given the id 9 yet" in str(answer(FIFTYONE, **strange).refusal)
    assert told(answer(DATABASE, **strange)) == [("fo", "delete", "9")]


def test_a_copy_beside_its_original() -> None:
    copied = {"b": [B("a")], "f": [F("a"), F("a", label_id="l-copy")], "d": [D("a")]}
    (gone,) = answer(DATABASE, **copied).changes
    assert (gone.action.value, gone.label_id) == ("delete", "l-copy")
    (freed,) = answer(FIFTYONE, **copied).changes
    assert (freed.field, freed.old, freed.new, freed.label_id) == (ID_FIELD, "a", None, "l-copy")


def test_copies_without_an_original_are_left_alone() -> None:
    copies = {"b": [B("a")], "f": [F("a", label_id="l-1"), F("a", label_id="l-2")], "d": [D("a")]}
    for take in (FIFTYONE, DATABASE):
        assert all("may be the original" in str(each.refusal) for each in answers(take, **copies))


def test_rows_that_share_an_id_are_for_hands() -> None:
    found = answers(DATABASE, b=[B("a")], f=[F("a")], d=[D("a"), D("a")])
    assert all(each.changes == () and each.refusal for each in found)


def test_a_label_whose_id_was_changed() -> None:
    moved = {"b": [B("a")], "f": [F("x", label_id="l-a", sample="s-a")], "d": [D("a")]}
    (restored,) = answer(DATABASE, **moved).changes
    assert (restored.annotation_id, restored.field, restored.old, restored.new) == ("a", ID_FIELD, "x", "a")
    assert answer(FIFTYONE, **moved).refusal


def test_an_id_on_another_sample_of_which_no_image_is_known_is_for_hands() -> None:
    moved = {"b": [B("a")], "f": [F("a", sample="s-b", media="-")], "d": [D("a")]}
    for take in (FIFTYONE, DATABASE):
        assert "no image says" in str(answer(take, **moved).refusal)


ON_OTHER_IMAGES: list[dict[str, Any]] = [
    {"b": [B("a")], "f": [F("a")], "d": [D("a", media="m-b")]},
    {"b": [B("a", sample="s-x")], "f": [F("a")], "d": [D("a", media="m-b")]},
    {"f": [F("a")], "d": [D("a", media="m-b")]},
]


@pytest.mark.parametrize("world", ON_OTHER_IMAGES, ids=["row tied anew", "label carried away", "first meeting"])
def test_an_annotation_on_two_images(world: dict[str, Any]) -> None:
    assert told(answer(DATABASE, **world)) == [("fo", "update", "a", SAMPLE_FIELD, "s-a", "s-b")]
    assert answer(DATABASE, **world).changes[0].media == "m-b"
    assert told(answer(FIFTYONE, **world)) == [("db", "update", "a", MEDIA_FIELD, "m-b", "m-a")]
    assert answer(Take(text="m-c"), **world).refusal


def test_an_image_that_nobody_has_seen_is_not_taken_and_one_that_agrees_by_now_is_settled() -> None:
    world = ON_OTHER_IMAGES[0]
    for take in (FIFTYONE, DATABASE):
        for now in ({"d": [D("a", media="m-c")]}, {"f": [F("a", media="m-c")]}):
            assert "has moved on" in str(answer(take, **world, now=now).refusal)
        for now in ({"d": [D("a", media="m-a")]}, {"f": [F("a", sample="s-b")]}, {"f": []}):
            assert answer(take, **world, now=now).settled or now == {"f": [F("a", sample="s-b")]}


def test_a_label_goes_only_where_there_is_room_for_it() -> None:
    world = ON_OTHER_IMAGES[0]
    single = {"mapped": mapping(label_type=CLASSIFICATION)}
    for samples, given in (
        ([S("s-a")], {}),
        ([S("s-a"), S("s-b"), S("s-c", media="m-b")], {}),
        ([S("s-a"), S("s-b", occupied=True)], single),
    ):
        assert answer(DATABASE, **world, samples=samples, **given).refusal
    several = answer(DATABASE, **world, samples=[S("s-a"), S("s-b", occupied=True)])
    assert told(several) == [("fo", "update", "a", SAMPLE_FIELD, "s-a", "s-b")]
    fixed = {"mapped": replace(mapping(), can_write_media=False)}
    assert answer(FIFTYONE, **world, **fixed).refusal


def test_a_label_drawn_where_a_known_one_was() -> None:
    box = [0.1, 0.1, 0.2, 0.2]
    replaced = {
        "b": [B("a", box=box)],
        "f": [F(None, label_id="l-new", sample="s-a", box=box)],
        "d": [D("a", box=box)],
    }
    (stamped,) = answer(FIFTYONE, **replaced).changes  # all else is alike
    assert (stamped.annotation_id, stamped.label_id, stamped.field, stamped.new) == ("a", "l-new", ID_FIELD, "a")
    gone, back = answer(DATABASE, **replaced).changes
    assert (gone.action.value, gone.label_id, gone.annotation_id) == ("delete", "l-new", None)
    assert (back.action.value, back.sample_id, back.annotation_id) == ("insert", "s-a", "a")


def test_what_a_label_that_becomes_the_annotation_holds_goes_to_the_database_and_the_rest_comes() -> None:
    box, other = [0.1, 0.1, 0.2, 0.2], [0.1, 0.1, 0.2, 0.21]
    replaced = {
        "b": [B("a", box=box, depth=1.0, verified=True)],
        "f": [F(None, label_id="l-new", sample="s-a", box=other, label="krill", depth=2.0)],
        "d": [D("a", box=box, depth=1.0, verified=True)],
    }
    assert told(answer(FIFTYONE, **replaced)) == [
        ("fo", "update", "a", ID_FIELD, None, "a"),
        ("db", "update", "a", LABEL, "copepod", "krill"),
        ("db", "update", "a", "box", box, other),
        ("db", "update", "a", "depth", 1.0, 2.0),
        ("fo", "update", "a", "verified", None, True),
    ]
    fixed = told(answer(FIFTYONE, **replaced, fixed=("box",)))
    assert ("fo", "update", "a", "box", other, box) in fixed
    assert "not in the vocabulary" in str(
        answer(FIFTYONE, **replaced, vocabulary=Vocabulary((Term("copepod"),))).refusal
    )


def test_a_label_that_was_moved_and_made_anew_gives_way_to_one_where_it_was_known() -> None:
    box = [0.1, 0.1, 0.2, 0.2]
    made = {
        "b": [B("a", box=box)],
        "f": [F(None, label_id="l-new", sample="s-b", box=box)],
        "d": [D("a", box=box)],
        "conflicts": [opened("a", "moved", None, seen_on="s-b")],
    }
    (stamped,) = answer(FIFTYONE, **made).changes
    assert (stamped.sample_id, stamped.label_id, stamped.new) == ("s-b", "l-new", "a")
    gone, back = answer(DATABASE, **made).changes
    assert (gone.sample_id, back.sample_id) == ("s-b", "s-a")
    _, back = answer(DATABASE, **made, samples=[S("s-b")]).changes
    assert back.sample_id == "s-b", "the sample where it was known has left"


def test_class_tags_that_disagree_are_answered_even_where_the_sides_agree() -> None:
    tagged = {
        "b": [B("a")],
        "f": [F("a", tags=["krill", "salp"])],
        "d": [D("a")],
        "vocabulary": TERMS,
        "review": Review(),
    }
    found = answer(Take(text="salp"), **tagged)
    assert found.by_tag
    assert {each[0] for each in told(found)} == {"fo", "db"}
    kept = answer(DATABASE, **tagged)
    assert (kept.changes, kept.settled, kept.by_tag) == ((), False, True)


@pytest.mark.parametrize("take", [FIFTYONE, DATABASE, Take(text="x")], ids=lambda each: each.words)
@pytest.mark.parametrize("kind", sorted(ConflictKind))
def test_no_kind_is_without_an_answer_or_a_sentence(kind: str, take: Take) -> None:
    """Whatever stands in the table, nobody gets a traceback, and nothing happens that was not meant."""
    mapped = mapping(*FIELDS)
    base = {"annotation_id": "a", "sample_id": "s-a", "label_id": "l-a", "kind": kind, "suggestions": []}
    values = {"base": None, "fiftyone": None, "database": None}
    for name in (None, LABEL, "gone"):
        for sides in ({"f": [F("a")], "d": [D("a")]}, {"f": [F("a")], "d": []}, {"f": [], "d": [D("a")]}):
            found = decide(Question(mapped), base | values | {"field": name}, take, present(mapped, [], **sides))
            assert found.refusal or found.settled or kind == "duplicate_id" or not found.changes
            assert kind not in BY_HAND or found.refusal

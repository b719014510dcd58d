"""Tags, vocabulary and both sides' edits, in every combination: what holds of every plan."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from syncd.diff import diff
from syncd.diff.tag_intents import verified_field
from syncd.model import LABEL, Action, Direction, LabelType, Marks, Plan, Review, Vocabulary
from syncd.model.vocabulary import Term
from unit.diff.applier import State, applied
from unit.diff.strategies import POLICIES, PROFILE, often
from unit.diff.world import B, D, F, Row, mapping

TERMS = Vocabulary(
    tuple(Term(each) for each in ("copepod", "krill", "salp")), ("unknown",), {"Old": "krill", "Copepda": "copepod"}
)
LABELS = ["copepod", "krill", "salp", "unknown", "Old", "Copepda", "kril", "weird"]
TAGS = ["ok", "bad", "krill", "salp", "copepod", "Old", "seen", "by:anna", "m:conflict", "m:unknown", "m:held"]
VERIFIED = [None, True, False]


@st.composite
def reviewed(draw: Any) -> State:
    """A few annotations with tags, some of them on one sample, and labels that were drawn."""
    label_type = draw(st.sampled_from([LabelType.DETECTIONS, LabelType.CLASSIFICATION]))
    ways = draw(
        st.lists(st.sampled_from(["both", "both", "both", "to_database", "to_fiftyone"]), min_size=2, max_size=2)
    )
    mapped = mapping(f"label={ways[0]}", f"verified={ways[1]}", label_type=label_type)
    state = State(mapped, [], [], [], [])
    shared = {"s-a": draw(_tags()), "s-b": draw(_tags()), "s-c": draw(_tags())}
    for name in ("a", "b", "c"):
        sample = f"s-{name}" if label_type is LabelType.CLASSIFICATION else draw(often(f"s-{name}", "s-a"))
        base = {LABEL: draw(st.sampled_from(LABELS)), "verified": draw(st.sampled_from(VERIFIED))}
        mine, theirs = draw(_edited(base)), draw(_edited(base))
        if draw(often(True, False)):
            state.b.append(B(name, sample=sample, unknown=draw(often((), ("verified",), (LABEL,))), **base))
        place = {"sample": sample, "label_id": f"l-{name}", "tags": draw(_tags()), "sample_tags": shared[sample]}
        state.f.append(F(name, **place, **mine))
        state.d.append(D(name, media=sample.replace("s-", "m-"), **theirs))
    if draw(often(False, True)):
        place = {"sample": "s-d", "label_id": "l-d", "tags": draw(_tags())}
        state.f.append(F(None, **place, label=draw(st.sampled_from(LABELS))))
    after = draw(st.sampled_from(["remove", "keep", "replace"]))
    review = Review(
        mode=draw(st.sampled_from(["immediate", "tagged"])),
        approve=("ok",),
        error=("bad",),
        after=after,
        replacement="done" if after == "replace" else None,
        verified=draw(st.sampled_from([None, "verified"])),
        actor_prefix="by:",
        marks=Marks("m:conflict", "m:unknown", "m:held"),
    )
    state.given = {name: draw(st.sampled_from(choices)) for name, choices in POLICIES.items()}
    return State(
        mapped, state.b, state.f, state.d, [],
        given=state.given | {"force": True, "review": review, "vocabulary": TERMS},
    )  # fmt: skip


def _tags() -> st.SearchStrategy[list[str] | None]:
    return st.one_of(st.none(), st.lists(st.sampled_from(TAGS), max_size=3, unique=True).map(lambda tags: tags or None))


def _edited(base: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {LABEL: often(base[LABEL], *LABELS), "verified": often(base["verified"], *VERIFIED)}
    )  # fmt: skip


def by_id(rows: list[Row]) -> dict[str, Row]:
    return {row.columns["annotation_id"]: row for row in rows if row.columns["annotation_id"]}


def agreed(state: State, name: str, field: str) -> tuple[bool, Any]:
    """Whether a value was ever agreed, and which."""
    row = by_id(state.b).get(name)
    known = row is not None and field not in row.columns["unknown"]
    return known, row.values.get(field) if row is not None and known else None


@PROFILE
@given(reviewed())
def test_nothing_outside_the_vocabulary_reaches_the_database(state: State) -> None:
    for _ in range(3):
        plan = diff(state.inputs())
        for each in plan.changes:
            if each.direction is Direction.TO_DATABASE and each.action is Action.INSERT:
                assert isinstance(each.new, dict)
                assert each.new[LABEL] in TERMS.names
            if each.direction is Direction.TO_DATABASE and each.field == LABEL:
                assert each.new in TERMS.names
        state = applied(state, plan)


@PROFILE
@given(reviewed())
def test_no_edit_is_dropped_silently(state: State) -> None:
    """Each ends on its way, waiting or in conflict, unless the sides mean the same already."""
    plan = diff(state.inputs())
    said = {(each.annotation_id, each.field) for each in plan.changes if each.direction is not None}
    said |= {(each.annotation_id, each.field) for each in plan.conflicts}
    said |= {(each.annotation_id, each.field) for each in plan.waiting}
    homes = by_id(state.d)
    for name, row in by_id(state.f).items():
        for field in state.mapped.names:
            known, base = agreed(state, name, field)
            mine, theirs = row.values[field], homes[name].values[field]
            if mine == theirs or (field == LABEL and TERMS.meant(mine) == theirs):
                continue
            assert not known or mine != base or theirs != base
            assert (name, field) in said, f"{field} of {name}: {base!r}, {mine!r}, {theirs!r}"
    awaiting = {each.about for each in plan.waiting if each.kind == "awaiting_review"}
    flagged = {each.about for each in plan.waiting if each.kind == "error"}
    assert (plan.counts.awaiting_review, plan.counts.flagged) == (len(awaiting), len(flagged))


@PROFILE
@given(reviewed())
def test_what_a_reviewer_typed_is_not_destroyed_before_it_is_settled(state: State) -> None:
    """A text that means nothing is only replaced where it is no edit; any other by what it means, or by a policy."""
    plan = diff(state.inputs())
    labels = by_id(state.f)
    for each in plan.changes:
        if each.direction is not Direction.TO_FIFTYONE or each.field != LABEL:
            continue
        typed = labels[str(each.annotation_id)].values[LABEL]
        known, base = agreed(state, str(each.annotation_id), LABEL)
        if (known and typed == base) or TERMS.meant(typed) == each.new:
            continue
        if TERMS.meant(typed) is None and known:
            raise AssertionError(f"{typed!r} was lost to {each}")
        assert each.reason in ("on_conflict", "first_sync", "class_tag")


@PROFILE
@given(reviewed())
def test_a_waiting_edit_is_not_written_and_an_approved_one_does_not_wait(state: State) -> None:
    plan = diff(state.inputs())
    waiting = {(each.annotation_id, each.label_id, each.field) for each in plan.waiting if each.kind != "error"}
    written = {(each.annotation_id, each.label_id, each.field) for each in plan.changes}
    assert not waiting & written
    tagged = {
        row.columns["label_id"]
        for row in state.f
        if "ok" in [*(row.columns["tags"] or []), *(row.columns["sample_tags"] or [])]
    }
    assert not {each[1] for each in waiting} & tagged
    if state.given["review"].mode == "immediate":
        assert waiting == set()
    else:
        homeward = {each.label_id for each in plan.changes if each.direction is Direction.TO_DATABASE}
        assert homeward <= tagged


@PROFILE
@given(reviewed())
def test_everything_comes_to_rest_and_stays_there(state: State) -> None:
    """Whatever becomes of the tags, no tag has its effect twice, and none is taken off that asked for nothing."""
    for _ in range(4):
        plan = diff(state.inputs())
        if not (plan.changes or plan.tags):
            break
        state = applied(state, plan)
    assert (plan.changes, plan.tags) == ((), ())
    assert rest(diff(applied(state, plan).inputs())) == rest(plan)


def rest(plan: Plan) -> Any:
    return plan.changes, plan.tags, plan.conflicts, plan.waiting, plan.answered


@PROFILE
@given(reviewed())
def test_marks_stand_on_the_labels_in_conflict_and_nowhere_else(state: State) -> None:
    plan = diff(state.inputs())
    after = applied(state, plan)
    marked = {
        (row.columns["sample_id"], row.columns["label_id"], tag)
        for row in after.f
        for tag in row.columns["tags"] or []
        if tag.startswith("m:")
    }
    wanted = {
        (each.sample_id, each.label_id, "m:unknown" if each.kind == "unknown_label" else "m:conflict")
        for each in plan.conflicts
    }
    assert marked == wanted


@PROFILE
@given(reviewed(), st.sets(st.sampled_from(["a", "b", "c"])), st.sets(st.sampled_from(TAGS)))
def test_no_label_goes_with_its_row_while_a_tag_on_it_asks_for_something(
    state: State, deleted: set[str], heard: set[str]
) -> None:
    """Nor does one stay, that nobody has edited, once its tags were answered."""
    state.d = [row for row in state.d if row.columns["annotation_id"] not in deleted]
    state.answered = [(name, tag) for name in "abc" for tag in sorted(heard)]
    state.given["on_database_delete"] = "remove"
    plan = diff(state.inputs())
    gone = {each.annotation_id for each in plan.changes if each.action is Action.DELETE and each.direction is not None}
    asked = {each.annotation_id: each for each in plan.conflicts if each.kind == "deleted_in_database"}
    review = state.given["review"]
    for name in deleted & by_id(state.b).keys():
        row = by_id(state.f)[name]
        tags = {*(row.columns["tags"] or ()), *(row.columns["sample_tags"] or ())} - heard
        asks = {tag for tag in tags if TERMS.meant(tag) and TERMS.meant(tag) != TERMS.meant(row.values[LABEL])}
        asks |= tags & {"bad"}
        if verified_field(state.mapped, review) is not None and row.values["verified"] is not True:
            asks |= tags & {"ok"}
        if asks:
            content = asked[name].fiftyone
            assert isinstance(content, dict) and content["review.tags"] == sorted(asks)
        edited = any(agreed(state, name, field)[1] != row.values[field] for field in state.mapped.names)
        assert (name in gone) == (not asks and not edited)

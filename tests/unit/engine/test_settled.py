"""The theorem of syncd/diff/settled.py: a reading without what is settled gives the plan of everything."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.diff import Inputs, Young, diff
from syncd.diff.reverts import edited_stamps
from syncd.diff.settled import Named, Rules, asked_for, spoken_of, without_unedited
from syncd.engine.document_cache import CachedLabels, CacheLookup
from syncd.engine.partitioned import Partitioned
from syncd.engine.partitions import Parts
from syncd.engine.sweep import Met
from syncd.model import Plan, Side
from syncd.model.snapshot import DOCUMENT_CACHE_SCHEMA, DOCUMENTS_SCHEMA, HASHES, baseline_schema, schema
from trust import tried
from unit.diff.applier import State
from unit.diff.strategies import PROFILE, states
from unit.diff.test_properties import said
from unit.diff.test_review_properties import TERMS, reviewed
from unit.diff.world import NOON, SECOND, B, D, F, S, mapping


@dataclass(frozen=True)
class Narrowed:
    """What is left of the inputs after they were laid down and looked through, and what was met."""

    inputs: Inputs
    met: pl.DataFrame
    first: int
    not_ingested: int
    decoded: list[str]

    def plan(self) -> Plan:
        """The plan for what is left, with what was met."""
        plan = diff(self.inputs)
        counts = replace(
            plan.counts,
            first_met=plan.counts.first_met + self.first,
            not_ingested=plan.counts.not_ingested + self.not_ingested,
        )
        return replace(plan, counts=counts, baseline=pl.concat([plan.baseline, self.met]).sort("annotation_id"))


NOTHING_KNOWN = pl.DataFrame(schema=DOCUMENT_CACHE_SCHEMA)


def documents(labels: pl.DataFrame) -> pl.DataFrame:
    """A document for each sample that has labels; its content is whatever its labels are read as."""
    held = [
        {"sample_id": sample, "document": repr(rows.rows()).encode()}
        for (sample,), rows in labels.drop_nulls("sample_id").sort("sample_id", "label_id").group_by("sample_id")
    ]
    hashes = [pl.col("document").hash(seed).alias(name) for seed, name in enumerate(HASHES)]
    found = pl.DataFrame(held, schema={"sample_id": pl.String(), "document": pl.Binary()}, orient="row")
    return found.with_columns(hashes).select(*DOCUMENTS_SCHEMA).sort("sample_id")


def labels_of(labels: pl.DataFrame, kept: pl.DataFrame) -> pl.DataFrame:
    return labels.join(kept, on="sample_id", how="semi")


def lookup(inputs: Inputs, known: pl.DataFrame) -> CacheLookup:
    return CacheLookup(None, inputs.mapping, known, partial(spoken_of, inputs.policy.review, inputs.vocabulary))


def learnt(inputs: Inputs) -> pl.DataFrame:
    """What is known of FiftyOne's documents after they were decoded."""
    labels = inputs.fiftyone.rows
    recognised = lookup(inputs, NOTHING_KNOWN)
    recognised.decoded(labels.drop_nulls("sample_id"), documents(labels).drop("document"))
    known = recognised.known_now()
    return NOTHING_KNOWN if known is None else known


def stamped_by_sample(inputs: Inputs) -> Inputs:
    """FiftyOne stamps a sample, with all its labels."""
    rows = inputs.fiftyone.rows.with_columns(pl.col("edited_at").max().over("sample_id"))
    return replace(inputs, fiftyone=replace(inputs.fiftyone, rows=rows))


def saved(_: pl.DataFrame) -> None:
    """Nothing is saved: what is known is given."""


def narrowed(inputs: Inputs, parts: int | None, known: pl.DataFrame = NOTHING_KNOWN) -> Narrowed:
    """``known`` is what is known of FiftyOne's documents (``DOCUMENT_CACHE_SCHEMA``)."""
    labels = inputs.fiftyone.rows
    met = documents(labels)
    recognised = lookup(inputs, known)
    with tempfile.TemporaryDirectory() as folder:
        sides = Path(folder) / "sides"
        cached = CachedLabels(
            Parts(sides / "fiftyone", schema(Side.FIFTYONE, inputs.mapping), parts), recognised, saved
        )
        partitioned = Partitioned(sides, Path(folder) / "met", inputs.mapping, parts, cached)
        half = met.height // 2
        to_decode = [each for some in (met[:half], met[half:]) if some.height for each in recognised.recognise(some)]
        for sink, frame in (
            (partitioned.fiftyone, labels.filter(pl.col("sample_id").is_in(to_decode) | pl.col("sample_id").is_null())),
            (partitioned.database, inputs.database.rows),
            (partitioned.baseline, inputs.baseline),
        ):
            half = frame.height // 2
            sink.add(frame[:half])
            sink.add(frame[half:])
        decoded: list[str] = []

        def decode(kept: pl.DataFrame) -> pl.DataFrame:
            decoded.extend(kept["sample_id"])
            return labels_of(labels, kept)

        partitioned.compare(decode)
        as_of = inputs.fiftyone.as_of
        rules = Rules(inputs.mapping, inputs.policy, inputs.vocabulary, inputs.history, inputs.young, as_of, diff)
        left = partitioned.closed(partitioned.unsettled(rules, partial(_find, inputs.samples)), decode)
        alongside = partitioned.stamped(edited_stamps(inputs.mapping, left.fiftyone, left.baseline))
        met, absent = Met(partitioned.met, left.named), partitioned.not_ingested(left.named)
        found, first = pl.concat([pl.DataFrame(schema=baseline_schema(inputs.mapping)), *met]), met.first
    narrow = replace(
        inputs,
        fiftyone=replace(inputs.fiftyone, rows=left.fiftyone, scanned=partitioned.fiftyone.rows),
        database=replace(inputs.database, rows=left.database, scanned=partitioned.database.rows),
        baseline=left.baseline,
        baseline_size=partitioned.baseline.parts.rows,
        alongside=alongside,
    )
    return Narrowed(narrow, found, first, absent, decoded)


def _find(samples: pl.DataFrame, media: list[str]) -> pl.DataFrame:
    return samples.filter(pl.col("media").is_in(media))


def polled(inputs: Inputs) -> Inputs:
    """The inputs as an incremental run makes them: rows that are not as agreed are those that bear a new stamp."""
    known = {row["annotation_id"]: row for row in inputs.baseline.iter_rows(named=True)}
    names = [f"value.{each.name}" for each in inputs.mapping.fields]
    named = set(inputs.history.open_conflicts["annotation_id"]) | set(inputs.history.answered["annotation_id"])
    rows = inputs.database.rows
    for row in rows.iter_rows(named=True):
        base = known.get(row["annotation_id"])
        if (
            base is None
            or row["media"] != base["image"]
            or row["problems"] is not None
            or any(row[name] != base[name] for name in names)
        ):
            named.add(row["annotation_id"])
    named |= known.keys() - set(rows["annotation_id"])
    named |= set(rows.filter(rows["annotation_id"].is_duplicated())["annotation_id"])
    labels, baseline = without_unedited(
        inputs.mapping,
        inputs.policy.review,
        inputs.vocabulary,
        inputs.fiftyone.rows,
        inputs.baseline,
        {each for each in named if each is not None},
    )
    left = {*labels["annotation_id"], *baseline["annotation_id"], *named}
    return replace(
        inputs,
        fiftyone=replace(inputs.fiftyone, rows=labels, scanned=inputs.fiftyone.size),
        database=replace(
            inputs.database,
            rows=rows.filter([each is None or each in left for each in rows["annotation_id"]]),
            scanned=inputs.database.size,
        ),
        baseline=baseline,
    )


def decided(plan: Plan) -> dict[str, Any]:
    """All that a plan does; its scope is smaller, and what is left alone for being young is fewer."""
    found = {name: value for name, value in vars(plan).items() if name not in ("baseline", "scope")}
    found["counts"] = replace(plan.counts, too_young=0)
    return found | {"baseline": plan.baseline.to_dicts()}


# How a reading is narrowed, at each granularity at which an annotation can be settled.
Granularity = Callable[[Inputs, int | None, float], tuple[Any, Any]]


def by_annotation_in_a_poll(inputs: Inputs, parts: int | None, share: float) -> tuple[Any, Any]:
    """Of an incremental reading, without the labels that nobody edited."""
    read = replace(
        inputs,
        fiftyone=replace(inputs.fiftyone, complete=False),
        database=replace(inputs.database, complete=False),
    )
    return decided(diff(polled(read))), decided(diff(read))


def by_annotation_in_a_sweep(inputs: Inputs, parts: int | None, share: float) -> tuple[Any, Any]:
    """Of a complete reading, in parts, every document decoded."""
    return said(narrowed(inputs, parts).plan()), said(diff(inputs))


def by_sample_in_a_sweep(inputs: Inputs, parts: int | None, share: float) -> tuple[Any, Any]:
    """Of a complete reading of which this share of the documents is known."""
    stamped = stamped_by_sample(inputs)
    known = learnt(stamped)
    found = narrowed(stamped, parts, known[: round(share * known.height)])
    return said(found.plan()), said(diff(stamped))


@pytest.mark.parametrize("granularity", [by_annotation_in_a_poll, by_annotation_in_a_sweep, by_sample_in_a_sweep])
@PROFILE
@given(
    st.one_of(states(), reviewed()),
    st.one_of(st.none(), st.integers(1, 4)),
    st.booleans(),
    st.booleans(),
    st.one_of(st.just(1.0), st.floats(0, 1)),
)
def test_the_plan_is_that_of_everything(
    granularity: Granularity, state: State, parts: int | None, adopt: bool, young: bool, share: float
) -> None:
    quiet = Young(after=NOON, until=NOON + SECOND / 2) if young else None
    narrow, everything = granularity(state.inputs(adopt=adopt, young=quiet), parts, share)
    tried("cases")
    assert narrow == everything


def test_a_document_that_has_changed_is_decoded() -> None:
    state = State(mapping("label"), [B("a", label="x")], [F("a", label="x")], [D("a", label="x")], [])
    known = learnt(state.inputs())
    state.f = [F("a", label="y")]
    inputs = state.inputs()
    assert said(narrowed(inputs, None, known).plan()) == said(diff(inputs))
    assert diff(inputs).changes


def test_a_document_that_holds_what_was_agreed_is_not_decoded_unless_there_is_something_to_do() -> None:
    labels = dict.fromkeys("abcdef", "copepod")
    state = State(
        mapping("label"),
        [B(name, label=label) for name, label in labels.items()],
        [F(name, label=label) for name, label in labels.items()],
        [D(name, label="krill" if name == "c" else label) for name, label in labels.items()],
        [],
    )
    inputs = state.inputs()
    found = narrowed(inputs, None, learnt(inputs))
    assert (found.decoded, found.inputs.fiftyone.rows["annotation_id"].to_list()) == (["s-c"], ["c"])
    assert found.inputs.fiftyone.size == 6
    assert said(found.plan()) == said(diff(inputs))


@pytest.mark.parametrize("parts", [None, 2])
@pytest.mark.parametrize("known", [False, True], ids=["decoded", "recognised"])
def test_a_row_that_was_tied_to_another_image_is_looked_at_though_its_values_are_agreed(
    parts: int | None, known: bool
) -> None:
    state = State(mapping("label"), [B("a", label="x")], [F("a", label="x")], [D("a", label="x", media="m-other")], [])
    inputs = state.inputs()
    found = narrowed(inputs, parts, learnt(inputs) if known else NOTHING_KNOWN)
    assert [each.kind for each in found.plan().conflicts] == ["moved"]
    assert said(found.plan()) == said(diff(inputs))


def test_a_document_is_decoded_where_the_baseline_has_moved_since() -> None:
    state = State(mapping("label"), [B("a", label="x")], [F("a", label="x")], [D("a", label="x")], [])
    known = learnt(state.inputs())
    state.b, state.d = [B("a", label="y")], [D("a", label="y")]
    found = narrowed(state.inputs(), None, known)
    assert found.decoded == ["s-a"]
    assert said(found.plan()) == said(diff(state.inputs()))


@pytest.mark.parametrize("parts", [1, 3])
def test_what_is_settled_is_left_out_and_counted(parts: int) -> None:
    labels = dict.fromkeys("abcdef", "copepod")
    state = State(
        mapping("label"),
        [B(name, label=label) for name, label in labels.items()],
        [F(name, label="krill" if name == "c" else label) for name, label in labels.items()],
        [D(name, label=label) for name, label in labels.items()],
        [],
    )
    found = narrowed(state.inputs(), parts).inputs
    assert [frame["annotation_id"].to_list() for frame in (found.fiftyone.rows, found.database.rows)] == [["c"], ["c"]]
    assert (found.fiftyone.size, found.database.size, found.baseline_size) == (6, 6, 6)


def test_where_all_is_settled_nothing_is_kept() -> None:
    state = State(mapping("label"), [B("a", label="x")], [F("a", label="x")], [D("a", label="x")], [])
    found = narrowed(state.inputs(), 2).inputs
    assert [found.fiftyone.rows.height, found.database.rows.height, found.baseline.height] == [0, 0, 0]
    assert diff(found).is_empty


@pytest.mark.parametrize("parts", [1, 3])
def test_of_a_first_meeting_only_what_is_not_alike_is_kept(parts: int) -> None:
    labels = dict.fromkeys("abcdef", "copepod")
    state = State(
        mapping("label"),
        [],
        [F(name, label="krill" if name == "c" else label) for name, label in labels.items()],
        [D(name, label=label) for name, label in labels.items()],
        [],
    )
    found = narrowed(state.inputs(), parts)
    assert found.inputs.fiftyone.rows["annotation_id"].to_list() == ["c"]
    assert (found.first, sorted(found.met["annotation_id"])) == (5, list("abdef"))
    assert said(found.plan()) == said(diff(state.inputs()))


def test_rows_without_a_sample_are_counted_and_not_kept() -> None:
    state = State(mapping("label"), [], [], [D("a"), D("b"), D("c", media="nowhere")], [S("s-b")])
    found = narrowed(state.inputs(), 2)
    assert (found.inputs.database.rows["annotation_id"].to_list(), found.not_ingested) == (["b"], 2)
    assert said(found.plan()) == said(diff(state.inputs()))


def test_where_a_field_is_mapped_anew_what_both_hold_alike_is_only_remembered() -> None:
    both = mapping("label", "depth")
    names = "abc"
    state = State(
        both,
        [B(name, label="copepod", unknown=("depth",)) for name in names],
        [F(name, label="copepod", depth=1.0) for name in names],
        [D(name, label="copepod", depth=2.0 if name == "b" else 1.0) for name in names],
        [],
    )
    found = narrowed(state.inputs(), 2)
    assert found.inputs.database.rows["annotation_id"].to_list() == ["b"]
    assert (found.first, sorted(found.met["annotation_id"])) == (0, ["a", "c"])
    assert said(found.plan()) == said(diff(state.inputs()))


def test_two_labels_in_one_place_are_seen_though_each_is_where_it_was() -> None:
    twins = {"sample": "s", "label_id": "l"}
    rows = [("a", twins), ("b", twins)]
    state = State(
        mapping("label"),
        [B(name, label="x", **place) for name, place in rows],
        [F(name, label="x", **place) for name, place in rows],
        [D(name, label="x") for name, _ in rows],
        [],
    )
    inputs = state.inputs()
    assert said(narrowed(inputs, 3).plan()) == said(diff(inputs))
    assert diff(inputs).conflicts


def test_a_read_that_begins_anew_leaves_nothing_of_the_first(tmp_path: Path) -> None:
    inputs = State(mapping("label"), [], [F("a", label="x"), F("b", label="y")], [], []).inputs()
    frame, known = inputs.fiftyone.rows, learnt(inputs)
    parts = Parts(tmp_path, schema(Side.FIFTYONE, mapping("label")), 2)
    labels = CachedLabels(parts, CacheLookup(tmp_path, mapping("label"), known, lambda _: ()), saved)
    for _ in range(2):
        labels.clear()
        labels.add(frame)
        labels.recognised.recognise(documents(frame))
        labels.recognised.decoded(frame, documents(frame).drop("document"))
    found = pl.concat(list(labels.decoded))
    assert (found.height, labels.rows) == (2, 2)
    known_now = labels.recognised.known_now()
    assert known_now is not None
    assert known_now.height == 4, "two that were met, and two that were learnt"
    assert found.sort("label_id").equals(frame.sort("label_id"))


IN_DOUBT = {
    "a copy under the same id on another sample": [F("a"), F("a", sample="s-x", label_id="l-x")],
    "a copy under the same id on the same sample": [F("a"), F("a", label_id="l-x")],
    "a clone that has its label's id and no other": [F("a"), F(None, sample="s-x", label_id="l-a")],
    "a clone that another id was given to": [F("a"), F("b", sample="s-x", label_id="l-a")],
    "two labels in one place": [F("a"), F(None, label_id="l-a")],
    "a label in the place of another": [F("a"), F("a", sample="s-b", label_id="l-b")],
}


@pytest.mark.parametrize("case", list(IN_DOUBT))
def test_a_label_that_makes_another_doubtful_is_seen_together_with_it(case: str) -> None:
    state = State(mapping("label"), [B("a"), B("b")], IN_DOUBT[case], [D("a"), D("b")], [])
    inputs = state.inputs(complete=False)
    # That a label of the other one is not to be seen at all is a matter of its own.
    assert decided(diff(polled(inputs))) == decided(diff(inputs))
    assert diff(inputs).conflicts or diff(inputs).hints


def test_two_labels_that_share_their_place_are_seen_though_each_is_as_it_was() -> None:
    place = {"sample": "s", "label_id": "l"}
    state = State(mapping("label"), [B(n, **place) for n in "ab"], [F(n, **place) for n in "ab"], [D("a"), D("b")], [])
    inputs = state.inputs(complete=False)
    assert decided(diff(polled(inputs))) == decided(diff(inputs))
    assert diff(inputs).conflicts


def test_of_a_sample_only_the_labels_that_were_edited_are_left() -> None:
    labels = dict.fromkeys("abcd", "copepod")
    place = {"sample": "s"}
    state = State(
        mapping("label"),
        [B(name, label=label, **place) for name, label in labels.items()],
        [F(name, label="krill" if name == "c" else label, **place) for name, label in labels.items()],
        [D(name, label="salp" if name == "d" else label) for name, label in labels.items()],
        [],
    )
    found = polled(state.inputs(complete=False))
    assert found.fiftyone.rows["annotation_id"].to_list() == ["c", "d"]
    assert found.database.rows["annotation_id"].to_list() == ["c", "d"]
    assert found.fiftyone.size == 4


@pytest.mark.parametrize("tag", ["krill", "ok"])
def test_where_a_tag_of_the_sample_says_anything_all_its_labels_are_left(tag: str) -> None:
    """One of two labels on a sample that is tagged with a class must not be taken for the only one."""
    place = {"sample": "s", "sample_tags": [tag]}
    labels = [F(name, label="copepod", **place) for name in "ab"]
    known = [B(name, label="copepod", sample="s") for name in "ab"]
    inputs = replace(State(mapping("label"), known, labels, [], []).inputs(complete=False), vocabulary=TERMS)
    review = replace(inputs.policy.review, approve=("ok",))
    rows = inputs.fiftyone.rows
    kept, _ = without_unedited(inputs.mapping, review, TERMS, rows, inputs.baseline, set())
    assert kept.height == 2
    assert asked_for(review, TERMS, rows, Named(frozenset("a"))).height == 2


def test_of_a_sample_that_is_not_stamped_only_what_is_asked_for_is_left() -> None:
    place = {"sample": "s"}
    labels = [F("a", **place), F("b", **place), F("c", **place), F(None, label_id="l-n", **place)]
    inputs = State(mapping("label"), [], labels, [], []).inputs()
    kept = asked_for(
        inputs.policy.review, None, inputs.fiftyone.rows, Named(frozenset("a"), label_ids=frozenset({"l-b"}))
    )
    assert kept["label_id"].to_list() == ["l-a", "l-b"]

"""The diff: three frames and a policy in, a plan out. All judgement of syncd happens below this function.

Order: identity; vocabulary and tags (what the reviewer means); presence, and the merge field by field with direction
and policy; the review gate; the brakes; last, what becomes of the tags.
"""

from __future__ import annotations

from collections import Counter

import polars as pl

from syncd.diff import box_units, rewind
from syncd.diff.brakes import counted, held_by
from syncd.diff.decisions import decide, next_baseline
from syncd.diff.editor_names import without_own_names
from syncd.diff.findings import Findings, with_sides
from syncd.diff.frames import B, F, is_hidden, join
from syncd.diff.gone_samples import without_lost_homes
from syncd.diff.history import open_fields, open_whole
from syncd.diff.identity import Identified, identify, without_orphans
from syncd.diff.images import Images, judge_images
from syncd.diff.inputs import Inputs
from syncd.diff.lost_attributes import with_lost
from syncd.diff.merge import judge
from syncd.diff.newcomers import judge_newcomers
from syncd.diff.presence import judge_missing
from syncd.diff.quiet_period import LeftAlone, without_young
from syncd.diff.reverts import find_returns
from syncd.diff.review import Answers, Heard, answers, flag, flagged, gated, kept
from syncd.diff.settled import is_agreed
from syncd.diff.tag_intents import verified_field, with_tag_intents
from syncd.diff.tags import (
    approved_places,
    asking,
    conflict_marks,
    held_marks,
    known_answers,
    said,
    spent_names,
    voices,
    with_actors,
)
from syncd.diff.vocabulary import with_nearest
from syncd.model.conflict_kinds import ConflictKind
from syncd.model.kinds import dumps
from syncd.model.mapping import SAMPLE_FIELD, Mapping, Side
from syncd.model.plan import AWAITING, ERROR, Change, Conflict, Counts, Plan, Scope, Waiting
from syncd.model.reasons import Reason
from syncd.model.snapshot import baseline_schema, distinct


def diff(inputs: Inputs) -> Plan:
    """Decides what to do. Pure: equal inputs, in whatever order of rows, give equal plans."""
    return _of_nothing(inputs) if _nothing_came(inputs) else judge_all(inputs)


def _nothing_came(inputs: Inputs) -> bool:
    """Whether incremental readings found no annotation at all, which is what nearly every poll finds."""
    frames = (inputs.fiftyone.rows, inputs.database.rows, inputs.baseline)
    whole = inputs.fiftyone.complete or inputs.database.complete
    return not whole and inputs.behind is None and all(each.is_empty() for each in frames)


def _of_nothing(inputs: Inputs) -> Plan:
    """What :func:`judge_all` makes of empty incremental readings, by a hundred joins of empty frames."""
    return Plan(
        binding=inputs.mapping.binding,
        changes=(),
        conflicts=(),
        baseline=pl.DataFrame(schema=baseline_schema(inputs.mapping)),
        dropped=(),
        counts=Counts(scanned_fiftyone=inputs.fiftyone.size, scanned_database=inputs.database.size),
        scope=Scope(everything=False),
        notes=_left_out(inputs),
    )


def judge_all(inputs: Inputs) -> Plan:
    """The plan of whatever was read, an empty reading included."""
    mapping, review = inputs.mapping, inputs.policy.review
    fiftyone, left = without_young(inputs.fiftyone.rows, inputs.baseline, inputs.young)
    fiftyone, taken_back = without_orphans(fiftyone, inputs.baseline, inputs.history.minted)
    baseline = _without(_with_those_away(inputs), left.ids)
    database, notes, twice = _sound(_without(inputs.database.rows, left.ids))
    database = without_own_names(database, inputs.history.signed)

    identified = identify(
        mapping, review, fiftyone, baseline, database, inputs.history.open_conflicts, adopt=inputs.adopt
    )
    held = identified.held | frozenset(twice)
    labels = _with_restored(fiftyone, identified.restored)
    known_tags = known_answers(inputs.history, labels)
    tags = said(labels, review, inputs.vocabulary, known_tags)
    voiced = voices(tags)
    verified = verified_field(mapping, review)
    asked = asking(tags, fiftyone, verified.name if verified else None)
    joined = _side_by_side(inputs, _without(baseline, held), identified, _without(database, held), held)
    found = Findings()
    returns = find_returns(inputs, joined, identified.fresh, identified.conflicts)
    judge_missing(inputs, joined, asked, returns.gone, found)
    judge_newcomers(inputs, joined, identified.fresh, approved_places(voiced), asked, returns.back, left.samples, found)
    in_both = joined.filter(pl.col("in_f") & pl.col("in_d"))
    images = judge_images(inputs, in_both, identified.half_moved, found)
    _put_off_what_waits_for_a_move(found)
    in_both = _without(in_both, images.ids)
    went_back = rewind.rewound(inputs, joined)
    found.hints.extend(rewind.hints(inputs, went_back))
    work = rewind.with_few(inputs, went_back, _needs_work(mapping, in_both, voiced))
    work = with_tag_intents(inputs, voiced, with_actors(work, review, F))
    work = gated(mapping, review, judge(mapping, inputs.policy, inputs.history, returns.values, work))
    flagging = flag(mapping, review, tags, in_both, inputs.history.open_conflicts)
    for outcome in (*decide(mapping, work), *flagging):
        found.add(outcome)

    restored = [each for each in identified.restored if each.annotation_id not in held]
    changes = sorted([*restored, *taken_back, *found.changes], key=lambda each: each.sort_key)
    doubts = [*with_sides(mapping, identified.conflicts, baseline, inputs.database.rows), *twice.values()]
    doubts += found.conflicts
    conflicts = _one_per_subject(with_nearest(inputs.vocabulary, doubts))
    waiting = [*found.waiting, *flagged(review, tags, fiftyone)]
    scope = _scope(inputs, joined, held, left, images, found)
    doubted = _displaced(inputs, identified.held) + images.displaced
    stop = (
        images.held
        or rewind.held(inputs, joined, went_back)
        or box_units.held(inputs, joined)
        or _braked(inputs, found, changes, conflicts, doubted)
    )
    answer = Answers((), frozenset())
    if stop is None:
        heard = Heard(changes, conflicts, found.waiting)
        answer = answers(review, verified.name if verified else None, inputs.history, tags, heard)
        unjudged = [each for each in open_fields(inputs.history) if each in scope.fields_left]
        spent = spent_names(review, fiftyone, changes)
        marked = [*spent, *conflict_marks(review.marks, fiftyone, tags, conflicts, unjudged)]
    else:
        marked = held_marks(review.marks, fiftyone, tags, changes)
    return Plan(
        binding=mapping.binding,
        changes=tuple(changes),
        conflicts=conflicts,
        baseline=_baseline(next_baseline(mapping, work, changes), found, images),
        dropped=tuple(sorted(found.dropped)),
        counts=_counts(inputs, found, changes, waiting, left, in_both),
        scope=scope,
        held=stop,
        hints=(*found.hints, *_relabelled(inputs, joined)),
        notes=(*notes, *_left_out(inputs)),
        waiting=tuple(sorted(waiting, key=lambda each: each.subject)),
        tags=tuple(sorted([*answer.edits, *marked], key=lambda each: each.sort_key)),
        answered=answer.answered | kept(known_tags, labels, held),
        recovery=_recovery(inputs, joined, went_back),
    )


def _with_those_away(inputs: Inputs) -> pl.DataFrame:
    """The baseline, in which annotations whose samples have left the dataset are away."""
    sides = (inputs.fiftyone.rows, inputs.database.rows)
    return without_lost_homes(inputs.baseline, *sides, inputs.homes, inputs.history.open_conflicts)


def _side_by_side(
    inputs: Inputs, baseline: pl.DataFrame, identified: Identified, database: pl.DataFrame, held: frozenset[str]
) -> pl.DataFrame:
    """One row per annotation id, with what is hidden and what was lost marked."""
    joined = join(baseline, _without(identified.rows, held), database).with_columns(is_hidden(inputs.database))
    restored = [str(each.annotation_id) for each in identified.restored]
    return with_lost(inputs.mapping, inputs.history, restored, joined)


def _one_per_subject(conflicts: list[Conflict]) -> tuple[Conflict, ...]:
    """At most one conflict is open per subject. Only labels that share even their place ever share one."""
    ordered = sorted(conflicts, key=lambda each: (each.subject, each.kind, dumps(each.fiftyone)))
    first = {each.subject: each for each in reversed(ordered)}
    return tuple(first[subject] for subject in sorted(first))


def _needs_work(mapping: Mapping, rows: pl.DataFrame, voiced: pl.DataFrame) -> pl.DataFrame:
    """Rows on which not everybody agrees, or of which a tag says something: only they are looked at by field."""
    quiet = is_agreed(mapping)
    if voiced.is_empty():
        return rows.filter(~quiet)
    place = [F + "sample_id", F + "label_id"]
    spoken_of = voiced.select(pl.col(name.removeprefix(F)).alias(name) for name in place)
    marked = rows.join(spoken_of.with_columns(pl.lit(value=True).alias("spoken_of")), on=place, how="left")
    return marked.filter(~quiet | pl.col("spoken_of")).drop("spoken_of")


def _with_restored(rows: pl.DataFrame, restored: tuple[Change, ...]) -> pl.DataFrame:
    """FiftyOne's rows, with their ids those that lost them: what is remembered of a tag is known by the id."""
    if not restored:
        return rows
    lost = {
        "sample_id": [each.sample_id for each in restored],
        "label_id": [each.label_id for each in restored],
        "given": [each.annotation_id for each in restored],
    }
    given = pl.DataFrame(lost, schema=dict.fromkeys(lost, pl.String()))
    rows = rows.join(given, on=["sample_id", "label_id"], how="left", maintain_order="left")
    return rows.with_columns(pl.coalesce("annotation_id", "given").alias("annotation_id")).drop("given")


def _baseline(judged: pl.DataFrame, found: Findings, images: Images) -> pl.DataFrame:
    """The rows of the next baseline, with those that went away and those that the policy moves."""
    moving = [] if images.baseline is None else [images.baseline]
    return pl.concat([judged, *found.away, *moving]).sort("annotation_id")


def _without(rows: pl.DataFrame, ids: frozenset[str]) -> pl.DataFrame:
    return rows.filter(~pl.col("annotation_id").is_in(list(ids)).fill_null(value=False)) if ids else rows


def _sound(rows: pl.DataFrame) -> tuple[pl.DataFrame, tuple[str, ...], dict[str, Conflict]]:
    """Rows of the database with an id of their own; rows that share one are a conflict, rows without one a note.

    It is marked as one about copies: a conflict about the annotation's label may stand beside it.
    """
    notes: tuple[str, ...] = ()
    without = rows["annotation_id"].null_count()
    if without:
        notes = (f"{without:,} rows of the database have no id and were left out",)
        rows = rows.filter(pl.col("annotation_id").is_not_null())
    shared = rows["annotation_id"].is_duplicated()
    if not shared.any():
        return rows, notes, {}
    conflicts: dict[str, Conflict] = {}
    for annotation_id, count in rows.filter(shared).group_by("annotation_id").len().sort("annotation_id").iter_rows():
        conflicts[annotation_id] = Conflict(
            kind=ConflictKind.DUPLICATE_ID,
            annotation_id=annotation_id,
            sample_id=None,
            label_id=None,
            field=None,
            base=None,
            fiftyone=None,
            database=f"{count} rows share this id",
            is_copy=True,
        )
    return rows.filter(~shared), notes, conflicts


def _left_out(inputs: Inputs) -> tuple[str, ...]:
    """A note about what of the vocabulary's source is no term."""
    found = () if inputs.vocabulary is None else inputs.vocabulary.left_out
    more = f" (and {len(found) - 1:,} more)" if len(found) > 1 else ""
    return (found[0] + more,) if found else ()


def _counts(
    inputs: Inputs,
    found: Findings,
    changes: list[Change],
    waiting: list[Waiting],
    left: LeftAlone,
    in_both: pl.DataFrame,
) -> Counts:
    labels = {kind: {each.about for each in waiting if each.kind == kind} for kind in (AWAITING, ERROR)}
    return Counts(
        scanned_fiftyone=inputs.fiftyone.size,
        scanned_database=inputs.database.size,
        converged=sum(each.reason == Reason.CONVERGED for each in changes),
        first_met=in_both.filter(~pl.col("in_b")).height,
        not_ingested=found.not_ingested,
        too_young=left.count,
        ignored=found.ignored,
        awaiting_review=len(labels[AWAITING]),
        flagged=len(labels[ERROR]),
    )


def _put_off_what_waits_for_a_move(found: Findings) -> None:
    """A row whose place is taken by a label that is moved away takes it in the next run: nobody need be asked."""
    leaving = {each.sample_id for each in found.changes if each.field == SAMPLE_FIELD and each.direction is not None}
    passing = {name for name, sample_id in found.blocked.items() if sample_id in leaving}
    found.put_off |= passing
    found.conflicts = [
        each for each in found.conflicts if each.kind != ConflictKind.OCCUPIED or each.annotation_id not in passing
    ]


def _scope(
    inputs: Inputs, joined: pl.DataFrame, held: frozenset[str], left: LeftAlone, images: Images, found: Findings
) -> Scope:
    """What was judged. Where not everything was read, an annotation that a side lacks was not, unless it is hidden.

    Fields were compared where both sides have them, on the same image. What the policy has moved to one is looked at
    in the next run. Of an annotation that a side lacks, or that is held, conflicts
    about a field stay as they are: whoever forgets them would take a stale value for an edit once it is back.
    """
    in_f, in_d = pl.col("in_f"), pl.col("in_d")
    one_side = joined.filter(pl.col("in_b") & (in_f != in_d))["annotation_id"]
    fields_left = held | frozenset(one_side) | images.ids
    left_alone = left.ids | left.labels | images.decided | found.put_off
    if inputs.complete:
        return Scope(everything=True, left_alone=left_alone, fields_left=fields_left, samples_left=left.samples)
    judged = joined.filter(~pl.col("in_b") | (in_f & (in_d | pl.col("hidden"))))["annotation_id"]
    return Scope(
        everything=False,
        annotation_ids=frozenset(judged) | held,
        label_ids=frozenset(distinct("label_id", inputs.fiftyone.rows)),
        left_alone=left_alone,
        fields_left=fields_left,
        samples_left=left.samples,
    )


def _relabelled(inputs: Inputs, joined: pl.DataFrame) -> list[str]:
    """Known ids on labels that are not the known ones: only a complete read tells whether there are more of them."""
    if inputs.fiftyone.complete:
        return []
    strange = joined.filter(pl.col("in_b") & pl.col("in_f") & (pl.col(F + "label_id") != pl.col(B + "label_id")))
    return [f"{strange.height} known ids stand on new labels"] if strange.height else []


def _recovery(
    inputs: Inputs, joined: pl.DataFrame, went_back: tuple[rewind.Rewound, ...]
) -> dict[Side, tuple[Change, ...]]:
    if inputs.behind is not None:
        return {Side.FIFTYONE: rewind.follow(inputs, joined)}
    return {each.side: rewind.forward(inputs, joined, each) for each in went_back}


def _displaced(inputs: Inputs, held: frozenset[str]) -> int:
    """How many known annotations are held for doubts about their label of which nobody has been told yet."""
    if not held:
        return 0
    known = inputs.baseline.filter(pl.col("annotation_id").is_in(list(held))).select("annotation_id")
    return known.join(open_whole(inputs.history), on="annotation_id", how="anti").height


def _braked(
    inputs: Inputs,
    found: Findings,
    changes: list[Change],
    conflicts: tuple[Conflict, ...],
    displaced: int,
) -> str | None:
    if inputs.force:
        return None
    labels = inputs.fiftyone.size
    # Where all that was known had left before, nothing is lost by there being no label.
    told = labels > 0 or inputs.baseline["sample_id"].count() > 0
    return held_by(
        inputs.policy.brakes,
        counted(changes, verified_field(inputs.mapping, inputs.policy.review)),
        known=inputs.baseline_size,
        met=_met(inputs),
        fiftyone=labels if inputs.fiftyone.complete and told else None,
        database=inputs.database.size if inputs.database.complete else None,
        vanished_in_fiftyone=found.vanished_in_fiftyone,
        vanished_in_database=found.vanished_in_database,
        displaced=displaced,
        conflicts=_new_by_kind(inputs, conflicts),
        starts=inputs.starts,
    )


def _met(inputs: Inputs) -> int:
    """How many annotations FiftyOne has, those that were left out included."""
    labels = inputs.fiftyone.rows.select(pl.col("annotation_id").drop_nulls().unique())
    new = labels.join(inputs.baseline, on="annotation_id", how="anti").height
    lacking = inputs.baseline.join(labels, on="annotation_id", how="anti").height
    return inputs.baseline_size + inputs.met_besides + new - lacking


def _new_by_kind(inputs: Inputs, conflicts: tuple[Conflict, ...]) -> Counter[str]:
    """The annotations in conflict by kind, each counted once; without what somebody has been told of already."""
    new = {
        each.annotation_id or (each.label_id, each.sample_id): each.kind
        for each in conflicts
        if each.subject not in inputs.history.open_subjects
    }
    return Counter(new.values())

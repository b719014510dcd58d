"""The diff: three frames and a policy in, a plan out. All judgement of the system happens below this function.

Order (DESIGN §4): identity, then presence and the field-by-field merge with direction and policy, last the brakes.
Vocabulary and the review gate belong between identity and merge; they get modules of their own.
"""

from __future__ import annotations

import polars as pl

from syncd.diff.brakes import held_by
from syncd.diff.fields import decide, judge, next_baseline
from syncd.diff.identity import identify
from syncd.diff.inputs import Inputs, Young
from syncd.diff.joined import B, D, F, any_difference, is_known, join, unreadable
from syncd.diff.presence import Findings, judge_presence
from syncd.model.fields import Mapping
from syncd.model.kinds import dumps
from syncd.model.plan import Change, Conflict, Counts, Plan, Scope


def diff(inputs: Inputs) -> Plan:
    """Decides what to do. Pure: equal inputs, in whatever order of rows, give equal plans."""
    mapping = inputs.mapping
    fiftyone, young = _without_young(inputs.fiftyone.rows, inputs.baseline, inputs.young)
    baseline = _without(inputs.baseline, young)
    database, notes, twice = _sound(_without(inputs.database.rows, young))

    identified = identify(mapping, fiftyone, baseline, adopt=inputs.adopt)
    held = identified.held | twice.keys()
    joined = join(_without(baseline, held), _without(identified.rows, held), _without(database, held))
    found = judge_presence(inputs, joined, identified.fresh)
    in_both = joined.filter(pl.col("in_f") & pl.col("in_d"))
    work = judge(mapping, inputs.policy, inputs.history, _needs_work(mapping, in_both))
    updates, disputes = decide(mapping, work)

    restored = [each for each in identified.restored if each.annotation_id not in held]
    changes = sorted([*restored, *found.changes, *updates], key=lambda each: each.sort_key)
    conflicts = [*identified.conflicts, *twice.values(), *found.conflicts, *disputes]
    return Plan(
        binding=mapping.binding,
        changes=tuple(changes),
        conflicts=_one_per_subject(conflicts),
        baseline=next_baseline(mapping, work).sort("annotation_id"),
        dropped=tuple(sorted(found.dropped)),
        counts=_counts(inputs, found, changes, young, in_both),
        scope=_scope(inputs, joined, held, young),
        held=None if inputs.force else _held(inputs, found, changes),
        hints=(*found.hints, *_relabelled(inputs, joined)),
        notes=notes,
    )


def _one_per_subject(conflicts: list[Conflict]) -> tuple[Conflict, ...]:
    ordered = sorted(conflicts, key=lambda each: (each.subject, each.kind, dumps(each.fiftyone)))
    first = {each.subject: each for each in reversed(ordered)}
    return tuple(first[subject] for subject in sorted(first))


def _needs_work(mapping: Mapping, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows on which not everybody agrees: the only ones that are looked at field by field."""
    agreed = pl.all_horizontal([is_known(each.name) for each in mapping.fields])
    same_place = pl.col(F + "label_id").eq_missing(pl.col(B + "label_id")) & pl.col(F + "sample_id").eq_missing(
        pl.col(B + "sample_id")
    )
    unread = pl.any_horizontal([unreadable(each.name, F) for each in mapping.fields])
    quiet = agreed & same_place & ~unread & ~any_difference(mapping, F, D) & ~any_difference(mapping, B, D)
    return rows.filter(~quiet)


def _without(rows: pl.DataFrame, ids: frozenset[str] | set[str]) -> pl.DataFrame:
    return rows.filter(~pl.col("annotation_id").is_in(list(ids)).fill_null(value=False)) if ids else rows


def _without_young(
    rows: pl.DataFrame, baseline: pl.DataFrame, young: Young | None
) -> tuple[pl.DataFrame, frozenset[str]]:
    """Leaves out samples that were edited a moment ago; returns the ids (annotation and label) left alone."""
    if young is None:
        return rows, frozenset()
    stamped = pl.col("edited_at").is_between(young.after, young.until).fill_null(value=False)
    recent = rows.filter(stamped)
    if recent.is_empty():
        return rows, frozenset()
    samples = recent.select("sample_id").unique()
    known = baseline.join(samples, on="sample_id", how="semi")["annotation_id"]
    ids = pl.concat([known, recent["annotation_id"], recent["label_id"]]).drop_nulls().unique()
    return rows.join(samples, on="sample_id", how="anti"), frozenset(ids.to_list())


def _sound(rows: pl.DataFrame) -> tuple[pl.DataFrame, tuple[str, ...], dict[str, Conflict]]:
    """Rows of the database with an id of their own; rows that share one are a conflict, rows without one a note."""
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
            kind="duplicate_id",
            annotation_id=annotation_id,
            sample_id=None,
            label_id=None,
            field=None,
            base=None,
            fiftyone=None,
            database=f"{count} rows share this id",
        )
    return rows.filter(~shared), notes, conflicts


def _counts(
    inputs: Inputs, found: Findings, changes: list[Change], young: frozenset[str], in_both: pl.DataFrame
) -> Counts:
    return Counts(
        scanned_fiftyone=inputs.fiftyone.size,
        scanned_database=inputs.database.size,
        converged=sum(each.reason == "converged" for each in changes),
        first_met=in_both.filter(~pl.col("in_b")).height,
        not_ingested=found.not_ingested,
        too_young=len(young),
        ignored=found.ignored,
    )


def _scope(inputs: Inputs, joined: pl.DataFrame, held: frozenset[str], young: frozenset[str]) -> Scope:
    """What was judged. Where not everything was read, an annotation that a side lacks was not."""
    if inputs.fiftyone.complete and inputs.database.complete:
        return Scope(everything=True, left_alone=young)
    missing = pl.col("in_b") & ~(pl.col("in_f") & pl.col("in_d"))
    return Scope(
        everything=False,
        annotation_ids=frozenset(joined.filter(~missing)["annotation_id"].to_list()) | held,
        label_ids=frozenset(inputs.fiftyone.rows["label_id"].drop_nulls().to_list()),
        left_alone=young,
    )


def _relabelled(inputs: Inputs, joined: pl.DataFrame) -> list[str]:
    """Known ids on labels that are not the known ones: only a complete read tells whether there are more of them."""
    if inputs.fiftyone.complete:
        return []
    strange = joined.filter(pl.col("in_b") & pl.col("in_f") & (pl.col(F + "label_id") != pl.col(B + "label_id")))
    return [f"{strange.height} known ids stand on new labels"] if strange.height else []


def _held(inputs: Inputs, found: Findings, changes: list[Change]) -> str | None:
    return held_by(
        inputs.policy.brakes,
        changes,
        known=inputs.baseline_size,
        fiftyone=inputs.fiftyone.size if inputs.fiftyone.complete else None,
        database=inputs.database.size if inputs.database.complete else None,
        vanished_in_fiftyone=found.vanished_in_fiftyone,
        vanished_in_database=found.vanished_in_database,
    )

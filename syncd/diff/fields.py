"""The three-way merge of annotations that both sides hold, field by field.

For each field every row gets one verdict: ``same`` (nothing to do), ``adopt`` (both agree, the baseline did not know
yet), ``converged`` (both made the same change), ``to_database``, ``to_fiftyone``, or a conflict kind. Rows without a
baseline (first meeting) and fields mapped since (no agreed value yet) follow the same path.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from syncd.diff.content import jsonable, problems_of, shown
from syncd.diff.inputs import History
from syncd.diff.joined import B, D, F, differ, is_known, not_finite, unreadable
from syncd.diff.memory import REFUSED, STALE, about_column, with_memory
from syncd.diff.unsafe import not_readable, why_unsafe
from syncd.model.fields import BOX, LABEL, Direction, Field, Mapping, Side
from syncd.model.plan import Action, Change, Conflict
from syncd.model.policy import Policy
from syncd.model.snapshot import baseline_schema, column, known_column

SETTLED = ("same", "adopt")
"""Verdicts of which nothing is said."""


def verdict_column(name: str) -> str:
    """Name of the column that holds the verdict on a field."""
    return "verdict." + name


def reason_column(name: str) -> str:
    """Name of the column that holds why a field is written."""
    return "reason." + name


def judge(mapping: Mapping, policy: Policy, history: History, rows: pl.DataFrame) -> pl.DataFrame:
    """Adds verdict and reason of every field to rows that both sides hold."""
    if rows.is_empty():
        return rows
    given = rows.columns
    for each in mapping.fields:
        rows = with_memory(each, history, rows)
    rows = rows.with_columns([fact for each in mapping.fields for fact in _facts(each)])
    rows = rows.with_columns([_verdict(each, policy) for each in mapping.fields])
    rows = rows.with_columns([_unless_refused(each) for each in mapping.fields])
    rows = rows.with_columns([_reason(each) for each in mapping.fields])
    judged = [make(each.name) for each in mapping.fields for make in (verdict_column, reason_column)]
    return rows.select(*given, *judged)


def _facts(field: Field) -> Iterator[pl.Expr]:
    """What the verdict rests on, as columns: who differs from whom, and what cannot be read or logged."""
    name = field.name
    facts = {
        "known": is_known(name),
        "by_fiftyone": is_known(name) & differ(field, F, B),
        "by_database": is_known(name) & differ(field, D, B),
        "apart": differ(field, F, D),
        "unread": unreadable(name, F) | unreadable(name, D),
        "endless": not_finite(field, F) | not_finite(field, D),
    }
    for fact, expression in facts.items():
        yield expression.alias(about_column(field, fact))


def _verdict(field: Field, policy: Policy) -> pl.Expr:
    known, apart, unread, endless = (_about(field, fact) for fact in ("known", "apart", "unread", "endless"))
    by_fiftyone, by_database = _about(field, "by_fiftyone"), _about(field, "by_database")
    waits, open_kind = _waits(field, policy), _about(field, "open_kind")
    reapply = policy.on_stale_revert == "reapply" and field.direction.allows(Direction.TO_FIFTYONE)
    again = _about(field, "reapplied") | pl.lit(value=not reapply)
    return (
        # What is equal on both sides but has no form in JSON can be neither logged nor agreed on.
        pl.when(endless & ~unread & ~apart)
        .then(pl.lit("same"))
        .when((unread | endless) & waits)
        .then(open_kind)
        .when(unread | endless)
        .then(pl.lit("unsafe_value"))
        .when(~apart & ~known)
        .then(pl.lit("adopt"))
        .when(~apart & by_fiftyone & by_database)
        .then(pl.lit("converged"))
        .when(~apart)
        .then(pl.lit("same"))
        .when(waits)
        .then(open_kind)
        .when(~known)
        .then(_first_meeting(field, policy))
        .when(by_fiftyone & _about(field, "stale"))
        .then(pl.when(again).then(pl.lit(STALE)).otherwise(pl.lit("to_fiftyone")))
        .when(by_fiftyone & by_database)
        .then(_disagreement(field, policy))
        .when(by_fiftyone)
        .then(pl.lit(_if_allowed(field, Direction.TO_DATABASE)))
        .when(by_database)
        .then(pl.lit(_if_allowed(field, Direction.TO_FIFTYONE)))
        # Both within tolerance of the baseline but not of each other: nobody edited anything.
        .otherwise(pl.lit("same"))
        .alias(verdict_column(field.name))
    )


def _unless_refused(field: Field) -> pl.Expr:
    """Asking the database again would only be refused again: a person, or another value, must come first."""
    verdict = pl.col(verdict_column(field.name))
    asks_again = _about(field, "refused") & (verdict == Direction.TO_DATABASE.value)
    return pl.when(asks_again).then(pl.lit(REFUSED)).otherwise(verdict).alias(verdict_column(field.name))


def _about(field: Field, fact: str) -> pl.Expr:
    return pl.col(about_column(field, fact))


def _one_way(field: Field) -> str:
    """The conflict about a value that was changed on the side from which it may not travel."""
    return "box_changed" if field.name == BOX else "wrong_direction"


def _if_allowed(field: Field, way: Direction) -> str:
    return way.value if field.direction.allows(way) else _one_way(field)


def _waits(field: Field, policy: Policy) -> pl.Expr:
    """Whether an open conflict holds the field back. One that the configuration answers by now does not."""
    kind = _about(field, "open_kind")
    answered = []
    if policy.on_conflict != "quarantine":
        answered.append("edit_edit")
    if policy.first_sync != "quarantine":
        answered.append("no_baseline")
    if field.direction is Direction.BOTH:
        answered += ["box_changed", "wrong_direction"]
    waits = kind.is_not_null() & ~kind.is_in(answered)
    if policy.on_conflict != "quarantine":
        # What a policy decides must not depend on which of two edits was seen first.
        disagreement = _about(field, "by_fiftyone") & _about(field, "by_database")
        waits = waits & ~(disagreement & (kind == _one_way(field)))
    return waits.fill_null(value=False)


def _first_meeting(field: Field, policy: Policy) -> pl.Expr:
    """No value was ever agreed. What FiftyOne lacks is filled: nothing is lost by that, and it never wins."""
    chosen = {"database": Direction.TO_FIFTYONE, "fiftyone": Direction.TO_DATABASE}.get(policy.first_sync)
    verdict = chosen.value if chosen is not None and field.direction.allows(chosen) else "no_baseline"
    lacks = verdict if chosen is Direction.TO_FIFTYONE else "no_baseline"
    if field.name != LABEL and field.direction.allows(Direction.TO_FIFTYONE):
        lacks = Direction.TO_FIFTYONE.value
    return pl.when(pl.col(F + column(field.name)).is_null()).then(pl.lit(lacks)).otherwise(pl.lit(verdict))


def _disagreement(field: Field, policy: Policy) -> pl.Expr:
    undecided = pl.lit("edit_edit" if field.direction is Direction.BOTH else _one_way(field))
    home = pl.lit(_if_allowed(field, Direction.TO_DATABASE))
    out = pl.lit(_if_allowed(field, Direction.TO_FIFTYONE))
    if policy.on_conflict == "database":
        return out
    if policy.on_conflict == "fiftyone":
        return home
    if policy.on_conflict == "latest":
        mine, theirs = pl.col(F + "edited_at"), pl.col(D + "edited_at")
        return pl.when(mine > theirs).then(home).when(mine < theirs).then(out).otherwise(undecided)
    return undecided


def _reason(field: Field) -> pl.Expr:
    verdict = pl.col(verdict_column(field.name))
    by_fiftyone, by_database = _about(field, "by_fiftyone"), _about(field, "by_database")
    return (
        pl.when(~_about(field, "known"))
        .then(pl.lit("first_sync"))
        .when(verdict == "converged")
        .then(verdict)
        .when(_about(field, "stale") & by_fiftyone & (verdict == Direction.TO_FIFTYONE.value))
        .then(pl.lit(STALE))
        .when(by_fiftyone & by_database)
        .then(pl.lit("on_conflict"))
        .when(by_fiftyone)
        .then(pl.lit("reviewed"))
        .otherwise(pl.lit("changed_at_home"))
        .alias(reason_column(field.name))
    )


def decide(mapping: Mapping, rows: pl.DataFrame) -> tuple[list[Change], list[Conflict]]:
    """The changes and conflicts that follow from judged rows; a value that cannot be held becomes a conflict."""
    changes: list[Change] = []
    conflicts: list[Conflict] = []
    for each in mapping.fields if rows.height else ():
        verdict = pl.col(verdict_column(each.name))
        for row in rows.filter(~verdict.is_in(SETTLED)).iter_rows(named=True):
            found = _outcome(each, row)
            if isinstance(found, Change):
                changes.append(found)
            else:
                conflicts.append(found)
    return changes, conflicts


def _outcome(field: Field, row: dict[str, Any]) -> Change | Conflict:
    verdict = row[verdict_column(field.name)]
    if verdict == "converged":
        return _change(field, row, None, row[B + column(field.name)], row[D + column(field.name)])
    if verdict == Direction.TO_DATABASE.value:
        new = row[F + column(field.name)]
        why = why_unsafe(field, Side.DATABASE, new)
        if why is None:
            return _change(field, row, Direction.TO_DATABASE, row[D + column(field.name)], new)
        return _conflict(field, row, "unsafe_value", (why,))
    if verdict == Direction.TO_FIFTYONE.value:
        new = row[D + column(field.name)]
        why = why_unsafe(field, Side.FIFTYONE, new)
        if why is None:
            return _change(field, row, Direction.TO_FIFTYONE, row[F + column(field.name)], new)
        return _conflict(field, row, "unsafe_value", (why,))
    return _conflict(field, row, verdict, _why_broken(field, row) if verdict == "unsafe_value" else ())


def _why_broken(field: Field, row: dict[str, Any]) -> tuple[str, ...]:
    """Why a value that stands on one of the sides cannot be compared or carried over."""
    unread = any(field.name in problems_of(row, side) for side in (F, D))
    return (not_readable(field) if unread else "not a finite number",)


def _change(field: Field, row: dict[str, Any], way: Direction | None, old: Any, new: Any) -> Change:
    from_database = way is Direction.TO_FIFTYONE
    return Change(
        annotation_id=row["annotation_id"],
        label_id=row[F + "label_id"],
        sample_id=row[F + "sample_id"],
        direction=way,
        action=Action.UPDATE,
        field=field.name,
        old=old,
        new=new,
        reason=row[reason_column(field.name)],
        actor=row[D + "actor"] if from_database else None,
        edited_at=row[D + "edited_at"] if from_database else row[F + "edited_at"],
    )


def _conflict(field: Field, row: dict[str, Any], kind: str, suggestions: tuple[str, ...]) -> Conflict:
    known = row[B + known_column(field.name)]
    return Conflict(
        kind=kind,
        annotation_id=row["annotation_id"],
        sample_id=row[F + "sample_id"],
        label_id=row[F + "label_id"],
        field=field.name,
        base=jsonable(row[B + column(field.name)]) if known else None,
        fiftyone=shown(row, field.name, F),
        database=shown(row, field.name, D),
        suggestions=suggestions,
    )


def next_baseline(mapping: Mapping, rows: pl.DataFrame) -> pl.DataFrame:
    """The baseline rows that judged rows call for, supposing that no change succeeds.

    Agreed fields (``adopt``, ``converged``) take the database's value; all others keep what was agreed before. An
    annotation met for the first time is in it with its place, even where no value was agreed. Rows of which nothing
    moves, and that nothing is to be written to, are left out.
    """
    if rows.is_empty():
        return pl.DataFrame(schema=baseline_schema(mapping))
    touched = list(_touched(mapping))
    kept = rows.filter(pl.any_horizontal(touched))
    columns: list[pl.Expr] = [
        pl.col("annotation_id"),
        pl.col(F + "label_id").alias("label_id"),
        pl.col(F + "sample_id").alias("sample_id"),
    ]
    for each in mapping.fields:
        agreed = pl.col(verdict_column(each.name)).is_in(["adopt", "converged"])
        name = column(each.name)
        columns.append(pl.when(agreed).then(pl.col(D + name)).otherwise(pl.col(B + name)).alias(name))
        columns.append((agreed | is_known(each.name)).alias(known_column(each.name)))
    return kept.select(columns).select(list(baseline_schema(mapping)))


def _touched(mapping: Mapping) -> Iterator[pl.Expr]:
    yield pl.col(F + "label_id").ne_missing(pl.col(B + "label_id"))
    yield pl.col(F + "sample_id").ne_missing(pl.col(B + "sample_id"))
    for each in mapping.fields:
        yield pl.col(verdict_column(each.name)).is_in(["adopt", "converged", "to_database", "to_fiftyone"])

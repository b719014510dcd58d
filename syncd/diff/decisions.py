"""Turns the verdicts of the merge into changes, conflicts, waiting edits, and the rows of the next baseline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

import polars as pl

from syncd.diff.findings import edited, jsonable, problems_of, shown
from syncd.diff.frames import B, D, F, is_known
from syncd.diff.history import about_column
from syncd.diff.merge import reason_column
from syncd.diff.merge_rules import verdict_column
from syncd.diff.unsafe_values import not_readable, why_unsafe
from syncd.model.conflict_kinds import ConflictKind
from syncd.model.mapping import Direction, Field, Mapping, Side
from syncd.model.plan import AWAITING, Action, Change, Conflict, Edited, Verdict, Waiting
from syncd.model.reasons import BY_TAG, Reason
from syncd.model.snapshot import baseline_schema, column, known_column

SETTLED = (Verdict.SAME, Verdict.ADOPT)
"""Verdicts of which nothing is said."""

AGREED = (Verdict.ADOPT, Verdict.CONVERGED)
"""Verdicts by which the value of both sides becomes what is agreed."""

Outcome: TypeAlias = "Change | Conflict | Waiting"


def decide(mapping: Mapping, rows: pl.DataFrame) -> list[Outcome]:
    """Turns judged rows into changes, waiting edits and conflicts; a value that cannot be held becomes a conflict."""
    if rows.is_empty():
        return []
    found: list[Outcome] = []
    unsettled = {each.name: ~pl.col(verdict_column(each.name)).is_in(SETTLED) for each in mapping.fields}
    speaks = rows.select(verdict.any().alias(name) for name, verdict in unsettled.items()).row(0, named=True)
    for each in mapping.fields:
        if not speaks[each.name]:
            continue
        of_field = rows.filter(unsettled[each.name]).select(_concerning(each))
        for row in of_field.iter_rows(named=True):
            found.extend(_outcomes(each, row))
    return found


def _concerning(field: Field) -> list[str]:
    """The columns that matter to this field: making Python's values of a column takes long."""
    value = column(field.name)
    return [
        "annotation_id",
        *(F + name for name in ("label_id", "sample_id", "actor", "edited_at", "problems")),
        *(D + name for name in ("actor", "edited_at", "problems")),
        *(side + value for side in (B, F, D)),
        B + known_column(field.name),
        *(about_column(field, name) for name in ("typed", "via")),
        "terms",
        "shared_terms",
        verdict_column(field.name),
        reason_column(field.name),
    ]


def _outcomes(field: Field, row: dict[str, Any]) -> Iterator[Outcome]:
    verdict = row[verdict_column(field.name)]
    if verdict == Verdict.CONVERGED:
        yield _change(field, row, None, row[B + column(field.name)], row[D + column(field.name)])
    elif verdict in (Verdict.TO_DATABASE, Verdict.AWAITING):
        yield from _homeward(field, row, waits=verdict == Verdict.AWAITING)
    elif verdict == Verdict.TO_FIFTYONE:
        new = row[D + column(field.name)]
        why = why_unsafe(field, Side.FIFTYONE, new)
        if why is None:
            yield _change(field, row, Direction.TO_FIFTYONE, row[about_column(field, "typed")], new)
        else:
            yield _conflict(field, row, ConflictKind.UNSAFE_VALUE, (why,))
    elif verdict == ConflictKind.AMBIGUOUS_TAGS:
        named = {*(row["terms"] or ()), *(row["shared_terms"] or ())}
        yield _conflict(field, row, ConflictKind.AMBIGUOUS_TAGS, tuple(sorted(named)))
    else:
        kind = ConflictKind(verdict)
        yield _conflict(field, row, kind, _why_broken(field, row) if kind is ConflictKind.UNSAFE_VALUE else ())
        if row[about_column(field, "via")] == Reason.RESTORED:
            # Whatever the sides disagree about: what the label has lost by the way it is given back first.
            typed, agreed = row[about_column(field, "typed")], row[F + column(field.name)]
            yield _change(field, row, Direction.TO_FIFTYONE, typed, agreed, reason=Reason.RESTORED)


def _homeward(field: Field, row: dict[str, Any], *, waits: bool) -> Iterator[Outcome]:
    """An edit made in FiftyOne. If FiftyOne has it in other words, or only as a tag, FiftyOne is changed too."""
    new = row[F + column(field.name)]
    via, typed = row[about_column(field, "via")], row[about_column(field, "typed")]
    both = typed != new and (via != Reason.ALIAS or field.direction.allows(Direction.TO_FIFTYONE))
    why = why_unsafe(field, Side.DATABASE, new)
    if why is None and both:
        why = why_unsafe(field, Side.FIFTYONE, new)
    if why is not None:
        yield _conflict(field, row, ConflictKind.UNSAFE_VALUE, (why,))
    elif waits:
        yield _waiting(field, row)
    else:
        yield _change(field, row, Direction.TO_DATABASE, row[D + column(field.name)], new)
        if both:
            yield _change(field, row, Direction.TO_FIFTYONE, typed, new, reason=via)


def _why_broken(field: Field, row: dict[str, Any]) -> tuple[str, ...]:
    """Why a value on one of the sides cannot be compared or carried over."""
    unread = any(field.name in problems_of(row, side) for side in (F, D))
    return (not_readable(field) if unread else "not a finite number",)


def _change(
    field: Field, row: dict[str, Any], way: Direction | None, old: Any, new: Any, *, reason: str | None = None
) -> Change:
    """One change; ``reason`` replaces that of the verdict where the change completes FiftyOne's own edit."""
    reason = reason or row[reason_column(field.name)]
    by_tag = row[about_column(field, "via")] in BY_TAG
    from_database = way is Direction.TO_FIFTYONE and not by_tag and new == row[D + column(field.name)]
    side = D if from_database else F
    # What is given back is nobody's edit, whoever was at the row last.
    given_back = reason == Reason.RESTORED
    return Change(
        annotation_id=row["annotation_id"],
        label_id=row[F + "label_id"],
        sample_id=row[F + "sample_id"],
        direction=way,
        action=Action.UPDATE,
        field=field.name,
        old=old,
        new=new,
        reason=reason,
        actor=None if way is None or given_back else row[side + "actor"],
        edited_at=None if given_back else row[side + "edited_at"],
    )


def _waiting(field: Field, row: dict[str, Any]) -> Waiting:
    return Waiting(
        kind=AWAITING,
        annotation_id=row["annotation_id"],
        label_id=row[F + "label_id"],
        sample_id=row[F + "sample_id"],
        field=field.name,
        old=jsonable(row[D + column(field.name)]),
        new=jsonable(row[F + column(field.name)]),
        actor=row[F + "actor"],
        edited_at=row[F + "edited_at"],
    )


def _conflict(field: Field, row: dict[str, Any], kind: ConflictKind, suggestions: tuple[str, ...]) -> Conflict:
    known = row[B + known_column(field.name)]
    base = jsonable(row[B + column(field.name)]) if known else None
    fiftyone, database = shown(row, field.name, F), shown(row, field.name, D)
    # Where a tag asks for something, somebody has been there although the value is the one agreed.
    by_tag = kind == ConflictKind.AMBIGUOUS_TAGS
    return Conflict(
        kind=kind,
        annotation_id=row["annotation_id"],
        sample_id=row[F + "sample_id"],
        label_id=row[F + "label_id"],
        field=field.name,
        base=base,
        fiftyone=fiftyone,
        database=database,
        suggestions=suggestions,
        in_fiftyone=edited(row, F) if by_tag or not known or fiftyone != base else Edited(),
        in_database=edited(row, D) if not known or database != base else Edited(),
    )


def next_baseline(mapping: Mapping, rows: pl.DataFrame, changes: Iterable[Change]) -> pl.DataFrame:
    """The baseline rows that judged rows call for if no change succeeds.

    Agreed fields (``adopt``, ``converged``) take the database's value; all others keep what was agreed before. A first
    meeting is in it with its place, even if no value was agreed. Rows of which nothing moves, and that none of the
    ``changes`` is about, are left out.
    """
    if rows.is_empty():
        return pl.DataFrame(schema=baseline_schema(mapping))
    changed = [str(each.annotation_id) for each in changes if each.field in mapping.names]
    about = pl.col("annotation_id").is_in(changed)
    kept = rows.filter(pl.any_horizontal(about, *_touched(mapping)))
    columns: list[pl.Expr] = [
        pl.col("annotation_id"),
        pl.col(F + "label_id").alias("label_id"),
        pl.col(F + "sample_id").alias("sample_id"),
        pl.col(F + mapping.image).alias("image"),
    ]
    for each in mapping.fields:
        agreed = pl.col(verdict_column(each.name)).is_in(AGREED)
        name = column(each.name)
        columns.append(pl.when(agreed).then(pl.col(D + name)).otherwise(pl.col(B + name)).alias(name))
        columns.append((agreed | is_known(each.name)).alias(known_column(each.name)))
    return kept.select(columns).select(list(baseline_schema(mapping)))


def _touched(mapping: Mapping) -> Iterator[pl.Expr]:
    yield pl.col(F + "label_id").ne_missing(pl.col(B + "label_id"))
    yield pl.col(F + "sample_id").ne_missing(pl.col(B + "sample_id"))
    yield pl.col(F + mapping.image).ne_missing(pl.col(B + "image"))
    for each in mapping.fields:
        yield pl.col(verdict_column(each.name)).is_in(AGREED)

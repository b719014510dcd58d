"""The three-way merge of annotations that both sides hold, field by field.

For each field every row gets one verdict: ``same`` (nothing to do), ``adopt`` (both agree, the baseline did not know
yet), ``converged`` (both made the same change), ``to_database``, ``to_fiftyone``, or a conflict kind. Rows without a
baseline (first meeting) and fields mapped since (no agreed value yet) follow the same path.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from syncd.diff.compare import differs
from syncd.diff.content import jsonable, shown
from syncd.diff.inputs import History
from syncd.diff.joined import B, D, F, differ, is_known, unreadable
from syncd.diff.unsafe import why_unsafe
from syncd.model.fields import BOX, LABEL, Direction, Field, Mapping, Side
from syncd.model.kinds import from_wire, wire_dtype
from syncd.model.plan import Action, Change, Conflict
from syncd.model.policy import Policy
from syncd.model.snapshot import column, known_column

STICKY = ("edit_edit", "no_baseline", "stale_revert", "box_changed", "wrong_direction")
"""Conflicts that stay open until both sides agree or somebody resolves them, whatever the clocks say meanwhile."""

SETTLED = ("same", "adopt", "converged")


def verdict_column(name: str) -> str:
    """Name of the column that holds the verdict on a field."""
    return "verdict." + name


def reason_column(name: str) -> str:
    """Name of the column that holds why a field is written."""
    return "reason." + name


def judge(mapping: Mapping, policy: Policy, history: History, rows: pl.DataFrame) -> pl.DataFrame:
    """Adds verdict and reason of every field to rows that both sides hold."""
    for each in mapping.fields:
        rows = _with_memory(each, history, rows)
        rows = rows.with_columns(_verdict(each, policy)).with_columns(_reason(each))
        rows = rows.drop("stale", "reapplied", "open_kind", "refused")
    return rows


def _with_memory(field: Field, history: History, rows: pl.DataFrame) -> pl.DataFrame:
    """Adds what is remembered of a field.

    ``stale``: FiftyOne is back at what syncd replaced lately (``reapplied``: not for the first time).
    ``refused``: the database would not take the very value that FiftyOne holds. ``open_kind``: an open conflict.
    """
    of_field = pl.col("field") == field.name
    written = history.written.filter(of_field & (pl.col("action") == "update"))
    again = written.group_by("annotation_id").agg((pl.col("reason") == "stale_revert").any().alias("reapplied"))
    stale = _holding(field, rows.filter(differ(field, F, B)), written, "old").with_columns(stale=pl.lit(value=True))
    open_here = history.open_conflicts.filter(of_field)
    refused = _holding(field, rows, open_here.filter(pl.col("kind") == "refused_by_database"), "fiftyone")
    waiting = open_here.filter(pl.col("kind").is_in(STICKY)).unique("annotation_id")
    for memory in (
        stale.join(again, on="annotation_id", how="left"),
        refused.with_columns(refused=pl.lit(value=True)),
        waiting.select("annotation_id", pl.col("kind").alias("open_kind")),
    ):
        rows = rows.join(memory, on="annotation_id", how="left", maintain_order="left")
    return rows.with_columns(pl.col("stale", "reapplied", "refused").fill_null(value=False))


def _holding(field: Field, rows: pl.DataFrame, remembered: pl.DataFrame, text: str) -> pl.DataFrame:
    """Ids of the rows whose FiftyOne value is one of those remembered (as JSON text in the column ``text``)."""
    if remembered.is_empty():
        return pl.DataFrame(schema={"annotation_id": pl.String()})
    wire = pl.Struct({"was": wire_dtype(field.kind)})
    parsed = pl.concat_str(pl.lit('{"was":'), text, pl.lit("}")).str.json_decode(wire).struct.field("was")
    was = remembered.select("annotation_id", from_wire(field.kind, parsed).alias("was"))
    now = rows.select("annotation_id", F + column(field.name)).join(was, on="annotation_id", how="inner")
    return now.filter(~differs(field, pl.col(F + column(field.name)), pl.col("was"))).select("annotation_id").unique()


def _verdict(field: Field, policy: Policy) -> pl.Expr:
    name = field.name
    known = is_known(name)
    by_fiftyone = known & differ(field, F, B)
    by_database = known & differ(field, D, B)
    apart = differ(field, F, D)
    open_kind = pl.col("open_kind")
    # An open disagreement follows a policy that has been given since; other kinds wait for a person.
    waits = open_kind.is_not_null()
    if policy.on_conflict != "quarantine":
        waits = waits & (open_kind != "edit_edit")
    if policy.first_sync != "quarantine":
        waits = waits & (open_kind != "no_baseline")
    one_way = "box_changed" if name == BOX else "wrong_direction"
    both_changed = _disagreement(field, policy, one_way)
    home = pl.lit("to_database" if field.direction.allows(Direction.TO_DATABASE) else one_way)
    # Asking again would only be refused again: a person, or another value, must come first.
    may_go_home = pl.when(pl.col("refused")).then(pl.lit("refused_by_database")).otherwise(home)
    may_go_out = pl.lit("to_fiftyone" if field.direction.allows(Direction.TO_FIFTYONE) else one_way)
    reapply = pl.lit(value=policy.on_stale_revert == "reapply") & ~pl.col("reapplied")
    reapply = reapply & field.direction.allows(Direction.TO_FIFTYONE)
    return (
        pl.when(unreadable(name, F) | unreadable(name, D))
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
        .when(by_fiftyone & pl.col("stale"))
        .then(pl.when(reapply).then(pl.lit("to_fiftyone")).otherwise(pl.lit("stale_revert")))
        .when(by_fiftyone & by_database)
        .then(both_changed)
        .when(by_fiftyone)
        .then(may_go_home)
        .when(by_database)
        .then(may_go_out)
        # Both within tolerance of the baseline but not of each other: nobody edited anything.
        .otherwise(pl.lit("same"))
        .alias(verdict_column(name))
    )


def _first_meeting(field: Field, policy: Policy) -> pl.Expr:
    """No value was ever agreed. An attribute that FiftyOne never had is filled; nothing is lost by that."""
    chosen = {"database": Direction.TO_FIFTYONE, "fiftyone": Direction.TO_DATABASE}.get(policy.first_sync)
    verdict = chosen.value if chosen is not None and field.direction.allows(chosen) else "no_baseline"
    if field.name == LABEL or not field.direction.allows(Direction.TO_FIFTYONE):
        return pl.lit(verdict)
    return pl.when(pl.col(F + column(field.name)).is_null()).then(pl.lit("to_fiftyone")).otherwise(pl.lit(verdict))


def _disagreement(field: Field, policy: Policy, one_way: str) -> pl.Expr:
    if field.direction is not Direction.BOTH:
        return pl.lit(one_way)
    if policy.on_conflict == "database":
        return pl.lit("to_fiftyone")
    if policy.on_conflict == "fiftyone":
        return pl.lit("to_database")
    if policy.on_conflict == "latest":
        newer, older = pl.col(F + "edited_at"), pl.col(D + "edited_at")
        return (
            pl.when(newer > older)
            .then(pl.lit("to_database"))
            .when(newer < older)
            .then(pl.lit("to_fiftyone"))
            .otherwise(pl.lit("edit_edit"))
        )
    return pl.lit("edit_edit")


def _reason(field: Field) -> pl.Expr:
    by_fiftyone = differ(field, F, B)
    by_database = differ(field, D, B)
    return (
        pl.when(~is_known(field.name))
        .then(pl.lit("first_sync"))
        .when(by_fiftyone & pl.col("stale") & (pl.col(verdict_column(field.name)) == "to_fiftyone"))
        .then(pl.lit("stale_revert"))
        .when(by_fiftyone & by_database)
        .then(pl.when(differ(field, F, D)).then(pl.lit("on_conflict")).otherwise(pl.lit("converged")))
        .when(by_fiftyone)
        .then(pl.lit("reviewed"))
        .otherwise(pl.lit("changed_at_home"))
        .alias(reason_column(field.name))
    )


def decide(mapping: Mapping, rows: pl.DataFrame) -> tuple[list[Change], list[Conflict]]:
    """The changes and conflicts that follow from judged rows; a value that cannot be held becomes a conflict."""
    changes: list[Change] = []
    conflicts: list[Conflict] = []
    for each in mapping.fields:
        verdict = pl.col(verdict_column(each.name))
        for row in rows.filter(~verdict.is_in(["same", "adopt"])).iter_rows(named=True):
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
    return _conflict(field, row, verdict, ())


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

    Agreed fields (``adopt``, ``converged``) take the database's value; all others keep what was agreed before.
    Rows without anything to agree on, and nothing to write, are left out.
    """
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
    return kept.select(columns)


def _touched(mapping: Mapping) -> Iterator[pl.Expr]:
    yield pl.col(F + "label_id").ne_missing(pl.col(B + "label_id"))
    yield pl.col(F + "sample_id").ne_missing(pl.col(B + "sample_id"))
    for each in mapping.fields:
        yield pl.col(verdict_column(each.name)).is_in(["adopt", "converged", "to_database", "to_fiftyone"])

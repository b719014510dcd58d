"""Annotations that not everybody has: new, unknown, removed, gone (the first table of DESIGN §4)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from syncd.diff.content import content_of, fiftyone_content, problems_of, values_of
from syncd.diff.inputs import Inputs
from syncd.diff.joined import B, D, F, any_difference
from syncd.diff.unsafe import why_unsafe
from syncd.model.fields import BOX, Direction, LabelType, Mapping, Side
from syncd.model.kinds import Json, Value, dumps
from syncd.model.plan import Action, Change, Conflict
from syncd.model.snapshot import PREFIX


@dataclass
class Findings:
    """What one look at the rows found; filled by the functions of this module."""

    changes: list[Change] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)
    not_ingested: int = 0
    ignored: int = 0
    vanished_in_fiftyone: int = 0
    vanished_in_database: int = 0


def judge_presence(inputs: Inputs, rows: pl.DataFrame, fresh: pl.DataFrame) -> Findings:
    """Decides every annotation that is missing somewhere, and every fresh label."""
    found = Findings()
    b, f, d = pl.col("in_b"), pl.col("in_f"), pl.col("in_d")
    _new_in_database(inputs, rows.filter(~b & ~f & d), found)
    _unknown_id(inputs, rows.filter(~b & f & ~d), found)
    _missing(inputs, rows, found)
    _fresh(inputs, fresh, found)
    return found


def _missing(inputs: Inputs, rows: pl.DataFrame, found: Findings) -> None:
    """Known annotations that a side no longer has. Only a complete read says so; anything less is a hint."""
    gone_in_fiftyone = rows.filter(pl.col("in_b") & ~pl.col("in_f"))
    gone_in_database = rows.filter(pl.col("in_b") & pl.col("in_f") & ~pl.col("in_d"))
    if not (inputs.fiftyone.complete and inputs.database.complete):
        gone = pl.concat([gone_in_fiftyone, gone_in_database]).select("annotation_id")
        unexplained = gone.join(_open_whole(inputs), on="annotation_id", how="anti")
        if unexplained.height:
            found.hints.append(f"{unexplained.height} known annotations were not where they were")
        return
    only_database = gone_in_fiftyone.filter(pl.col("in_d"))
    # Those that somebody has been told of already must not hold the binding for ever.
    told = _open_whole(inputs)
    found.vanished_in_fiftyone = only_database.join(told, on="annotation_id", how="anti").height
    found.vanished_in_database = gone_in_database.join(told, on="annotation_id", how="anti").height
    _deleted_in_fiftyone(inputs, only_database, found)
    _deleted_in_database(inputs, gone_in_database, found)
    for row in gone_in_fiftyone.filter(~pl.col("in_d")).iter_rows(named=True):
        found.dropped.append(row["annotation_id"])
        old = values_of(inputs.mapping, row, B)
        found.changes.append(_whole(row, None, Action.DELETE, old, None, "gone_from_both", B))


def _open_whole(inputs: Inputs) -> pl.DataFrame:
    """Ids with an open conflict about the whole annotation."""
    return inputs.history.open_conflicts.filter(pl.col("field").is_null()).select("annotation_id").unique()


def _deleted_in_fiftyone(inputs: Inputs, rows: pl.DataFrame, found: Findings) -> None:
    mapping, policy = inputs.mapping, inputs.policy
    rows = rows.with_columns(any_difference(mapping, B, D).alias("edited"))
    rows = _remember(inputs, rows, Action.INSERT, "stale_revert")
    for row in rows.iter_rows(named=True):
        values = values_of(mapping, row, D)
        if row["waits"]:
            found.conflicts.append(_missing_conflict(mapping, row, "stale_revert"))
        elif row["stale"]:
            again = policy.on_stale_revert == "reapply" and not row["reapplied"]
            if again:
                found.changes.append(_into_fiftyone(row, row[B + "sample_id"], values, "stale_revert"))
            else:
                found.conflicts.append(_missing_conflict(mapping, row, "stale_revert"))
        elif row["edited"] or policy.on_fiftyone_delete == "quarantine":
            found.conflicts.append(_missing_conflict(mapping, row, "deleted_in_fiftyone"))
        elif policy.on_fiftyone_delete == "restore":
            found.changes.append(_into_fiftyone(row, row[B + "sample_id"], values, "restored"))
        else:
            found.changes.append(
                _whole(row, Direction.TO_DATABASE, Action.DELETE, values, None, "deleted_in_fiftyone", B)
            )


def _deleted_in_database(inputs: Inputs, rows: pl.DataFrame, found: Findings) -> None:
    mapping = inputs.mapping
    rows = rows.with_columns(any_difference(mapping, B, F).alias("edited"))
    for row in rows.iter_rows(named=True):
        if row["edited"] or inputs.policy.on_database_delete == "quarantine":
            found.conflicts.append(_missing_conflict(mapping, row, "deleted_in_database"))
        else:
            old = values_of(mapping, row, F)
            found.changes.append(_whole(row, Direction.TO_FIFTYONE, Action.DELETE, old, None, "removed_in_database", F))


def _unknown_id(inputs: Inputs, rows: pl.DataFrame, found: Findings) -> None:
    """Ids that the database does not have: never had, or not any more, or not yet."""
    mapping = inputs.mapping
    rows = _remember(inputs, rows, Action.DELETE, "stale_revert")
    refused = _refused_whole(inputs)
    for row in rows.iter_rows(named=True):
        if refused.get(row["annotation_id"]) == dumps(values_of(mapping, row, F)):
            found.conflicts.append(_missing_conflict(mapping, row, "refused_by_database", with_ids=False))
        elif row["annotation_id"] in inputs.history.minted:
            change = _into_database(inputs, _side_row(mapping, row, F), row["annotation_id"])
            (found.changes if isinstance(change, Change) else found.conflicts).append(change)  # type: ignore[arg-type]
        elif row["stale"] and not row["waits"] and inputs.policy.on_stale_revert == "reapply" and not row["reapplied"]:
            old = values_of(mapping, row, F)
            found.changes.append(_whole(row, Direction.TO_FIFTYONE, Action.DELETE, old, None, "stale_revert", F))
        else:
            kind = "stale_revert" if row["stale"] or row["waits"] else "unknown_id"
            found.conflicts.append(_missing_conflict(mapping, row, kind))


def _refused_whole(inputs: Inputs) -> dict[str, str]:
    """{id: content} of the labels whose row the database would not take."""
    open_now = inputs.history.open_conflicts
    whole = open_now.filter(pl.col("field").is_null() & (pl.col("kind") == "refused_by_database"))
    return dict(whole.select("annotation_id", "fiftyone").iter_rows())


def _new_in_database(inputs: Inputs, rows: pl.DataFrame, found: Findings) -> None:
    """Rows that FiftyOne does not have yet: inserted where their sample is in the dataset."""
    mapping = inputs.mapping
    places = inputs.samples.group_by("media").agg(
        pl.col("sample_id").first(), pl.col("occupied").first(), pl.len().alias("samples")
    )
    rows = rows.join(places, left_on=D + "media", right_on="media", how="left")
    found.not_ingested += rows["samples"].null_count()
    taken: set[str] = set()
    single = mapping.label_type.list_name is None
    for row in rows.filter(pl.col("samples").is_not_null()).sort("annotation_id").iter_rows(named=True):
        values = values_of(mapping, row, D)
        if row["samples"] > 1:
            found.conflicts.append(_missing_conflict(mapping, row, "ambiguous_media"))
        elif single and (row["occupied"] or row["sample_id"] in taken):
            found.conflicts.append(_missing_conflict(mapping, row, "occupied"))
        elif bad := _why_unsafe_whole(mapping, Side.FIFTYONE, values, problems_of(row, D)):
            found.conflicts.append(_unsafe(mapping, row, bad))
        else:
            taken.add(row["sample_id"])
            found.changes.append(_into_fiftyone(row, row["sample_id"], values, "new_in_database"))


def _fresh(inputs: Inputs, fresh: pl.DataFrame, found: Findings) -> None:
    """Labels drawn by a reviewer: no id, on a label that nobody knows."""
    if inputs.policy.on_new == "ignore":
        found.ignored += fresh.height
        return
    for row in fresh.sort("label_id").iter_rows(named=True):
        if inputs.policy.on_new == "create" and inputs.mapping.can_insert_in_database:
            outcome = _into_database(inputs, row, None)
        else:
            outcome = _new_label_conflict(inputs.mapping, row, "new_label", ())
        (found.changes if isinstance(outcome, Change) else found.conflicts).append(outcome)  # type: ignore[arg-type]


def _into_database(inputs: Inputs, row: dict[str, Any], annotation_id: str | None) -> Change | Conflict:
    """Inserts a FiftyOne label (by unprefixed row) into the database, unless the database cannot hold it."""
    mapping = inputs.mapping
    values = values_of(mapping, row)
    bad = _why_unsafe_whole(mapping, Side.DATABASE, values, problems_of(row))
    if bad is not None:
        return _new_label_conflict(mapping, row, "unsafe_value", (f"{bad[0]}: {bad[1]}",), annotation_id)
    return Change(
        annotation_id=annotation_id,
        label_id=row["label_id"],
        sample_id=row["sample_id"],
        direction=Direction.TO_DATABASE,
        action=Action.INSERT,
        field=None,
        old=None,
        new=values,
        reason="drawn_in_fiftyone",
        edited_at=row["edited_at"],
        media=row["media"],
    )


def _new_label_conflict(
    mapping: Mapping, row: dict[str, Any], kind: str, suggestions: tuple[str, ...], annotation_id: str | None = None
) -> Conflict:
    return Conflict(
        kind=kind,
        annotation_id=annotation_id,
        sample_id=row["sample_id"],
        label_id=row["label_id"],
        field=None,
        base=None,
        fiftyone=fiftyone_content(mapping, row),
        database=None,
        suggestions=suggestions,
    )


def _remember(inputs: Inputs, rows: pl.DataFrame, action: Action, kind: str) -> pl.DataFrame:
    """Adds ``stale`` (syncd did ``action`` here lately), ``reapplied`` and ``waits`` (such a conflict is open)."""
    lately = inputs.history.written.filter(pl.col("action") == action.value)
    memory = lately.group_by("annotation_id").agg(
        pl.lit(value=True).alias("stale"), (pl.col("reason") == kind).any().alias("reapplied")
    )
    waiting = (
        inputs.history.open_conflicts.filter(pl.col("field").is_null() & (pl.col("kind") == kind))
        .select("annotation_id", pl.lit(value=True).alias("waits"))
        .unique("annotation_id")
    )
    return (
        rows.join(memory, on="annotation_id", how="left", maintain_order="left")
        .join(waiting, on="annotation_id", how="left", maintain_order="left")
        .with_columns(pl.col("stale", "reapplied", "waits").fill_null(value=False))
    )


def _why_unsafe_whole(
    mapping: Mapping, side: Side, values: dict[str, Value], problems: dict[str, str]
) -> tuple[str, str] | None:
    """The first field (and reason) for which a whole annotation cannot be inserted on that side."""
    for each in mapping.fields:
        if each.name in problems:
            return each.name, f"{problems[each.name]} is not a valid {each.kind.value}"
        if each.name == BOX and side is Side.FIFTYONE and values[BOX] is None:
            return BOX, "a detection needs a box, and the row has none"
        # A column with a default takes a missing value on insert; only a label must be there.
        if values[each.name] is None and side is Side.DATABASE and each.name != "label":
            continue
        why = why_unsafe(each, side, values[each.name])
        if why is not None:
            return each.name, why
    if side is Side.FIFTYONE and mapping.label_type is LabelType.DETECTIONS and BOX not in mapping.names:
        return BOX, "a detection needs a box, and the binding maps none (columns.box)"
    return None


def _unsafe(mapping: Mapping, row: dict[str, Any], bad: tuple[str, str]) -> Conflict:
    return Conflict(
        kind="unsafe_value",
        annotation_id=row["annotation_id"],
        sample_id=row["sample_id"],
        label_id=None,
        field=bad[0],
        base=None,
        fiftyone=None,
        database=problems_of(row, D).get(bad[0], content_of(mapping, row, D)),
        suggestions=(bad[1],),
    )


def _into_fiftyone(row: dict[str, Any], sample_id: str, values: dict[str, Value], reason: str) -> Change:
    return Change(
        annotation_id=row["annotation_id"],
        label_id=None,
        sample_id=sample_id,
        direction=Direction.TO_FIFTYONE,
        action=Action.INSERT,
        field=None,
        old=None,
        new=values,
        reason=reason,
        actor=row[D + "actor"],
        edited_at=row[D + "edited_at"],
        media=row[D + "media"],
    )


def _whole(
    row: dict[str, Any],
    way: Direction | None,
    action: Action,
    old: dict[str, Value] | None,
    new: dict[str, Value] | None,
    reason: str,
    place: str,
) -> Change:
    """A change of a whole annotation; ``place`` is the prefix of the side that knows its label and sample."""
    return Change(
        annotation_id=row["annotation_id"],
        label_id=row[place + "label_id"],
        sample_id=row[place + "sample_id"],
        direction=way,
        action=action,
        field=None,
        old=old,
        new=new,
        reason=reason,
    )


def _missing_conflict(mapping: Mapping, row: dict[str, Any], kind: str, *, with_ids: bool = True) -> Conflict:
    """A conflict about a whole annotation that at least one side lacks."""
    shown = fiftyone_content(mapping, _side_row(mapping, row, F)) if with_ids else content_of(mapping, row, F)
    place = F if row["in_f"] else B
    base: Json = content_of(mapping, row, B) if row["in_b"] else None
    return Conflict(
        kind=kind,
        annotation_id=row["annotation_id"],
        sample_id=row[place + "sample_id"],
        label_id=row[place + "label_id"],
        field=None,
        base=base,
        fiftyone=shown if row["in_f"] else None,
        database=content_of(mapping, row, D) if row["in_d"] else None,
    )


def _side_row(mapping: Mapping, row: dict[str, Any], side: str) -> dict[str, Any]:
    """One side of a joined row, without its prefix."""
    names: Iterable[str] = ("label_id", "sample_id", "media", "edited_at", "problems")
    plain = {name: row[side + name] for name in names}
    plain["annotation_id"] = row["annotation_id"]
    return plain | {PREFIX + name: row[f"{side}{PREFIX}{name}"] for name in mapping.names}

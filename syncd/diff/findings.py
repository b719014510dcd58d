"""Findings about whole annotations, and their form as changes and conflicts."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from syncd.diff.frames import B, D, F
from syncd.model.conflict_kinds import ConflictKind
from syncd.model.kinds import Json, Value, to_json
from syncd.model.mapping import Direction, Mapping
from syncd.model.plan import Action, Change, Conflict, Edited, Waiting
from syncd.model.reasons import Reason
from syncd.model.snapshot import PREFIX, column, known_column


@dataclass
class Findings:
    """What one look at the rows found. ``taken`` are the samples that get a label by one of the changes.

    ``away`` is the next baseline of annotations whose samples have left the dataset. ``put_off`` are annotations that
    are to be looked at in the next run; ``blocked`` those of new rows whose samples hold a label, each with its sample.
    """

    changes: list[Change] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)
    away: list[pl.DataFrame] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    put_off: set[str] = field(default_factory=set)
    blocked: dict[str, str] = field(default_factory=dict)
    not_ingested: int = 0
    ignored: int = 0
    vanished_in_fiftyone: int = 0
    vanished_in_database: int = 0

    def add(self, outcome: Change | Conflict | Waiting) -> None:
        """Takes up one outcome."""
        if isinstance(outcome, Change):
            self.changes.append(outcome)
        elif isinstance(outcome, Waiting):
            self.waiting.append(outcome)
        else:
            self.conflicts.append(outcome)

    @property
    def freed(self) -> frozenset[str]:
        """The samples from which a label is removed: where a field holds one label, there is room for another."""
        return frozenset(str(each.sample_id) for each in self.changes if each.removes_label)


PLAIN = ("label_id", "sample_id", "media", "edited_at", "actor", "problems")
"""FiftyOne's columns besides id, tags and fields."""


def whole_change(
    mapping: Mapping, row: dict[str, Any], way: Direction | None, reason: str, *, seen: str, place: str
) -> Change:
    """The removal of a whole annotation.

    ``seen`` is the prefix of the side whose content goes, ``place`` that of the side that knows its label and sample.
    """
    return Change(
        annotation_id=row["annotation_id"],
        label_id=row[place + "label_id"],
        sample_id=row[place + "sample_id"],
        direction=way,
        action=Action.DELETE,
        field=None,
        old=values_of(mapping, row, seen),
        new=None,
        reason=reason,
        seen_tags=seen_tags(row, place) if way is Direction.TO_FIFTYONE else None,
    )


def into_fiftyone(mapping: Mapping, row: dict[str, Any], sample_id: str, reason: str) -> Change:
    """The insertion of a label with what the database holds."""
    return Change(
        annotation_id=row["annotation_id"],
        label_id=None,
        sample_id=sample_id,
        direction=Direction.TO_FIFTYONE,
        action=Action.INSERT,
        field=None,
        old=None,
        new=values_of(mapping, row, D),
        reason=reason,
        actor=row[D + "actor"],
        edited_at=row[D + "edited_at"],
        media=row[D + "media"],
    )


def into_database(row: dict[str, Any], annotation_id: str | None, values: dict[str, Value]) -> Change:
    """The insertion of a row with what a label (an unprefixed row) holds."""
    return Change(
        annotation_id=annotation_id,
        label_id=row["label_id"],
        sample_id=row["sample_id"],
        direction=Direction.TO_DATABASE,
        action=Action.INSERT,
        field=None,
        old=None,
        new=values,
        reason=Reason.DRAWN,
        actor=row["actor"],
        edited_at=row["edited_at"],
        media=row["media"],
    )


def whole_conflict(
    mapping: Mapping,
    row: dict[str, Any],
    kind: ConflictKind,
    *,
    with_ids: bool = True,
    asked: Sequence[str] | None = None,
) -> Conflict:
    """A conflict about a whole annotation that at least one side lacks.

    ``asked`` are the tags on the label that ask for something that was not done yet.
    """
    place = F if row["in_f"] else B
    base: Json = content_of(mapping, row, B) if row["in_b"] else None
    home: Json = content_of(mapping, row, D) if row["in_d"] else None
    fiftyone: Json = None
    drawn: Json = content_of(mapping, row, F) if row["in_f"] else None
    if row["in_f"]:
        fiftyone = fiftyone_content(mapping, side_row(mapping, row, F), asked or ()) if with_ids else drawn
    return Conflict(
        kind=kind,
        annotation_id=row["annotation_id"],
        sample_id=row[place + "sample_id"],
        label_id=row[place + "label_id"],
        field=None,
        base=base,
        fiftyone=fiftyone,
        database=home,
        in_fiftyone=edited(row, F) if drawn != base or asked else Edited(),
        in_database=edited(row, D) if home != base else Edited(),
    )


def edited(row: dict[str, Any], side: str = "") -> Edited:
    """Who last edited a row of one side, and when; ``side`` is its prefix in a joined row."""
    return Edited(row[side + "actor"], row[side + "edited_at"])


def label_conflict(
    mapping: Mapping, row: dict[str, Any], kind: ConflictKind, suggestions: tuple[str, ...], annotation_id: str | None
) -> Conflict:
    """A conflict about a label (an unprefixed row) that has no row."""
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
        in_fiftyone=edited(row),
    )


def unsafe_row(row: dict[str, Any], sample_id: str, name: str, why: str) -> Conflict:
    """A conflict about the field for which a row cannot become a label (again)."""
    known = row["in_b"] and row.get(B + known_column(name))
    return Conflict(
        kind=ConflictKind.UNSAFE_VALUE,
        annotation_id=row["annotation_id"],
        sample_id=sample_id,
        label_id=None,
        field=name,
        base=jsonable(row[f"{B}{PREFIX}{name}"]) if known else None,
        fiftyone=None,
        database=shown(row, name, D) if f"{D}{PREFIX}{name}" in row else None,
        suggestions=(why,),
        in_database=edited(row, D),
    )


def side_row(mapping: Mapping, row: dict[str, Any], side: str) -> dict[str, Any]:
    """One side of a joined row, without its prefix."""
    plain = {name: row[side + name] for name in PLAIN}
    plain["annotation_id"] = row["annotation_id"]
    return plain | {PREFIX + name: row[f"{side}{PREFIX}{name}"] for name in mapping.names}


ASKED = "review.tags"
"""Name under which a conflict shows the tags of a label that ask for something that was not done yet."""


def values_of(mapping: Mapping, row: dict[str, Any], prefix: str = "") -> dict[str, Value]:
    """The mapped values of a row by field name; ``prefix`` picks one side of a joined row."""
    return {name: row[f"{prefix}{PREFIX}{name}"] for name in mapping.names}


def jsonable(value: Value) -> Json:
    """A canonical value as JSON for a conflict, which must be able to show even what JSON cannot hold."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, list) and not all(map(math.isfinite, value)):
        return [str(part) for part in value]
    return to_json(value)


def content_of(mapping: Mapping, row: dict[str, Any], prefix: str = "") -> Json:
    """All mapped values of a row as JSON."""
    return jsonable_content(values_of(mapping, row, prefix))


def jsonable_content(values: dict[str, Value]) -> Json:
    """A whole annotation as JSON."""
    return {name: jsonable(value) for name, value in values.items()}


def problems_of(row: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """Raw values, as text, of the fields that could not be read as their kind."""
    text = row[f"{prefix}problems"]
    return {} if text is None else dict(json.loads(text))


def shown(row: dict[str, Any], name: str, prefix: str = "") -> Json:
    """One field's value for a conflict: the raw text where it could not be read."""
    raw = problems_of(row, prefix).get(name)
    return raw if raw is not None else jsonable(row[f"{prefix}{PREFIX}{name}"])


def seen_tags(row: dict[str, Any], prefix: str = "") -> tuple[str, ...]:
    """The tags that a label of FiftyOne and its sample bear."""
    return tuple(sorted({*(row[prefix + "tags"] or ()), *(row[prefix + "sample_tags"] or ())}))


def fiftyone_content(mapping: Mapping, row: dict[str, Any], asked: Sequence[str] = ()) -> Json:
    """A FiftyOne row as a conflict shows it: the ids it bears, the tags that ask for something, then its values."""
    ids: dict[str, Json] = {name: row[name] for name in ("annotation_id", "label_id", "sample_id")}
    if asked:
        ids[ASKED] = list(asked)
    return ids | {name: shown(row, name) for name in mapping.names}


def with_sides(
    mapping: Mapping, conflicts: Sequence[Conflict], baseline: pl.DataFrame, database: pl.DataFrame
) -> list[Conflict]:
    """The same conflicts; those about a whole annotation show what was agreed on, and the row, where there is one."""
    lacking = [each for each in conflicts if each.field is None and None in (each.base, each.database)]
    ids = sorted({each.annotation_id for each in lacking if each.annotation_id is not None})
    if not ids:
        return list(conflicts)
    chosen = pl.col("annotation_id").is_in(ids)
    agreed = {row["annotation_id"]: row for row in baseline.filter(chosen).iter_rows(named=True)}
    rows = database.filter(chosen)
    alone = rows.filter(~pl.col("annotation_id").is_duplicated())
    held = {row["annotation_id"]: content_of(mapping, row) for row in alone.iter_rows(named=True)}

    def base(name: str | None) -> Json:
        row = agreed.get(name)
        if row is None:
            return None
        return jsonable_content({each: row[column(each)] for each in mapping.names if row[known_column(each)]})

    return [
        replace(
            each,
            base=base(each.annotation_id) if each.base is None else each.base,
            database=held.get(each.annotation_id) if each.database is None else each.database,
        )
        if each.field is None
        else each
        for each in conflicts
    ]

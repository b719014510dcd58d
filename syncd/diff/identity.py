"""Which label is which annotation: annotation id, label id and sample id judged together (DESIGN §4).

The baseline knows each annotation's label and sample. A label is *original* where both are as known; a *claimant*
bears an id on a label that the baseline does not know; *fresh* labels bear neither. An id that cannot be attributed
with certainty is held: its annotation is neither merged nor taken for deleted, and a conflict says why.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from syncd.diff.content import content_of, fiftyone_content
from syncd.model.fields import ID_FIELD, Direction, LabelType, Mapping
from syncd.model.plan import Action, Change, Conflict
from syncd.model.snapshot import column

SAME_PLACE = 0.5
"""Boxes that overlap by at least this share (intersection over union) mark the same place in a sample."""


@dataclass(frozen=True)
class Identified:
    """FiftyOne's rows with settled ids.

    ``rows`` hold one row per annotation id; ``fresh`` the labels without id that nothing explains; ``held`` the ids
    that are left alone because a conflict concerns the whole annotation.
    """

    rows: pl.DataFrame
    fresh: pl.DataFrame
    conflicts: tuple[Conflict, ...]
    restored: tuple[Change, ...]
    held: frozenset[str]


def identify(mapping: Mapping, rows: pl.DataFrame, baseline: pl.DataFrame, *, adopt: bool) -> Identified:
    """Settles the identity of every label that was read. Invariant: no row is dropped without a conflict."""
    conflicts: list[Conflict] = []
    held: set[str] = set()

    def refuse(kind: str, refused: pl.DataFrame, subject: str, *, copies: bool = False, hold: bool = True) -> None:
        for row in refused.iter_rows(named=True):
            conflicts.append(_conflict(mapping, kind, row, row[subject], is_copy=copies))
            if hold:
                held.update(each for each in (row[subject], row["annotation_id"]) if each is not None)

    known = baseline.select(
        "label_id", pl.col("annotation_id").alias("owner"), pl.col("sample_id").alias("home")
    ).unique("label_id", keep="first", maintain_order=True)
    rows = rows.join(known, on="label_id", how="left", maintain_order="left")

    unaddressable = pl.col("label_id").is_null()
    twice = (
        rows["label_id"].is_duplicated() & rows.select(pl.struct("sample_id", "label_id").is_duplicated()).to_series()
    )
    twice = twice & rows["label_id"].is_not_null()
    refuse("unaddressable", rows.filter(unaddressable), "annotation_id")
    both = rows.filter(twice).with_columns(pl.coalesce("owner", "annotation_id").alias("subject"))
    refuse("duplicate_id", both, "subject", copies=True)
    rows = rows.filter(~unaddressable & ~twice)

    at_home = (pl.col("home") == pl.col("sample_id")).fill_null(value=False)
    own_id = pl.col("annotation_id").is_null() | (pl.col("annotation_id") == pl.col("owner"))
    rows = rows.with_columns(
        pl.when(at_home & own_id.fill_null(value=False))
        .then(pl.lit("original"))
        .when(at_home)
        .then(pl.lit("renamed"))
        .when(
            pl.col("owner").is_not_null()
            & own_id.fill_null(value=False)
            & (pl.col("annotation_id").is_null() | (not adopt))
        )
        .then(pl.lit("away"))
        .when(pl.col("annotation_id").is_null())
        .then(pl.lit("fresh"))
        .otherwise(pl.lit("claimant"))
        .alias("standing")
    )
    originals = rows.filter(pl.col("standing") == "original")
    present = originals.select(pl.col("owner"))

    # A known label under another id: either id may be the right one.
    renamed = rows.filter(pl.col("standing") == "renamed")
    refuse("moved", renamed, "owner", hold=False)
    held.update(renamed["owner"].to_list())
    held.update(renamed.join(present, left_on="annotation_id", right_on="owner", how="anti")["annotation_id"].to_list())

    # A known label on another sample: a copy where the original still stands, else it has moved.
    away = rows.filter(pl.col("standing") == "away")
    refuse("duplicate_id", away.join(present, on="owner", how="semi"), "owner", copies=True, hold=False)
    refuse("moved", away.join(present, on="owner", how="anti"), "owner")

    claimants = rows.filter(pl.col("standing") == "claimant")
    copies = claimants.join(present, left_on="annotation_id", right_on="owner", how="semi")
    refuse("duplicate_id", copies, "annotation_id", copies=True, hold=False)
    claimants = claimants.join(present, left_on="annotation_id", right_on="owner", how="anti")
    rivals = claimants.filter(pl.col("annotation_id").is_duplicated())
    refuse("duplicate_id", rivals, "annotation_id", copies=True)
    claimants = claimants.filter(~pl.col("annotation_id").is_duplicated())
    if not adopt:
        homes = baseline.select("annotation_id", pl.col("sample_id").alias("known_home"))
        claimants = claimants.join(homes, on="annotation_id", how="left", maintain_order="left")
        elsewhere = (pl.col("known_home") != pl.col("sample_id")).fill_null(value=False)
        refuse("moved", claimants.filter(elsewhere), "annotation_id")
        claimants = claimants.filter(~elsewhere).drop("known_home")

    lost = originals.filter(pl.col("annotation_id").is_null() & ~pl.col("owner").is_in(list(held)))
    restored = tuple(_restore(row) for row in lost.iter_rows(named=True))
    settled = pl.concat([originals.with_columns(pl.col("owner").alias("annotation_id")), claimants])
    if held:
        settled = settled.filter(~pl.col("annotation_id").is_in(list(held)))

    fresh = rows.filter(pl.col("standing") == "fresh")
    fresh, replaced, gone = _replaced(mapping, fresh, settled, baseline, held)
    conflicts.extend(replaced)
    held.update(gone)
    extra = ["owner", "home", "standing"]
    return Identified(settled.drop(extra), fresh.drop(extra), tuple(conflicts), restored, frozenset(held))


def _restore(row: dict[str, object]) -> Change:
    owner = str(row["owner"])
    return Change(
        annotation_id=owner,
        label_id=str(row["label_id"]),
        sample_id=str(row["sample_id"]),
        direction=Direction.TO_FIFTYONE,
        action=Action.UPDATE,
        field=ID_FIELD,
        old=None,
        new=owner,
        reason="id_restored",
    )


def _conflict(
    mapping: Mapping, kind: str, row: dict[str, object], annotation_id: str | None, *, is_copy: bool
) -> Conflict:
    known = None if row["owner"] is None else {"annotation_id": str(row["owner"]), "sample_id": str(row["home"])}
    return Conflict(
        kind=kind,
        annotation_id=annotation_id,
        sample_id=None if row["sample_id"] is None else str(row["sample_id"]),
        label_id=None if row["label_id"] is None else str(row["label_id"]),
        field=None,
        base=None if known is None else dict(known),
        fiftyone=fiftyone_content(mapping, row),
        database=None,
        is_copy=is_copy,
    )


def _replaced(
    mapping: Mapping, fresh: pl.DataFrame, settled: pl.DataFrame, baseline: pl.DataFrame, held: set[str]
) -> tuple[pl.DataFrame, list[Conflict], set[str]]:
    """Fresh labels that stand where a known label vanished: perhaps its successor, so nobody guesses."""
    if fresh.is_empty():
        return fresh, [], set()
    vanished = baseline.join(fresh.select("sample_id").unique(), on="sample_id", how="semi")
    vanished = vanished.join(settled.select("annotation_id"), on="annotation_id", how="anti")
    vanished = vanished.filter(~pl.col("annotation_id").is_in(list(held)))
    by_sample: dict[str, list[dict[str, object]]] = {}
    for row in vanished.iter_rows(named=True):
        by_sample.setdefault(str(row["sample_id"]), []).append(row)
    conflicts: list[Conflict] = []
    gone: set[str] = set()
    explained: list[str] = []
    for row in fresh.iter_rows(named=True):
        rest = by_sample.get(str(row["sample_id"]), [])
        match = next((each for each in rest if _same_place(mapping, row, each)), None)
        if match is None:
            continue
        rest.remove(match)
        gone.add(str(match["annotation_id"]))
        explained.append(str(row["label_id"]))
        base = content_of(mapping, match)
        conflicts.append(
            Conflict(
                kind="replaced",
                annotation_id=str(match["annotation_id"]),
                sample_id=str(row["sample_id"]),
                label_id=str(row["label_id"]),
                field=None,
                base=base,
                fiftyone=fiftyone_content(mapping, row),
                database=None,
            )
        )
    return fresh.filter(~pl.col("label_id").is_in(explained)), conflicts, gone


def _same_place(mapping: Mapping, row: dict[str, object], known: dict[str, object]) -> bool:
    """In a field of boxes the place is the box; elsewhere it is the sample."""
    box = column("box")
    if mapping.label_type is not LabelType.DETECTIONS or "box" not in mapping.names:
        return True
    one, two = row[box], known[box]
    if not isinstance(one, list) or not isinstance(two, list):
        return False
    return overlap(one, two) >= SAME_PLACE


def overlap(one: list[float], two: list[float]) -> float:
    """Intersection over union of two boxes [x, y, w, h]; 0 where either has no area."""
    width = min(one[0] + one[2], two[0] + two[2]) - max(one[0], two[0])
    height = min(one[1] + one[3], two[1] + two[3]) - max(one[1], two[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / (one[2] * one[3] + two[2] * two[3] - shared)

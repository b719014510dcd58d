"""Proves that both sides agree, independently of baseline and cursors: reads and compares everything.

A difference is *explained* if a conflict about it is open, or if it is an edit that waits for approval: a person has
been told.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import polars as pl

from syncd.diff.findings import content_of, shown
from syncd.diff.frames import D, F, unreadable
from syncd.diff.images import is_other_image
from syncd.engine.partitions import Parts, parts_for
from syncd.engine.session import Session
from syncd.model import Field, Json, Mapping, Side
from syncd.model.conflict_kinds import ConflictKind
from syncd.model.plan import AWAITING
from syncd.model.snapshot import column, schema
from syncd.model.values import differs
from syncd.store import conflicts, waiting

DIFFERS, OTHER_IMAGE, ONLY_FIFTYONE, ONLY_DATABASE, NO_ID, DUPLICATE = (
    "differs",
    ConflictKind.MOVED,
    "only_in_fiftyone",
    "only_in_database",
    "no_id",
    "duplicate_id",
)
KINDS = (NO_ID, DUPLICATE, OTHER_IMAGE, DIFFERS, ONLY_FIFTYONE, ONLY_DATABASE)
"""In the order in which they are listed."""


@dataclass(frozen=True)
class Difference:
    """One thing on which the two sides do not agree.

    ``conflict`` is the id of the open conflict that explains it; ``awaiting_review``: it is an edit that waits.
    """

    kind: str
    annotation_id: str | None
    sample_id: str | None
    label_id: str | None
    field: str | None
    fiftyone: Json
    database: Json
    conflict: int | None = None
    awaiting_review: bool = False

    @property
    def explained(self) -> bool:
        """Whether somebody has been told of it."""
        return self.conflict is not None or self.awaiting_review


@dataclass(frozen=True)
class Verdict:
    """What a verification found. ``compared`` counts annotations that both sides hold.

    ``no_image`` counts those of them of which a side names no image: whether it is the same cannot be told.
    """

    binding: str
    compared: int
    fiftyone: int
    database: int
    not_ingested: int
    differences: tuple[Difference, ...]
    seconds: float
    no_image: int = 0

    @property
    def unexplained(self) -> tuple[Difference, ...]:
        """Differences of which nobody has been told."""
        return tuple(each for each in self.differences if not each.explained)

    @property
    def exit_code(self) -> int:
        """0 in agreement; 3 where open conflicts or waiting edits explain every difference; 1 otherwise."""
        if self.unexplained:
            return 1
        return 3 if self.differences else 0

    def as_json(self) -> dict[str, Json]:
        """The verdict as JSON."""
        return {
            "binding": self.binding,
            "agrees": not self.differences,
            "compared": self.compared,
            "scanned": {"fiftyone": self.fiftyone, "database": self.database},
            "not_ingested": self.not_ingested,
            "no_image": self.no_image,
            "explained": len(self.differences) - len(self.unexplained),
            "unexplained": len(self.unexplained),
            "differences": [dict(vars(each)) for each in self.differences],
            "seconds": round(self.seconds, 3),
        }


def verify(session: Session, progress: Callable[[str], None]) -> Verdict:
    """Reads both sides completely and compares every annotation, field by field; in parts, so that any size will do."""
    begun = time.monotonic()
    progress("reading FiftyOne and the database")
    mapping = session.mapping
    with tempfile.TemporaryDirectory(prefix="syncd-verify-") as folder:
        count = parts_for(session.database.origin(count_rows=True).rows or 0)
        session.rest()
        labels = Parts(Path(folder, "fiftyone"), schema(Side.FIFTYONE, mapping), count)
        rows = Parts(Path(folder, "database"), schema(Side.DATABASE, mapping), count)
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="fiftyone") as reader:
            reading = reader.submit(session.fiftyone.read_all_to, labels)
            session.database.read_all_to(rows)
            reading.result()
        progress("comparing")
        compared = [_compare(session, *part) for part in zip(labels, rows, strict=True)]
    order = {name: position for position, name in enumerate(mapping.names)}
    differences = sorted((each for part in compared for each in part.differences), key=partial(_place, order))
    return Verdict(
        binding=mapping.binding,
        compared=sum(each.both for each in compared),
        fiftyone=labels.rows,
        database=rows.rows,
        not_ingested=sum(each.not_ingested for each in compared),
        differences=_explained(session, differences),
        seconds=time.monotonic() - begun,
        no_image=sum(each.no_image for each in compared),
    )


@dataclass(frozen=True)
class _Compared:
    """What came of one part, all that both sides hold of some ids: how many they share, and what differs."""

    both: int
    not_ingested: int
    no_image: int
    differences: list[Difference]


def _compare(session: Session, found: pl.DataFrame, rows: pl.DataFrame) -> _Compared:
    mapping = session.mapping
    differences: list[Difference] = []
    sound_labels = _sound(mapping, found, differences, from_fiftyone=True)
    sound_rows = _sound(mapping, rows, differences, from_fiftyone=False)
    both = _prefixed(sound_labels, F).join(_prefixed(sound_rows, D), on="annotation_id", how="inner")
    differences.extend(_other_images(mapping, both))
    for each in mapping.fields:
        differences.extend(_field_differences(each, both))
    differences.extend(_only(mapping, sound_labels, sound_rows, ONLY_FIFTYONE))
    missing = sound_rows.join(sound_labels, on="annotation_id", how="anti")
    media = missing["media"].drop_nulls().unique().to_list()
    placed = session.fiftyone.find_samples(media) if media else None
    not_ingested = missing.height
    if placed is not None:
        ingested = missing.join(placed.select("media").unique(), on="media", how="semi")
        not_ingested = missing.height - ingested.height
        differences.extend(_only(mapping, ingested, sound_labels, ONLY_DATABASE))
    nameless = both.filter(pl.col(F + mapping.image).is_null() | pl.col(D + mapping.image).is_null())
    return _Compared(both.height, not_ingested, nameless.height, differences)


def _place(order: dict[str, int], each: Difference) -> tuple[int, int, str, str]:
    """Where a difference stands in the list: by kind, field and annotation."""
    field = -1 if each.field is None else order[each.field]
    return KINDS.index(each.kind), field, each.annotation_id or "", each.label_id or ""


def _prefixed(frame: pl.DataFrame, prefix: str) -> pl.DataFrame:
    return frame.rename({name: prefix + name for name in frame.columns if name != "annotation_id"})


def _sound(
    mapping: Mapping, frame: pl.DataFrame, differences: list[Difference], *, from_fiftyone: bool
) -> pl.DataFrame:
    """Rows that bear an id of their own; the others are differences."""
    doubtful = frame.filter(pl.col("annotation_id").is_null() | pl.col("annotation_id").is_duplicated())
    for row in doubtful.iter_rows(named=True):
        content = content_of(mapping, row)
        differences.append(
            Difference(
                kind=NO_ID if row["annotation_id"] is None else DUPLICATE,
                annotation_id=row["annotation_id"],
                sample_id=row.get("sample_id"),
                label_id=row.get("label_id"),
                field=None,
                fiftyone=content if from_fiftyone else None,
                database=None if from_fiftyone else content,
            )
        )
    return frame.filter(pl.col("annotation_id").is_not_null() & ~pl.col("annotation_id").is_duplicated())


def _other_images(mapping: Mapping, both: pl.DataFrame) -> list[Difference]:
    return [
        Difference(
            kind=OTHER_IMAGE,
            annotation_id=row["annotation_id"],
            sample_id=row[F + "sample_id"],
            label_id=row[F + "label_id"],
            field=None,
            fiftyone=row[F + mapping.image],
            database=row[D + mapping.image],
        )
        for row in both.filter(is_other_image(mapping)).sort("annotation_id").iter_rows(named=True)
    ]


def _field_differences(field: Field, both: pl.DataFrame) -> list[Difference]:
    name = column(field.name)
    apart = differs(field, pl.col(F + name), pl.col(D + name)) | unreadable(field.name, F) | unreadable(field.name, D)
    return [
        Difference(
            kind=DIFFERS,
            annotation_id=row["annotation_id"],
            sample_id=row[F + "sample_id"],
            label_id=row[F + "label_id"],
            field=field.name,
            fiftyone=shown(row, field.name, F),
            database=shown(row, field.name, D),
        )
        for row in both.filter(apart).sort("annotation_id").iter_rows(named=True)
    ]


def _only(mapping: Mapping, these: pl.DataFrame, others: pl.DataFrame, kind: str) -> list[Difference]:
    alone = these.join(others.select("annotation_id"), on="annotation_id", how="anti").sort("annotation_id")
    found = []
    for row in alone.iter_rows(named=True):
        content = content_of(mapping, row)
        found.append(
            Difference(
                kind=kind,
                annotation_id=row["annotation_id"],
                sample_id=row.get("sample_id"),
                label_id=row.get("label_id"),
                field=None,
                fiftyone=content if kind == ONLY_FIFTYONE else None,
                database=content if kind == ONLY_DATABASE else None,
            )
        )
    return found


def _explained(session: Session, differences: list[Difference]) -> tuple[Difference, ...]:
    """Attaches what speaks of each difference, of its field, its annotation or its label: a conflict, or a wait."""
    if not differences:
        return ()
    open_now = conflicts.query(session.state, session.tables, bindings=[session.mapping.binding])
    by_field = {(each["annotation_id"], each["field"]): each["id"] for each in open_now}
    by_label = {each["label_id"]: each["id"] for each in open_now if each["label_id"] and each["field"] is None}
    waits = waiting.query(session.state, session.tables, bindings=[session.mapping.binding], kind=AWAITING)
    awaited = {(each["annotation_id"] or each["label_id"], each["field"]) for each in waits}
    result = []
    for each in differences:
        reason = None
        if each.annotation_id is not None:
            reason = by_field.get((each.annotation_id, each.field)) or by_field.get((each.annotation_id, None))
        reason = reason or by_label.get(each.label_id)
        waited = {(each.annotation_id or each.label_id, each.field), (each.label_id, None)} & awaited
        result.append(replace(each, conflict=reason, awaiting_review=bool(waited)))
    return tuple(result)

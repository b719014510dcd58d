"""Checks a manifest and its images as a whole: every fault is found before anything is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from syncd.diff.nearest import nearest_terms
from syncd.inbox.columns import IMAGE, column_faults
from syncd.inbox.faults import FAULTS, together
from syncd.inbox.images import look_at, plain
from syncd.inbox.judge import as_terms, judge, unknown_labels
from syncd.inbox.manifest import read_manifest
from syncd.inbox.table import Table
from syncd.inbox.values import Values, values_of
from syncd.ingest.work import Work
from syncd.model import LABEL
from syncd.model.snapshot import column


@dataclass(frozen=True)
class Checked:
    """What a manifest holds. With faults it is not to be loaded; ``notes`` do no harm."""

    values: Values
    images: pl.DataFrame
    faults: pl.DataFrame
    notes: tuple[str, ...] = ()


def check(work: Work, table: Table, path: Path, folder: Path, progress: Callable[[int], None]) -> Checked:
    """Checks a manifest whose images are in ``folder``. ``OSError`` where the manifest itself cannot be read."""
    manifest = read_manifest(path)
    found = [manifest.faults, *column_faults(table.expected, manifest.columns)]
    values = values_of(table.expected, manifest)
    values = replace(values, rows=_with_plain_names(values.rows))
    found.append(values.faults)
    images = look_at(folder, values.rows[IMAGE].drop_nulls().unique(maintain_order=True), progress)
    if not manifest.columns:
        return Checked(values, images, together(found))
    found.append(_bad_images(values, images))
    refuse = work.binding.ingest.unknown_labels == "refuse"
    known = replace(values, rows=as_terms(values, work.vocabulary)) if LABEL in values.given else values
    if LABEL in values.given:
        found.append(judge(table.expected, known, work.vocabulary, refuse_unknown=refuse))
    return Checked(known, images, together(found), tuple(_notes(work, values, known, images)))


def _with_plain_names(rows: pl.DataFrame) -> pl.DataFrame:
    names = rows[IMAGE].drop_nulls().unique()
    shorter = {each: plain(each) for each in names if plain(each) != each and ".." not in each.split("/")}
    return rows.with_columns(pl.col(IMAGE).replace(shorter)) if shorter else rows


def _bad_images(values: Values, images: pl.DataFrame) -> pl.DataFrame:
    bad = values.rows.join(images.filter(pl.col("fault").is_not_null()), on=IMAGE, maintain_order="left")
    name = pl.lit(values.names.get(IMAGE, IMAGE)).alias("column")
    return bad.select("row", "line", name, pl.col(IMAGE).alias("value"), "fault", "expected").select(list(FAULTS))


def _notes(work: Work, values: Values, known: Values, images: pl.DataFrame) -> list[str]:
    odd = images.filter(pl.col("note").is_not_null())
    found = [f"{odd.height:,} images, such as {odd[IMAGE][0]}: {odd['note'][0]}"] if odd.height else []
    if LABEL not in values.given:
        return found
    name = column(LABEL)
    renamed = (values.rows[name] != known.rows[name]).sum()
    if renamed:
        found.append(f"{renamed:,} labels are aliases, and are loaded as the terms they stand for")
    unknown = unknown_labels(known.rows, work.vocabulary)
    if unknown and work.vocabulary is not None:
        near = nearest_terms(unknown, work.vocabulary)
        for label in unknown[:5]:
            hint = f" (near: {', '.join(near[label])})" if near[label] else ""
            found.append(f"the vocabulary has no term {label!r}{hint}")
        if len(unknown) > 5:
            found.append(f"and {len(unknown) - 5:,} more unknown labels: `syncd vocabulary check {work.binding.name}`")
    return found

"""Updates the predictions of annotations that are in the dataset already.

The model was run again, or its predictions were mapped later. They are no annotations: the table is always right about
them, so that nothing is merged, logged or remembered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import polars as pl

from syncd.adapters.fiftyone.predictions import PredictionField
from syncd.adapters.fiftyone.samples import Predicted
from syncd.ingest.context import Work
from syncd.ingest.result import Refreshed
from syncd.model import BOX
from syncd.model.snapshot import column
from syncd.model.values import differs
from syncd.store import baseline

Report = Callable[[str, int, int], None]
"""Called with the phase, how much of it is done, and how much there is."""

ID = "annotation_id"
_NEW = ".new"


@dataclass(frozen=True)
class Differences:
    """What must be written so that FiftyOne has the table's predictions; ``same`` is the number of those it has."""

    add: pl.DataFrame
    update: pl.DataFrame
    remove: pl.DataFrame
    same: int


def refresh_predictions(work: Work, progress: Report, *, dry_run: bool) -> tuple[Refreshed, ...]:
    """Compares each prediction field with the table, and writes what differs; nothing at all without predictions."""
    if not work.predictions:
        return ()
    progress("comparing the predictions", 0, 0)
    session = work.session
    rows = work.source.every({name for each in work.predictions for name in each.parts.values()})
    places = baseline.places(session.state, session.tables, session.mapping.binding, session.arrow)
    session.rest()
    return tuple(_refresh(work, each, rows, places, dry_run=dry_run) for each in work.predictions)


def _refresh(work: Work, predicted: Predicted, rows: pl.DataFrame, places: pl.DataFrame, *, dry_run: bool) -> Refreshed:
    field = PredictionField(work.fiftyone, predicted)
    wanted = wanted_predictions(predicted, rows)
    found = compare(field, wanted, field.read(), places)
    notes = list(_notes(predicted, wanted))
    total = found.same + found.update.height + found.add.height
    if dry_run:
        added, updated, removed = found.add.height, found.update.height, found.remove.height
    else:
        removed, updated = field.remove(found.remove), field.update(found.update)
        added = field.add(found.add)
        total -= found.add.height - added
        if left := found.add.height - added:
            notes.append(f"not added, since the sample is gone or holds another label in this field: {left:,}")
    name = predicted.layout.field
    return Refreshed(name, total, added, updated, removed, tuple(f"{name}: {note}" for note in notes))


def wanted_predictions(predicted: Predicted, rows: pl.DataFrame) -> pl.DataFrame:
    """``annotation_id``, ``value.<name>`` and ``predicted`` (is there one?) of the rows that an id tells apart."""
    parts = {BOX if name == "bounding_box" else name: source for name, source in predicted.parts.items()}
    there = pl.all_horizontal([pl.col(predicted.parts[name]).is_not_null() for name in predicted.needed])
    return rows.filter(pl.col(ID).is_not_null() & ~pl.col(ID).is_duplicated()).select(
        ID, *(pl.col(source).alias(column(name)) for name, source in parts.items()), there.alias("predicted")
    )


def compare(field: PredictionField, wanted: pl.DataFrame, there: pl.DataFrame, places: pl.DataFrame) -> Differences:
    """What differs between the table and FiftyOne. ``places`` say on which sample each agreed annotation stands.

    A prediction whose row is gone stays as long as its annotation does: that a row is gone for good is for a
    reconcile to decide.
    """
    values = [column(name) for name in field.names]
    both = there.join(wanted, on=ID, suffix=_NEW)
    apart = pl.any_horizontal(
        [differs(each, pl.col(column(each.name)), pl.col(column(each.name) + _NEW)) for each in field.fields]
    )
    update = both.filter(pl.col("predicted") & apart).select(
        ID, "label_id", "sample_id", *(pl.col(name + _NEW).alias(name) for name in values)
    )
    withdrawn = both.filter(~pl.col("predicted")).select(ID, "label_id", "sample_id")
    orphaned = there.join(wanted, on=ID, how="anti").join(places, on=ID, how="anti")
    missing = wanted.filter(pl.col("predicted")).join(there, on=ID, how="anti")
    return Differences(
        add=missing.join(places.drop_nulls(), on=ID).select(ID, "sample_id", *values),
        update=update,
        remove=pl.concat([withdrawn, orphaned.select(ID, "label_id", "sample_id")]),
        same=both.filter(pl.col("predicted")).height - update.height,
    )


def _notes(predicted: Predicted, wanted: pl.DataFrame) -> Iterator[str]:
    """What is odd about the table's predictions; they are loaded all the same, as far as they can be."""
    present = wanted.filter("predicted")
    for name in ("confidence", "second_confidence"):
        if name in predicted.parts:
            odd = present.filter(~pl.col(column(name)).is_between(0, 1))
            if odd.height:
                example, value = odd.select(ID, column(name)).row(0)
                words = name.replace("_", " ")
                yield f"the {words} of {odd.height:,} is not between 0 and 1, such as {value:g} of {example}"
    if "bounding_box" in predicted.parts:
        boxless = wanted.filter(~pl.col("predicted"), pl.col(column("label")).is_not_null())
        if boxless.height:
            yield f"left out for want of a box: {boxless.height:,}, such as that of {boxless[ID][0]}"

"""Hand edits: what people changed in FiftyOne, by values that differ from the baseline, drawing, deleting or copying.

Left out are values that returned to what syncd replaced (:mod:`syncd.diff.reverts`), and everything that already waited
or was in conflict before this run: nobody need have touched it lately.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from syncd.diff.frames import B, F, differ, unreadable
from syncd.diff.history import ids_holding, open_whole
from syncd.diff.inputs import Inputs
from syncd.model.kinds import Kind
from syncd.model.mapping import Field
from syncd.model.plan import Conflict
from syncd.model.snapshot import TIMESTAMP_DTYPE, column

PLACED_SCHEMA: dict[str, pl.DataType] = {
    "annotation_id": pl.String(),
    "label_id": pl.String(),
    "sample_id": pl.String(),
    "field": pl.String(),
    "edited_at": TIMESTAMP_DTYPE,
    "value": pl.String(),
}
"""Something about a label, or (without ``field``) the label itself: where it is, its stamp, and what it holds now."""

GONE = "gone"
"""The ``value`` of a label that is not there any more."""


def placed_value(rows: pl.DataFrame, field: Field) -> pl.DataFrame:
    """What FiftyOne holds of a field in joined rows (:data:`PLACED_SCHEMA`); a box is not told by its value."""
    value = pl.lit(None, pl.String) if field.kind is Kind.BOX else pl.col(F + column(field.name)).cast(pl.String)
    return _placed(rows, F, field.name, pl.col(F + "edited_at"), value)


def placed_label(rows: pl.DataFrame) -> pl.DataFrame:
    """Labels in joined rows."""
    return _placed(rows, F, None, pl.col(F + "edited_at"), pl.lit(None, pl.String))


def placed_gone(inputs: Inputs, rows: pl.DataFrame) -> pl.DataFrame:
    """Known labels in joined rows that are not there any more; the stamp is that of their sample, where it is known."""
    gone = _placed(rows, B, None, pl.lit(None, TIMESTAMP_DTYPE), pl.lit(GONE))
    homes = inputs.samples.clear() if inputs.homes is None else inputs.homes
    stamps = homes.select("sample_id", "edited_at").unique("sample_id")
    return gone.drop("edited_at").join(stamps, on="sample_id", how="left").select(*PLACED_SCHEMA)


def _placed(rows: pl.DataFrame, side: str, name: str | None, stamp: pl.Expr, value: pl.Expr) -> pl.DataFrame:
    place = [pl.col(side + each).alias(each) for each in ("label_id", "sample_id")]
    named = pl.lit(name, pl.String).alias("field")
    return rows.select("annotation_id", *place, named, stamp.alias("edited_at"), value.alias("value"))


def changed_by_hand(
    inputs: Inputs, joined: pl.DataFrame, returned: pl.DataFrame, fresh: pl.DataFrame, doubts: tuple[Conflict, ...]
) -> pl.DataFrame:
    """All that people changed (:data:`PLACED_SCHEMA`) since the run before.

    ``returned`` is of the same form; ``fresh`` are labels without an id, ``doubts`` conflicts about identity.
    """
    judged = joined.join(_told(inputs), on="annotation_id", how="anti")
    frames = [
        *_values(inputs, judged, returned),
        *_labels(inputs, joined, returned),
        _drawn(inputs, fresh),
        _doubted(inputs, doubts),
    ]
    return pl.concat([pl.DataFrame(schema=PLACED_SCHEMA), *frames])


def changed_once(inputs: Inputs, joined: pl.DataFrame, returned: pl.DataFrame) -> pl.DataFrame:
    """The values (:data:`PLACED_SCHEMA`) that people changed at some time in annotations that are in a conflict.

    As long as it is open none of their fields is judged, so that nobody knows since when they are different.
    """
    held = joined.join(_told(inputs), on="annotation_id", how="semi")
    return pl.concat([pl.DataFrame(schema=PLACED_SCHEMA), *_values(inputs, held, returned)])


def _told(inputs: Inputs) -> pl.DataFrame:
    """The annotations about which as a whole somebody has been asked."""
    return open_whole(inputs.history).select("annotation_id")


def _values(inputs: Inputs, joined: pl.DataFrame, returned: pl.DataFrame) -> Iterator[pl.DataFrame]:
    both = joined.filter(pl.col("in_b") & pl.col("in_f"))
    for each in inputs.mapping.fields:
        changed = both.filter(differ(each, F, B) | unreadable(each.name, F))
        if changed.is_empty():
            continue
        of_field = pl.col("field") == each.name
        asked = inputs.history.open_conflicts.filter(of_field)
        waited = inputs.history.standing.filter(of_field)
        for known in (
            returned.filter(of_field).select("annotation_id"),
            ids_holding(each, changed, asked, "fiftyone"),
            ids_holding(each, changed, waited, "value"),
        ):
            changed = changed.join(known, on="annotation_id", how="anti")
        yield placed_value(changed, each)


def _labels(inputs: Inputs, joined: pl.DataFrame, returned: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Labels that were deleted, or put there under an id that the database does not have."""
    found = [placed_label(joined.filter(~pl.col("in_b") & pl.col("in_f") & ~pl.col("in_d")))]
    if inputs.complete:
        # Of what left with its sample the baseline does not know the place any more.
        known = pl.col("in_b") & pl.col(B + "sample_id").is_not_null()
        found.append(placed_gone(inputs, joined.filter(known & ~pl.col("in_f"))))
    told = _told(inputs)
    whole = returned.filter(pl.col("field").is_null())
    for each in found:
        yield each.join(told, on="annotation_id", how="anti").join(whole, on="annotation_id", how="anti")


def _drawn(inputs: Inputs, fresh: pl.DataFrame) -> pl.DataFrame:
    if inputs.policy.on_new == "ignore":
        return pl.DataFrame(schema=PLACED_SCHEMA)
    new = fresh.join(inputs.history.standing.select("label_id").drop_nulls(), on="label_id", how="anti")
    nothing = [pl.lit(None, pl.String).alias(name) for name in ("field", "value")]
    return new.with_columns(nothing).select(*PLACED_SCHEMA)


def _doubted(inputs: Inputs, doubts: tuple[Conflict, ...]) -> pl.DataFrame:
    """Labels whose identity has come to be in doubt: copied, moved, replaced."""
    open_now = set(open_whole(inputs.history).select("annotation_id", "kind").iter_rows())
    rows = [
        (None if each.is_copy else each.annotation_id, each.label_id, each.sample_id, None, each.in_fiftyone.at, None)
        for each in doubts
        if (each.annotation_id, each.kind) not in open_now
    ]
    return pl.DataFrame(rows, schema=PLACED_SCHEMA, orient="row")

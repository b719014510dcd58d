"""Tag intents: what a reviewer means by a label: the text, the term that it stands for, the class that a tag names.

The merge works on what is meant. What was typed stays beside it, in a column that :func:`about_column` names
``typed``, because a write to FiftyOne must find it there. Further such columns: ``via``, how the meant value came about
(:data:`ALIAS`, :data:`CLASS_TAG`, :data:`APPROVED`, ``restored`` of an attribute that was lost and means what was
agreed, or null for the value itself); ``ambiguous``, tags that disagree with each other or with an edit; ``unknown``,
no term; ``agrees``, the database's spelling means the same.
"""

from __future__ import annotations

import polars as pl

from syncd.diff.frames import B, D, F, differ, is_known, unreadable
from syncd.diff.history import about_column, with_half
from syncd.diff.inputs import Inputs
from syncd.diff.lost_attributes import attributes_of, is_to_fill
from syncd.diff.vocabulary import with_meaning
from syncd.model.kinds import Kind
from syncd.model.mapping import LABEL, Direction, Field, Mapping
from syncd.model.policy import Review
from syncd.model.reasons import Reason
from syncd.model.snapshot import column, known_column


def with_tag_intents(inputs: Inputs, voices: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Replaces FiftyOne's values by what is meant, in rows that both sides hold; ``approved``: edits may pass."""
    mapping, review = inputs.mapping, inputs.policy.review
    rows = rows.join(
        voices.rename({"sample_id": F + "sample_id", "label_id": F + "label_id"}),
        on=[F + "sample_id", F + "label_id"],
        how="left",
        maintain_order="left",
    ).with_columns(pl.col("approved", "confirmed").fill_null(value=False))
    rows = rows.with_columns([each for name in mapping.names for each in _plain(mapping.field(name))])
    rows = rows.with_columns([each for field in attributes_of(mapping) for each in _with_lost(field)])
    if inputs.vocabulary is not None:
        rows = with_meaning(inputs.vocabulary, rows, F + column(LABEL), "meant.f")
        rows = with_meaning(inputs.vocabulary, rows, D + column(LABEL), "meant.d")
        rows = with_half(mapping.field(LABEL), Reason.CLASS_TAG, inputs.history, rows)
        rows = _with_label(mapping.field(LABEL), rows)
    verified = verified_field(mapping, review)
    if verified is not None:
        rows = with_half(verified, Reason.APPROVED, inputs.history, rows)
        rows = _with_approval(verified, rows)
    return rows.drop("confirmed")


def verified_field(mapping: Mapping, review: Review) -> Field | None:
    """The field that an approving tag sets; none where it is not mapped, is no boolean, or may not be set here."""
    if review.verified is None or review.verified not in mapping.names:
        return None
    found = mapping.field(review.verified)
    return found if found.kind is Kind.BOOLEAN and found.direction.allows(Direction.TO_DATABASE) else None


def _plain(field: Field) -> list[pl.Expr]:
    no = pl.lit(value=False)
    return [
        pl.col(F + column(field.name)).alias(about_column(field, "typed")),
        pl.lit(None, pl.String).alias(about_column(field, "via")),
        *(no.alias(about_column(field, fact)) for fact in ("ambiguous", "unknown", "agrees")),
    ]


def _with_lost(field: Field) -> list[pl.Expr]:
    """An attribute that was lost means what was agreed; where the database has none either, it is simply gone."""
    name, via = column(field.name), about_column(field, "via")
    return [
        pl.when(is_to_fill(field)).then(pl.col(B + name)).otherwise(pl.col(F + name)).alias(F + name),
        pl.when(is_to_fill(field)).then(pl.lit(Reason.RESTORED)).otherwise(pl.col(via)).alias(via),
    ]


def _with_label(field: Field, rows: pl.DataFrame) -> pl.DataFrame:
    typed, base, home = (pl.col(side + column(LABEL)) for side in (F, B, D))
    meant, theirs = pl.col("meant.f"), pl.col("meant.d")
    known, sound = is_known(LABEL), ~unreadable(LABEL, F)
    current = pl.coalesce(meant, typed)
    edited = known & typed.ne_missing(base) & meant.ne_missing(base)
    asked = pl.col("terms").list.first()
    wished = sound & asked.is_not_null() & asked.ne_missing(current)
    several = pl.col("terms").list.len().fill_null(0) > 1
    # A class that the whole sample is tagged with, though it holds several labels, and this one is none of it.
    shared = pl.col("shared_terms")
    crowd = (shared.list.len() > shared.list.contains(current).cast(pl.UInt32)).fill_null(value=False)
    ambiguous = sound & (several | crowd | (wished & edited))
    # Where nothing was ever agreed a tag is heard once the sides have met; equal sides have.
    heard = wished & ~ambiguous & (known | typed.eq_missing(home))
    half = pl.col("half") & sound & ~ambiguous
    renamed = meant.eq_missing(home) & typed.ne_missing(home) & home.is_not_null()
    untouched = (known & typed.eq_missing(base)) | typed.eq_missing(home)
    via = (
        pl.when(heard | half)
        .then(pl.lit(Reason.CLASS_TAG))
        .when(sound & (renamed | (meant.ne_missing(typed) & meant.is_not_null() & ~untouched)))
        .then(pl.lit(Reason.ALIAS))
    )
    rows = rows.with_columns(
        via.alias(about_column(field, "via")),
        ambiguous.alias(about_column(field, "ambiguous")),
        (sound & typed.is_not_null() & meant.is_null() & ~untouched & ~heard).alias(about_column(field, "unknown")),
        heard.alias("heard"),
        (heard | half).alias("by_tag"),
    )
    how = pl.col(about_column(field, "via"))
    value = pl.when("heard").then(asked).when(how == Reason.ALIAS).then(meant).otherwise(typed)
    rows = _agreed(field, rows, pl.col("by_tag"))
    rows = rows.with_columns(value.alias(F + column(LABEL)))
    agrees = theirs.eq(pl.col(F + column(LABEL))).fill_null(value=False)
    return rows.with_columns(agrees.alias(about_column(field, "agrees"))).drop(
        "heard", "by_tag", "half", "meant.f", "meant.d"
    )


def _with_approval(field: Field, rows: pl.DataFrame) -> pl.DataFrame:
    """Lets an approving tag mean that the attribute is true."""
    typed, via = pl.col(F + column(field.name)), about_column(field, "via")
    sound = ~unreadable(field.name, F) & ~unreadable(field.name, D)
    heard = pl.col("confirmed") & sound & typed.ne_missing(pl.lit(value=True))
    heard = heard & (is_known(field.name) | ~differ(field, F, D))
    rows = rows.with_columns((heard | (pl.col("half") & sound)).alias("heard"))
    rows = _agreed(field, rows, pl.col("heard"))
    return rows.with_columns(
        pl.when("heard").then(pl.lit(value=True)).otherwise(typed).alias(F + column(field.name)),
        pl.when("heard").then(pl.lit(Reason.APPROVED)).otherwise(pl.col(via)).alias(via),
    ).drop("heard", "half")


def _agreed(field: Field, rows: pl.DataFrame, heard: pl.Expr) -> pl.DataFrame:
    """Takes what stands on both sides as agreed where a tag asks for another value before they have ever met."""
    first = heard & ~is_known(field.name)
    name = column(field.name)
    return rows.with_columns(
        pl.when(first).then(pl.col(D + name)).otherwise(pl.col(B + name)).alias(B + name),
        pl.when(first)
        .then(pl.lit(value=True))
        .otherwise(pl.col(B + known_column(field.name)))
        .alias(B + known_column(field.name)),
    )

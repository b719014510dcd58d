"""Units of boxes: finds boxes in pixels or percent where fractions of the image's width and height are expected.

A box may extend beyond its image, because objects are cut off by the border. A box that begins, or extends, more than
twice the image's size away was drawn by nobody.
"""

from __future__ import annotations

import polars as pl

from syncd.diff.frames import D, F
from syncd.diff.inputs import Inputs
from syncd.model import BOX
from syncd.model.snapshot import column

BEYOND = 2.0
"""Sizes of the image."""

MOST_OF_THEM = 0.5
"""From this share on it is the column that means something else, and not a box that is wrong."""

MEANT = "expected fractions of the image's width and height, from 0 to 1"


def is_beyond(box: pl.Expr) -> pl.Expr:
    """Whether a box lies so far out of its image that it cannot be relative to it; null where there is none."""
    return pl.any_horizontal(box.list.get(at, null_on_oob=True).abs() > BEYOND for at in range(4))


def why_not_relative(box: object) -> str | None:
    """What is wrong with such a box; ``None`` for any other, and where there is none."""
    if not isinstance(box, list) or all(abs(part) <= BEYOND for part in box):
        return None
    shown = ", ".join(f"{part:g}" for part in box)
    return f"the box ({shown}) is not relative to its image: are these pixels? ({MEANT})"


def held(inputs: Inputs, joined: pl.DataFrame) -> str | None:
    """The one thing to be said where, at a first meeting, the database's boxes are pixels.

    Where FiftyOne has the same ones both sides agree, and there is nothing to be said.
    """
    if inputs.force or inputs.baseline_size or BOX not in inputs.mapping.names:
        return None
    ours, theirs = pl.col(D + column(BOX)), pl.col(F + column(BOX))
    met = joined.filter(pl.col("in_d") & ours.is_not_null() & ~(pl.col("in_f") & ours.eq_missing(theirs)))
    beyond = met.filter(is_beyond(ours))
    if beyond.height < max(1, inputs.policy.brakes.min_count) or beyond.height <= MOST_OF_THEM * met.height:
        return None
    first = beyond.sort("annotation_id").row(0, named=True)
    return (
        f"the boxes of {beyond.height:,} of {met.height:,} annotations in the database are not relative to their "
        f"image, such as {first[D + column(BOX)]} of {first['annotation_id']}: are these pixels? ({MEANT}) Map columns "
        "that hold such, or have `read` divide by the size of the image"
    )

"""What a label means: a term means itself, an alias means its term, anything else means nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from syncd.diff.nearest import nearest_terms
from syncd.model.plan import Conflict
from syncd.model.vocabulary import Vocabulary

UNKNOWN = "unknown_label"
"""The conflict about a label that somebody gave in FiftyOne and that is neither a term nor an alias."""


def with_meaning(vocabulary: Vocabulary, rows: pl.DataFrame, labels: str, meaning: str) -> pl.DataFrame:
    """Adds the column ``meaning``: the term that each label in the column ``labels`` is or stands for, else null."""
    different = rows[labels].drop_nulls().unique().to_list()
    known = pl.DataFrame(
        {labels: different, meaning: [vocabulary.meant(each) for each in different]},
        schema={labels: pl.String(), meaning: pl.String()},
    )
    return rows.join(known, on=labels, how="left", maintain_order="left")


def with_nearest(vocabulary: Vocabulary | None, conflicts: Sequence[Conflict]) -> list[Conflict]:
    """The conflicts, those about an unknown label with the terms that may have been meant."""
    unknown = {_label(each) for each in conflicts if each.kind == UNKNOWN}
    if vocabulary is None or not unknown:
        return list(conflicts)
    near = nearest_terms(sorted(unknown), vocabulary)
    return [
        replace(each, suggestions=tuple(near.get(_label(each), ()))) if each.kind == UNKNOWN else each
        for each in conflicts
    ]


def _label(conflict: Conflict) -> str:
    """What was typed: the value of the field, or of a drawn label's."""
    typed = conflict.fiftyone
    return str(typed.get("label") if isinstance(typed, dict) else typed)

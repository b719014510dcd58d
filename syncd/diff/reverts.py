"""Reverts: values that are back at what syncd replaced, put there by a person or by a window that was open before.

A revert is judged by evidence, never by its value alone:

- A window of the App saves all labels of the list that its user edits. Where another label of that list was changed by
  hand, in this run or the one before, the window restored the value too (:data:`WINDOW`).
- A bulk call stamps many samples at once. Where nothing under its stamp changed but values that syncd had written, it
  wrote a notebook's old values, or it was a curator's answer to the corrections: nobody can tell (:data:`ASK`). Where
  the same value was also given to labels that syncd had not written, it was meant.
- Where the same label was changed by hand in another field, or the other label may have been changed before syncd
  wrote or is in a conflict about the whole of it, nobody can tell either.
- Everything else is an edit, and :class:`Returns` does not name it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from syncd.diff.frames import B, F, any_difference, differ, prefixed
from syncd.diff.hand_edits import PLACED_SCHEMA, changed_by_hand, changed_once, placed_gone, placed_label, placed_value
from syncd.diff.history import ids_holding
from syncd.diff.inputs import STAMPS_SCHEMA, Inputs
from syncd.model.conflict_kinds import ConflictKind
from syncd.model.mapping import Mapping
from syncd.model.plan import Action, Conflict

WINDOW, ASK = "window", "ask"

LEVELS_SCHEMA: dict[str, pl.DataType] = {"annotation_id": pl.String(), "field": pl.String(), "level": pl.String()}
KEYS = ["annotation_id", "field"]


def no_levels() -> pl.DataFrame:
    """No reverts: every value that is back was put there by an edit."""
    return pl.DataFrame(schema=LEVELS_SCHEMA)


@dataclass(frozen=True)
class Returns:
    """What is back by other means than an edit, each with its ``level``: :data:`WINDOW` or :data:`ASK`.

    ``values`` are identified by annotation and field; ``gone`` are labels that syncd inserted and that are missing
    again, ``back`` labels that syncd removed and that are there again.
    """

    values: pl.DataFrame = field(default_factory=no_levels)
    gone: pl.DataFrame = field(default_factory=no_levels)
    back: pl.DataFrame = field(default_factory=no_levels)


def find_returns(inputs: Inputs, joined: pl.DataFrame, fresh: pl.DataFrame, doubts: tuple[Conflict, ...]) -> Returns:
    """Judges everything that is back. ``fresh`` are labels without an id, ``doubts`` conflicts about identity."""
    if inputs.history.written.is_empty():
        return Returns()
    found = [_values(inputs, joined), _gone(inputs, joined), _back(inputs, joined)]
    returned = pl.concat(found)
    if returned.is_empty():
        return Returns()
    hands = changed_by_hand(inputs, joined, returned, fresh, doubts)
    levels = _levels(inputs, returned, hands, changed_once(inputs, joined, returned))
    return Returns(*(levels.join(each, on=KEYS, how="semi", nulls_equal=True) for each in found))


def _values(inputs: Inputs, joined: pl.DataFrame) -> pl.DataFrame:
    """The values in FiftyOne that syncd replaced lately; not those that it has written there again since."""
    written = inputs.history.written.filter(pl.col("action") == Action.UPDATE.value)
    both = joined.filter(pl.col("in_b") & pl.col("in_f"))
    found = [pl.DataFrame(schema=PLACED_SCHEMA)]
    for each in inputs.mapping.fields:
        of_field = written.filter(pl.col("field") == each.name)
        if of_field.is_empty():
            continue
        changed = both.filter(differ(each, F, B))
        last = _newest(of_field).drop_nulls("new")
        replaced = ids_holding(each, changed, of_field, "old")
        own = ids_holding(each, changed, last, "new")
        ids = replaced.join(own, on="annotation_id", how="anti")
        found.append(placed_value(changed.join(ids, on="annotation_id", how="semi"), each))
    return pl.concat(found)


def _newest(written: pl.DataFrame) -> pl.DataFrame:
    """What syncd wrote last of each field, or did with each label."""
    return written.sort("seq").unique(KEYS, keep="last", maintain_order=True)


def _gone(inputs: Inputs, joined: pl.DataFrame) -> pl.DataFrame:
    """Labels that syncd inserted lately and that are gone; only a complete read proves that."""
    gone = pl.col("in_b") & ~pl.col("in_f") & pl.col("in_d") & pl.col(B + "sample_id").is_not_null()
    return placed_gone(inputs, _lately(inputs, joined.filter(gone & pl.lit(value=inputs.complete)), Action.INSERT))


def _back(inputs: Inputs, joined: pl.DataFrame) -> pl.DataFrame:
    """Labels that syncd removed lately and that are there again."""
    return placed_label(
        _lately(inputs, joined.filter(~pl.col("in_b") & pl.col("in_f") & ~pl.col("in_d")), Action.DELETE)
    )


def _lately(inputs: Inputs, rows: pl.DataFrame, action: Action) -> pl.DataFrame:
    done = inputs.history.written.filter(pl.col("action") == action.value)
    return rows.join(done, on="annotation_id", how="semi")


def _levels(inputs: Inputs, returned: pl.DataFrame, hands: pl.DataFrame, once: pl.DataFrame) -> pl.DataFrame:
    """The level of what is back (:data:`LEVELS_SCHEMA`), without what is an edit."""
    nothing = returned.clear()
    beside, doubtful = (
        _beside(inputs, returned, hands, once) if inputs.mapping.label_type.list_name else (nothing, nothing)
    )
    facts = {
        "beside": beside,
        "doubtful": doubtful,
        "crowded": _crowded(inputs, returned),
        "repeated": _repeated(inputs, returned),
        "meant": _meant(returned, pl.concat([hands, once])),
    }
    for name, frame in facts.items():
        flag = frame.select(KEYS).unique().with_columns(pl.lit(value=True).alias(name))
        returned = returned.join(flag, on=KEYS, how="left", nulls_equal=True)
    returned = returned.with_columns(pl.col(*facts).fill_null(value=False))
    bulk = pl.col("crowded") | pl.col("repeated")
    level = (
        # A window saves one sample: what many got in one call was not saved by one.
        pl.when(pl.col("beside") & ~(pl.col("crowded") & pl.col("meant")))
        .then(pl.lit(WINDOW))
        .when(pl.col("beside") | pl.col("doubtful") | (bulk & ~pl.col("meant")))
        .then(pl.lit(ASK))
    )
    return returned.select(*KEYS, level.alias("level")).drop_nulls("level")


def _beside(
    inputs: Inputs, returned: pl.DataFrame, hands: pl.DataFrame, once: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Reverts beside a label that was changed by hand; and those of which that is not certain.

    ``once`` was changed at a time that nobody knows.
    """
    now, some_time = (returned.join(frame, on="sample_id", suffix="_hand") for frame in (hands, once))
    itself = pl.col("annotation_id").eq_missing(pl.col("annotation_id_hand")) | pl.col("label_id").eq_missing(
        pl.col("label_id_hand")
    )
    last = _newest(inputs.history.written).select(*KEYS, "run_id")
    before = returned.join(last, on=KEYS, how="left", nulls_equal=True)
    before = before.join(inputs.history.by_hand, on="sample_id", suffix="_hand")
    before = before.filter(pl.col("annotation_id") != pl.col("annotation_id_hand"))
    # What was changed in the very run that wrote may have been changed before it.
    same_run = pl.col("run_id").eq(pl.col("run_id_hand")).fill_null(value=False)
    return (
        pl.concat([now.filter(~itself).select(KEYS), before.filter(~same_run).select(KEYS)]),
        pl.concat([some_time.select(KEYS), now.filter(itself).select(KEYS), before.filter(same_run).select(KEYS)]),
    )


def _crowded(inputs: Inputs, returned: pl.DataFrame) -> pl.DataFrame:
    """Reverts under a stamp that other samples have too; not those that have it because syncd wrote to them."""
    written = inputs.history.written.select("sample_id").drop_nulls()
    own = returned.select(*STAMPS_SCHEMA)
    others = pl.concat([inputs.alongside.join(written, on="sample_id", how="anti").select(*STAMPS_SCHEMA), own])
    return _under_one_stamp(returned, others.rename({"sample_id": "other"}), "sample_id")


def _repeated(inputs: Inputs, returned: pl.DataFrame) -> pl.DataFrame:
    """Reverts under a stamp with others; what a person was asked about before does not count."""
    asked = inputs.history.open_conflicts.filter(pl.col("kind") == ConflictKind.STALE_REVERT)
    new = returned.join(asked, on=KEYS, how="anti", nulls_equal=True)
    new = new.with_columns(pl.concat_str([*KEYS], separator="\0", ignore_nulls=True).alias("key"))
    return _under_one_stamp(new, new.select("edited_at", pl.col("key").alias("other")), "key")


def _under_one_stamp(returned: pl.DataFrame, others: pl.DataFrame, name: str) -> pl.DataFrame:
    """Those whose stamp is also the stamp of something else than they name."""
    pairs = returned.join(others.drop_nulls().unique(), on="edited_at")
    return pairs.filter(pl.col("other") != pl.col(name))


def _meant(returned: pl.DataFrame, hands: pl.DataFrame) -> pl.DataFrame:
    """Reverts whose value the same call gave to labels that syncd had not written; or that it deleted with others."""
    on = ["field", "edited_at", "value"]
    alike = hands.filter(pl.col("edited_at").is_not_null() & pl.col("value").is_not_null())
    known = returned.filter(pl.col("edited_at").is_not_null() & pl.col("value").is_not_null())
    return known.join(alike.select(on).unique(), on=on, how="semi", nulls_equal=True)


def edited_stamps(mapping: Mapping, labels: pl.DataFrame, baseline: pl.DataFrame) -> pl.DataFrame:
    """The different stamps (``edited_at``) of known labels that do not hold what was agreed."""
    known = prefixed(labels, F, "in_f").join(prefixed(baseline, B, "in_b"), on="annotation_id", how="inner")
    stamps = known.filter(any_difference(mapping, B, F)).select(pl.col(F + "edited_at").alias("edited_at"))
    return stamps.drop_nulls().unique()


def with_stamps(labels: pl.DataFrame, stamps: pl.DataFrame) -> pl.DataFrame:
    """The samples with one of these stamps (:data:`STAMPS_SCHEMA`).

    Of all that were read: a bulk call stamps those too that it leaves as they were.
    """
    return labels.select(*STAMPS_SCHEMA).join(stamps, on="edited_at", how="semi").drop_nulls().unique()

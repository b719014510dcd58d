"""A side that went back in time: it was restored from a backup and holds earlier agreed values that nobody edited.

The stamp distinguishes such a value from an edit that puts the old value back: an edit has a newer stamp than syncd's
last write or agreement. A side without stamps went back only if everything that differs there was agreed earlier.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from syncd.diff.findings import values_of
from syncd.diff.frames import B, D, F, any_difference, differ, is_known, prefixed, unreadable
from syncd.diff.gone_samples import WITHOUT_SAMPLE
from syncd.diff.history import is_same, open_whole
from syncd.diff.inputs import Inputs
from syncd.model.kinds import dumps
from syncd.model.mapping import Direction, Field, Mapping, Side
from syncd.model.plan import Action, Change
from syncd.model.reasons import Reason
from syncd.model.snapshot import column

NAMES = {Side.FIFTYONE: "FiftyOne", Side.DATABASE: "the database"}
PREFIXES = {Side.FIFTYONE: F, Side.DATABASE: D}
WAYS = {Side.FIFTYONE: Direction.TO_FIFTYONE, Side.DATABASE: Direction.TO_DATABASE}
OTHER = {Side.FIFTYONE: Side.DATABASE, Side.DATABASE: Side.FIFTYONE}

ID = "annotation_id"
NONE = pl.DataFrame(schema={ID: pl.String()})
LOST = {ID: pl.String(), "lost_at": pl.Datetime("us", "UTC")}


@dataclass(frozen=True)
class Rewound:
    """What one side holds of an earlier time.

    ``fields`` (``annotation_id``, ``field``) hold earlier agreed values; ``gone`` are annotations that came into being
    since then and that the side lacks again, ``back`` those that were deleted since then and that it has again.
    ``before`` is the first change that it lost, ``stamp`` the newest stamp on what it holds of the earlier time.
    ``enough``: it went back as a whole, which holds the binding; fewer become conflicts. ``away`` are such fields of
    rows whose samples have left: they are brought forward with the others, and do not hold the binding, since there is
    no label to which they could go.
    """

    side: Side
    fields: pl.DataFrame
    gone: pl.DataFrame
    back: pl.DataFrame
    away: pl.DataFrame
    differing: int
    before: datetime | None
    stamp: datetime | None
    enough: bool

    @property
    def count(self) -> int:
        """The number of annotations that went back."""
        return self.fields[ID].n_unique() + self.gone.height + self.back.height


def asked_for(
    mapping: Mapping, fiftyone: pl.DataFrame, database: pl.DataFrame, baseline: pl.DataFrame, *, complete: bool,
    newest: datetime | None,
) -> frozenset[str]:  # fmt: skip
    """The annotations of which the change log must be asked what was agreed earlier; usually few.

    ``newest`` is the time of the newest change in the log: whatever has a later stamp was edited since.
    """
    if newest is None:
        return frozenset()
    found: set[str] = set()
    known = prefixed(baseline, B, "in_b")
    for rows, side in ((fiftyone, F), (database, D)):
        older = (pl.col("edited_at") < newest).fill_null(value=True)
        there = rows.filter(pl.col(ID).is_not_null())
        candidates = there.filter(older)
        joined = prefixed(candidates, side, "in_s").join(known, on=ID, how="left")
        met = pl.col("in_b").fill_null(value=False)
        found.update(joined.filter(~met | any_difference(mapping, B, side))[ID])
        if complete:
            found.update(baseline.join(there, on=ID, how="anti")[ID])
    return frozenset(found)


def rewound(inputs: Inputs, joined: pl.DataFrame) -> tuple[Rewound, ...]:
    """Finds the sides that went back in time, and what went back on them."""
    if inputs.history.earlier.is_empty():
        return ()
    found = (_rewound(inputs, joined, side) for side in Side)
    return tuple(each for each in found if each is not None)


def held(inputs: Inputs, joined: pl.DataFrame, found: tuple[Rewound, ...]) -> str | None:
    """Why the binding is held, and the ways out; ``None`` if no side went back as a whole, or a person accepts it."""
    if inputs.force:
        return None
    if inputs.behind is not None:
        return inputs.behind
    said = [_said(inputs.mapping.binding, each) for each in found if each.enough]
    return "; ".join(said) or _another_table(inputs, joined)


def _another_table(inputs: Inputs, joined: pl.DataFrame) -> str | None:
    """A table that is another than was agreed with is taken for it as long as it holds the same."""
    if inputs.another_table is None:
        return None
    untold = joined.join(open_whole(inputs.history).select(ID).unique(), on=ID, how="anti").filter("in_b")
    apart = untold.filter(~pl.col("in_d") | any_difference(inputs.mapping, B, D)).height
    if apart < max(1, inputs.policy.brakes.min_count):
        return None
    return (
        f"{inputs.another_table}; {apart:,} annotations differ there from what was agreed. If this is the table that "
        "is meant, --force takes it"
    )


def hints(inputs: Inputs, found: tuple[Rewound, ...]) -> list[str]:
    """Why part of the sides is not enough to decide on."""
    if inputs.complete:
        return []
    return [f"{NAMES[each.side]} holds earlier values under older stamps" for each in found if each.count]


def with_few(inputs: Inputs, found: tuple[Rewound, ...], rows: pl.DataFrame) -> pl.DataFrame:
    """Adds, per field, which side's value is an earlier one under an older stamp, where the side did not go back."""
    columns = []
    for side in Side:
        taken = side is inputs.accepted
        few = [each.fields for each in found if each.side is side and not each.enough and not taken]
        for field in inputs.mapping.fields:
            name = rewound_column(field.name, side)
            ids = [id_ for frame in few for id_ in frame.filter(pl.col("field") == field.name)[ID]]
            columns.append(pl.col(ID).is_in(ids).alias(name) if ids else pl.lit(value=False).alias(name))
    return rows.with_columns(columns)


def rewound_column(name: str, side: Side) -> str:
    """Name of the column that says whether a side's value of a field is an earlier one."""
    return f"rewound.{side.value}.{name}"


def forward(inputs: Inputs, joined: pl.DataFrame, found: Rewound) -> tuple[Change, ...]:
    """The changes that bring a side forward again: agreed values, what it lacks, removal of what was deleted."""
    wholes = ((found.gone, Action.INSERT), (found.back, Action.DELETE))
    changes = list(_updates(joined, found.side, pl.concat([found.fields, found.away])))
    for ids, action in wholes:
        changes.extend(_wholes(inputs.mapping, joined, found.side, ids, action))
    return tuple(changes)


def follow(inputs: Inputs, joined: pl.DataFrame) -> tuple[Change, ...]:
    """The changes by which FiftyOne follows a database that went back together with syncd's own tables."""
    at_home = joined.filter(pl.col("in_b") & pl.col("in_d"))
    fields = []
    for field in inputs.mapping.fields:
        newer = is_known(field.name) & differ(field, F, B) & ~differ(field, D, B) & ~unreadable(field.name, F)
        fields.append(at_home.filter("in_f").filter(newer).select(ID, pl.lit(field.name).alias("field")))
    lacking = at_home.filter(~pl.col("in_f")).select(ID)
    updates = _updates(joined, Side.FIFTYONE, pl.concat(fields))
    return (*updates, *_wholes(inputs.mapping, joined, Side.FIFTYONE, lacking, Action.INSERT))


def _updates(joined: pl.DataFrame, side: Side, fields: pl.DataFrame) -> Iterator[Change]:
    for row in joined.join(fields, on=ID, how="inner").sort(ID, "field").iter_rows(named=True):
        name = column(row["field"])
        yield _change(side, row, Action.UPDATE, row["field"], row[PREFIXES[side] + name], row[B + name])


def _wholes(mapping: Mapping, joined: pl.DataFrame, side: Side, ids: pl.DataFrame, action: Action) -> Iterator[Change]:
    for row in joined.join(ids, on=ID, how="semi").sort(ID).iter_rows(named=True):
        agreed, here = (values_of(mapping, row, each) for each in (B, PREFIXES[side]))
        yield _change(side, row, action, None, *((None, agreed) if action is Action.INSERT else (here, None)))


def _change(side: Side, row: dict[str, Any], action: Action, field: str | None, old: Any, new: Any) -> Change:
    place = F if row["in_f"] else B
    new_label = action is Action.INSERT and side is Side.FIFTYONE
    return Change(
        annotation_id=row[ID],
        label_id=None if new_label else row[place + "label_id"],
        sample_id=row[place + "sample_id"],
        direction=WAYS[side],
        action=action,
        field=field,
        old=old,
        new=new,
        reason=Reason.RECOVERED,
        media=row[F + "media"] or row[D + "media"] if action is Action.INSERT else None,
    )


def _rewound(inputs: Inputs, joined: pl.DataFrame, side: Side) -> Rewound | None:
    here, there = f"in_{PREFIXES[side][0]}", f"in_{PREFIXES[OTHER[side]][0]}"
    untold = joined.join(open_whole(inputs.history).select(ID).unique(), on=ID, how="anti")
    known = untold.filter(pl.col("in_b") & pl.col(here))
    differing, earlier = _returned(inputs, known.filter(~WITHOUT_SAMPLE), side)
    fields = _alone(earlier.filter("known", "older"), differing)
    back = _back_again(inputs, untold.filter(~pl.col("in_b") & pl.col(here) & ~pl.col(there)), side)
    lacking = pl.col("in_b") & ~pl.col(here) & pl.col(there) & ~WITHOUT_SAMPLE & ~pl.col("hidden")
    missing = untold.filter(lacking) if inputs.complete else untold.clear()
    stamps = pl.concat([fields["stamp"], back["stamp"]])
    stamp = _moment(stamps.max())
    gone = _gone_again(inputs, missing, side, stamp, alone=not len(stamps) and differing.is_empty())
    total = differing[ID].n_unique() + missing.height + back.height
    count = fields[ID].n_unique() + back.height + gone.height
    if not count:
        return None
    most = count == total or (stamp is not None and 2 * count > total)
    enough = most and count >= max(1, inputs.policy.brakes.min_count)
    if not enough and stamp is None:
        # Without stamps a few earlier values are edits like any other.
        return None
    rest, told = _returned(inputs, known.filter(WITHOUT_SAMPLE), side)
    away = _alone(told.filter("known", "older"), rest)
    if enough and stamp is not None:
        # Of the same time is also what bears no newer stamp than that: clocks are put back, and a value that lost by a
        # policy before it was agreed on is named by no entry.
        of_that_time = (pl.col("stamp") <= stamp).fill_null(value=False)
        by_value, by_stamp = pl.col("known") & (pl.col("older") | of_that_time), pl.col("older") & of_that_time
        fields, away = (
            _alone(frame.filter(by_value | by_stamp), others) for frame, others in ((earlier, differing), (told, rest))
        )
    lost = pl.concat([frame.select(*LOST) for frame in (fields, back, gone)])
    plain = (fields.select(ID, "field"), gone.select(ID), back.select(ID), away.select(ID, "field"))
    return Rewound(side, *plain, total, _moment(lost["lost_at"].min()), stamp, enough)


def _returned(inputs: Inputs, known: pl.DataFrame, side: Side) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What differs from what was agreed, by field; and what of it the log tells of.

    ``known``: the value was agreed earlier; ``older``: the stamp is older than what was agreed last.
    """
    prefix, history = PREFIXES[side], inputs.history
    differing = [NONE.with_columns(pl.lit(None, pl.String()).alias("field"))]
    columns = {"field": pl.String(), "stamp": pl.Datetime("us", "UTC"), "older": pl.Boolean(), "known": pl.Boolean()}
    returned = [pl.DataFrame(schema=LOST | columns)]
    for field in inputs.mapping.fields:
        told = history.open_conflicts.filter(pl.col("field") == field.name).select(ID).unique()
        apart = is_known(field.name) & differ(field, prefix, B) & ~unreadable(field.name, prefix)
        value = pl.col(prefix + column(field.name)).alias("now")
        rows = known.filter(apart).join(told, on=ID, how="anti")
        rows = rows.select(ID, value, _utc(prefix + "edited_at").alias("stamp"))
        # Whoever is to approve an edit has been shown what both sides hold.
        shown = pl.col("new" if side is Side.FIFTYONE else "old").alias("old")
        waits = history.waiting.filter(pl.col("field") == field.name)
        waits = waits.select(ID, shown, pl.lit(None, LOST["lost_at"]).alias("lost_at")).drop_nulls("old")
        rows = rows.join(_matching(field, rows, waits), on=ID, how="anti")
        if rows.is_empty():
            continue
        differing.append(rows.select(ID, pl.lit(field.name).alias("field")))
        entries = _of_field(field, history.earlier.join(rows, on=ID, how="semi"))
        last = _agreed_at(entries, side)
        earlier = rows.join(_matching(field, rows, _agreed(entries)), on=ID, how="left").join(last, on=ID)
        was_agreed = pl.col("lost_at").is_not_null().alias("known")
        earlier = earlier.with_columns(pl.lit(field.name).alias("field"), _is_older().alias("older"), was_agreed)
        returned.append(earlier.select(*LOST, *columns))
    return pl.concat(differing), pl.concat(returned)


def _of_field(field: Field, earlier: pl.DataFrame) -> pl.DataFrame:
    """What the log tells of a field: its changes, and what came or went of it with whole annotations."""
    updates = earlier.filter((pl.col("field") == field.name) & (pl.col("action") == Action.UPDATE.value))
    wholes = earlier.filter(pl.col("field").is_null())
    parts = {name: pl.Series(name, [_part(field, each) for each in wholes[name]], pl.String) for name in ("old", "new")}
    return pl.concat([updates, wholes.with_columns(**parts)]).sort("seq")


def _part(field: Field, text: str) -> str | None:
    """A field's value in what is logged of a whole annotation; ``None`` where this was not there."""
    content = json.loads(text)
    return dumps(content.get(field.name)) if isinstance(content, dict) else None


def _agreed(entries: pl.DataFrame) -> pl.DataFrame:
    """The values that were agreed at some time, and when each was replaced (:data:`LOST`, ``old``).

    What an entry has replaced need not be what the one before it has left: a policy decides between two edits.
    """
    replaced = entries.select(ID, "old", pl.col("applied_at").alias("lost_at"))
    left = entries.select(ID, pl.col("new").alias("old"), pl.col("applied_at").shift(-1).over(ID).alias("lost_at"))
    return pl.concat([replaced, left]).drop_nulls()


def _alone(fields: pl.DataFrame, differing: pl.DataFrame) -> pl.DataFrame:
    """Of these fields those of annotations that differ in no other."""
    others = differing.join(fields, on=[ID, "field"], how="anti").select(ID).unique()
    return fields.join(others, on=ID, how="anti")


def _matching(field: Field, rows: pl.DataFrame, agreed: pl.DataFrame) -> pl.DataFrame:
    """Ids of the rows whose value is one of these (``old``); ``lost_at`` is when it was replaced, the last time."""
    pairs = rows.join(agreed.select(ID, "old", "lost_at"), on=ID).select(ID, "now", "old", "lost_at")
    found = [(id_, lost) for id_, now, old, lost in pairs.iter_rows() if is_same(field, json.loads(old), now)]
    frame = pl.DataFrame(found, schema=LOST, orient="row")
    return frame.group_by(ID).agg(pl.col("lost_at").max())


def _is_older() -> pl.Expr:
    """Whether a stamp is older than what was agreed last, or there is none; some columns hold whole seconds only."""
    stamp, agreed = pl.col("stamp"), pl.col("agreed_at")
    second = stamp.dt.truncate("1s")
    return (stamp < pl.when(stamp == second).then(agreed.dt.truncate("1s")).otherwise(agreed)).fill_null(value=True)


def _agreed_at(entries: pl.DataFrame, side: Side) -> pl.DataFrame:
    """At least how new the stamp of a side is that holds what the last entry left there.

    What syncd wrote there bears a stamp of the run's time, and what was edited there the stamp of that edit.
    """
    written = pl.col("direction").eq_missing(WAYS[side].value)
    stamp = pl.when(written).then("began_at").otherwise(pl.coalesce("edited_at", "began_at"))
    agreed = pl.min_horizontal(stamp, "applied_at").alias("agreed_at")
    return entries.sort("seq").unique(ID, keep="last").select(ID, agreed)


def _whole(inputs: Inputs, rows: pl.DataFrame, action: Action, side: Side) -> pl.DataFrame:
    """Of these rows those of which the last that was logged of the whole annotation is this action."""
    entries = inputs.history.earlier.filter(pl.col("field").is_null()).sort("seq").unique(ID, keep="last")
    entries = entries.filter(pl.col("action") == action.value)
    found = rows.join(entries.select(ID, "direction", pl.col("applied_at").alias("lost_at")), on=ID)
    return found.join(_agreed_at(entries, side), on=ID)


def _back_again(inputs: Inputs, rows: pl.DataFrame, side: Side) -> pl.DataFrame:
    """Annotations that were deleted and are there again, under a stamp older than their deletion."""
    stamp = _utc(PREFIXES[side] + "edited_at").alias("stamp")
    found = _whole(inputs, rows, Action.DELETE, side).select(*LOST, "agreed_at", stamp)
    return found.filter(_is_older())


def _gone_again(
    inputs: Inputs, missing: pl.DataFrame, side: Side, stamp: datetime | None, *, alone: bool
) -> pl.DataFrame:
    """Annotations that came to be since the time to which the side went back, and that it lacks.

    A lack bears no stamp. Where nothing else says that the side went back (``alone``), it must be all that came to be
    since then that is lacking: nothing that was agreed later may be left.
    """
    gone = _whole(inputs, missing, Action.INSERT, side)
    if stamp is not None:
        return gone.select(*LOST, "agreed_at").filter(pl.col("agreed_at") >= stamp)
    # Whoever added them on this side may have deleted them there again; what syncd wrote there nobody else has.
    gone = gone.filter(pl.col("direction") == WAYS[side].value).select(*LOST, "agreed_at")
    later = inputs.history.newest_elsewhere
    first = _moment(gone["agreed_at"].min())
    policy = inputs.policy
    deletes = policy.on_database_delete == "remove" if side is Side.DATABASE else policy.on_fiftyone_delete == "delete"
    if alone and (not deletes or gone.height < missing.height or (later and first and later >= first)):
        return gone.clear()
    return gone


def _said(binding: str, found: Rewound) -> str:
    when = f" to before {_shown(found.before)}" if found.before else ""
    until = f" (its newest stamp among them: {_shown(found.stamp)})" if found.stamp else ""
    return (
        f"{NAMES[found.side]} went back in time{when}: {found.count:,} of the {found.differing:,} annotations in which "
        f"it differs hold what was agreed earlier{until}. `syncd recover {binding} --side {found.side.value}` brings "
        "it forward again; with --accept it is taken as it is"
    )


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _utc(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.Datetime("us", "UTC"))


def _moment(value: Any) -> datetime | None:
    return value if isinstance(value, datetime) else None

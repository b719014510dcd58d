"""Inputs of the diff from readable rows: ``world(b=[B("a")], f=[F("a", label="cod")], d=[D("a")])``.

An annotation ``a`` stands, unless a row says otherwise, on label ``l-a`` of sample ``s-a`` with media ``m-a``, and
its label is ``copepod``. Fields that a row does not name are null.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, timezone
from typing import Any

import polars as pl

from syncd.diff import History, Inputs, Young, diff
from syncd.diff.editor_names import SIGNED_SCHEMA
from syncd.diff.inputs import (
    ANSWERED_SCHEMA,
    BY_HAND_SCHEMA,
    EARLIER_SCHEMA,
    OPEN_SCHEMA,
    REFUSED_SCHEMA,
    SENT_SCHEMA,
    STAMPS_SCHEMA,
    WAITED_SCHEMA,
    WAITING_SCHEMA,
    WRITTEN_SCHEMA,
)
from syncd.model import (
    BOX,
    LABEL,
    Action,
    Change,
    Conflict,
    Direction,
    Field,
    Holds,
    Kind,
    LabelType,
    Mapping,
    Plan,
    Policy,
    Side,
    Snapshot,
    Vocabulary,
    dumps,
)
from syncd.model.snapshot import SAMPLES_SCHEMA, baseline_schema, column, known_column, schema

NOON = datetime(2026, 5, 4, 12, tzinfo=timezone.utc)
SECOND = timedelta(seconds=1)
DETECTIONS, CLASSIFICATION, CLASSIFICATIONS = LabelType.DETECTIONS, LabelType.CLASSIFICATION, LabelType.CLASSIFICATIONS

KINDS = {
    LABEL: Kind.TEXT,
    BOX: Kind.BOX,
    "note": Kind.TEXT,
    "count": Kind.INTEGER,
    "depth": Kind.FLOAT,
    "price": Kind.DECIMAL,
    "verified": Kind.BOOLEAN,
    "day": Kind.DATE,
    "seen": Kind.TIMESTAMP,
    "ref": Kind.UUID,
}
"""The fields that tests map, one of each kind."""

VALUES: dict[str, tuple[Any, Any, Any]] = {
    LABEL: ("copepod", "krill", "salp"),
    BOX: ([0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.3, 0.5], [0.5, 0.2, 0.3, 0.4]),
    "note": ("", "two antennae", 'Größe ‹?› " \\ \n'),
    "count": (0, 7, -(2**53) - 1),
    "depth": (0.0, 1.5, -3.25e-13),
    "price": ("0", "12.5", "-12345678901234567890.25"),
    "verified": (False, True, None),
    "day": (date(2024, 2, 29), date(1, 1, 1), date(9999, 12, 31)),
    "seen": (NOON, NOON + timedelta(milliseconds=1), datetime(1969, 12, 31, 23, 59, 59, 999000, tzinfo=timezone.utc)),
    "ref": ("0b7ee5c1-9e0e-4a6c-8d3e-2f1d9d0c0001", "0b7ee5c1-9e0e-4a6c-8d3e-2f1d9d0c0002", None),
}
"""Three different values of each field."""


def field(name: str, direction: str = "both", *, tolerance: float = 1e-9, **limits: Any) -> Field:
    """A mapped field; ``limits`` are those of the database column."""
    kind = KINDS[name]
    return Field(name, kind, Direction(direction), Holds(kind, name != BOX), Holds(kind, **limits), tolerance)


def mapping(
    *fields: str | Field,
    label_type: LabelType = DETECTIONS,
    can_insert: bool = True,
    no_new_ids: str | None = None,
) -> Mapping:
    """A mapping of these fields: ``label`` both ways unless given, as ``count`` or as ``count=to_fiftyone``."""
    made = [each if isinstance(each, Field) else field(*each.split("=")) for each in fields]
    if LABEL not in [each.name for each in made]:
        made.insert(0, field(LABEL))
    return Mapping("one", tuple(made), label_type, can_insert, no_new_ids)


@dataclass
class Row:
    """One row of a frame: its columns by name, its fields apart. ``by_default``: nobody has said what its media are."""

    columns: dict[str, Any]
    values: dict[str, Any]
    by_default: bool = False


def _place(name: str | None, label_id: str | None, sample: str | None) -> dict[str, str | None]:
    return {"annotation_id": name, "label_id": label_id or f"l-{name}", "sample_id": sample or f"s-{name}"}


def _media(place: dict[str, Any]) -> str:
    return f"m-{str(place['sample_id']).removeprefix('s-')}"


def B(  # noqa: N802
    name: str,
    *,
    label_id: str | None = None,
    sample: str | None = None,
    image: str | None = None,
    unknown: tuple[str, ...] = (),
    **values: Any,
) -> Row:
    """The baseline of an annotation; ``unknown`` fields were never agreed. ``image="-"``: it is not known."""
    place = _place(name, label_id, sample)
    named = None if image == "-" else image or _media(place)
    return Row(place | {"image": named, "unknown": unknown}, {LABEL: "copepod"} | values)


def F(  # noqa: N802
    name: str | None,
    *,
    label_id: str | None = None,
    sample: str | None = None,
    at: datetime | None = None,
    problems: dict[str, str] | None = None,
    tags: list[str] | None = None,
    sample_tags: list[str] | None = None,
    actor: str | None = None,
    user: str | None = None,
    media: str | None = None,
    **values: Any,
) -> Row:
    """A label in FiftyOne; ``name=None`` has no annotation id, ``label_id="-"`` no label id, ``media="-"`` no image."""
    place = _place(name, label_id, sample)
    if label_id == "-":
        place["label_id"] = None
    named = None if media == "-" else media or _media(place)
    meta = {"media": named, "edited_at": at, "problems": problems, "actor": actor, "user": user}
    return Row(place | meta | {"tags": tags, "sample_tags": sample_tags}, {LABEL: "copepod"} | values)


def D(  # noqa: N802
    name: str | None,
    *,
    media: str | None = None,
    at: datetime | None = None,
    actor: str | None = None,
    problems: dict[str, str] | None = None,
    **values: Any,
) -> Row:
    """A row of the database, on the image on which its label is known, or else stands; ``media="-"`` names none."""
    columns = {
        "annotation_id": name,
        "media": None if media == "-" else media or f"m-{name}",
        "edited_at": at,
        "actor": actor,
    }
    return Row(columns | {"problems": problems}, {LABEL: "copepod"} | values, by_default=media is None)


def S(  # noqa: N802
    sample: str, *, media: str | None = None, occupied: bool = False, at: datetime | None = None
) -> dict[str, Any]:
    """A sample that was looked up."""
    media = media or "m-" + sample.removeprefix("s-")
    return {"sample_id": sample, "media": media, "occupied": occupied, "edited_at": at}


def written(
    name: str,
    action: str = "update",
    *,
    on: str | None = LABEL,
    old: Any = None,
    reason: str = "x",
    new: str | None = None,
    sample: str | None = None,
    run: str = "write",
    seq: int | None = None,
) -> dict[str, Any]:
    """Something that syncd wrote to FiftyOne lately."""
    return {
        "annotation_id": name,
        "field": on if action == "update" else None,
        "action": action,
        "old": dumps(old),
        "reason": reason,
        "new": new and dumps(new),
        "sample_id": sample or f"s-{name}",
        "run_id": run,
        "seq": seq,
    }


def earlier(
    name: str,
    seq: int = 1,
    *,
    on: str | None = LABEL,
    old: Any = None,
    new: Any = None,
    action: str = "update",
    way: str | None = "to_database",
    edited: datetime | None = None,
    began: datetime | None = None,
    applied: datetime = NOON,
) -> dict[str, Any]:
    """A change that was applied, as the log tells of it; the run began a second before, if nothing else is said."""
    return {
        "seq": seq,
        "annotation_id": name,
        "field": on if action == "update" else None,
        "action": action,
        "direction": way,
        "old": dumps(old),
        "new": dumps(new),
        "edited_at": edited,
        "began_at": began or applied - SECOND,
        "applied_at": applied,
    }


def opened(
    name: str | None,
    kind: str,
    on: str | None = LABEL,
    fiftyone: Any = None,
    *,
    database: Any = None,
    label: str | None = None,
    seen_on: str | None = None,
) -> dict[str, Any]:
    """A conflict that is open; ``label`` (``LABEL@SAMPLE``) where it is about one label rather than the annotation.

    ``seen_on`` is the sample on which the label stood.
    """
    subject = "/".join((name or "", on or "", label or ""))
    values = {"fiftyone": dumps(fiftyone), "database": dumps(database)}
    return {"annotation_id": name, "field": on, "kind": kind, "subject": subject, "seen_on": seen_on} | values


def hand(sample: str, name: str = "another", *, run: str = "before") -> dict[str, Any]:
    """A label of the sample that the run before found changed by hand."""
    return {"annotation_id": name, "sample_id": sample, "run_id": run}


def waited(name: str | None, on: str | None = None, value: Any = None, label_id: str | None = None) -> dict[str, Any]:
    """An edit, or a drawn label, that waited before, or (without a name) was in a conflict."""
    return {"annotation_id": name, "label_id": label_id or f"l-{name}", "field": on, "value": dumps(value)}


def frame(side: Side, mapped: Mapping, rows: list[Row]) -> pl.DataFrame:
    """A snapshot's frame."""
    made = []
    for row in rows:
        problems = row.columns["problems"]
        meta = row.columns | {"problems": None if problems is None else json.dumps(problems, ensure_ascii=False)}
        made.append(meta | {column(name): row.values.get(name) for name in mapped.names})
    return pl.DataFrame(made, schema=schema(side, mapped), orient="row")


def baseline(mapped: Mapping, rows: list[Row]) -> pl.DataFrame:
    """A baseline frame; what is not known is null."""
    made = []
    for row in rows:
        unknown = row.columns["unknown"]
        values = {column(name): None if name in unknown else row.values.get(name) for name in mapped.names}
        known = {known_column(name): name not in unknown for name in mapped.names}
        made.append(row.columns | values | known)
    return pl.DataFrame([{k: v for k, v in row.items() if k != "unknown"} for row in made], baseline_schema(mapped))


def world(
    *fields: str | Field,
    b: list[Row] | None = None,
    f: list[Row] | None = None,
    d: list[Row] | None = None,
    mapped: Mapping | None = None,
    label_type: LabelType = DETECTIONS,
    complete: bool = True,
    samples: list[dict[str, Any]] | None = None,
    homes: list[dict[str, Any]] | None = None,
    away: bool = False,
    alongside: list[tuple[datetime, str]] | None = None,
    lately: list[dict[str, Any]] | None = None,
    by_hand: list[dict[str, Any]] | None = None,
    standing: list[dict[str, Any]] | None = None,
    signed: list[tuple[str, str]] | None = None,
    conflicts: list[dict[str, Any]] | None = None,
    hidden: tuple[str, ...] = (),
    refused: list[dict[str, Any]] | None = None,
    minted: tuple[tuple[str, str], ...] = (),
    size: int | None = None,
    met_besides: int = 0,
    starts: bool = False,
    answered: list[tuple[str, str]] | None = None,
    log: list[dict[str, Any]] | None = None,
    waits: list[dict[str, Any]] | None = None,
    sent: list[dict[str, Any]] | None = None,
    newest_elsewhere: datetime | None = None,
    vocabulary: Vocabulary | None = None,
    young: Young | None = None,
    adopt: bool = False,
    force: bool = False,
    behind: str | None = None,
    another_table: str | None = None,
    **policy: Any,
) -> Inputs:
    """Inputs of the diff; ``policy`` takes the policies by name."""
    mapped = mapped or mapping(*fields, label_type=label_type)
    known = baseline(mapped, b or [])
    d = _with_media(d or [], [*(b or []), *(f or [])])
    return Inputs(
        mapping=mapped,
        policy=replace(Policy(), **policy),
        fiftyone=Snapshot(Side.FIFTYONE, frame(Side.FIFTYONE, mapped, f or []), complete, NOON),
        database=Snapshot(
            Side.DATABASE, frame(Side.DATABASE, mapped, d or []), complete, NOON, hidden=frozenset(hidden)
        ),
        baseline=known,
        baseline_size=known.height if size is None else size,
        samples=pl.DataFrame(samples or [], schema=SAMPLES_SCHEMA),
        homes=None if homes is None else pl.DataFrame(homes, schema=SAMPLES_SCHEMA),
        away=away,
        alongside=pl.DataFrame(alongside or [], schema=STAMPS_SCHEMA, orient="row"),
        history=History(
            written=pl.DataFrame(lately or [], schema=WRITTEN_SCHEMA),
            open_conflicts=pl.DataFrame(
                [each for each in conflicts or [] if each["annotation_id"] is not None], schema=OPEN_SCHEMA
            ),
            open_subjects=frozenset(each["subject"] for each in conflicts or []),
            refused=pl.DataFrame(refused or [], schema=REFUSED_SCHEMA),
            minted=frozenset(minted),
            answered=pl.DataFrame(answered or [], schema=ANSWERED_SCHEMA, orient="row"),
            signed=pl.DataFrame(signed or [], schema=SIGNED_SCHEMA, orient="row"),
            by_hand=pl.DataFrame(by_hand or [], schema=BY_HAND_SCHEMA),
            standing=pl.DataFrame(standing or [], schema=WAITED_SCHEMA),
            earlier=pl.DataFrame(log or [], schema=EARLIER_SCHEMA),
            waiting=pl.DataFrame(waits or [], schema=WAITING_SCHEMA),
            newest_elsewhere=newest_elsewhere,
            sent=pl.DataFrame(sent or [], schema=SENT_SCHEMA),
        ),
        vocabulary=vocabulary,
        young=young,
        met_besides=met_besides,
        starts=starts,
        adopt=adopt,
        force=force,
        behind=behind,
        another_table=another_table,
    )


def _with_media(rows: list[Row], labels: list[Row]) -> list[Row]:
    """The database's rows, each on the image of the first of the labels that bears its id."""
    images: dict[str | None, str | None] = {}
    for each in labels:
        # An annotation that is away has no sample, but it is known on which image it was.
        image = each.columns["image"] if each.columns["sample_id"] is None else _media(each.columns)
        images.setdefault(each.columns["annotation_id"], image)
    return [
        replace(
            each, columns=each.columns | {"media": images.get(each.columns["annotation_id"], each.columns["media"])}
        )
        if each.by_default
        else each
        for each in rows
    ]


def plan_of(*fields: str | Field, **given: Any) -> Plan:
    """The plan of such a world."""
    return diff(world(*fields, **given))


def brief(change: Change) -> tuple[Any, ...]:
    """A change in short: (way, action, id, field, old, new, reason); way ``"-"`` only moves the baseline."""
    way = {Direction.TO_DATABASE: "db", Direction.TO_FIFTYONE: "fo", None: "-"}[change.direction]
    whole = change.action is not Action.UPDATE
    content = () if whole else (change.field, change.old, change.new)
    return (way, change.action.value, change.annotation_id, *content, change.reason)


def changes(plan: Plan) -> list[tuple[Any, ...]]:
    """All changes in short."""
    return [brief(each) for each in plan.changes]


def kinds(plan: Plan) -> list[tuple[str, str | None, str | None]]:
    """All conflicts in short: (kind, id, field)."""
    return [(each.kind, each.annotation_id, each.field) for each in plan.conflicts]


def only(plan: Plan) -> Conflict:
    """The one conflict of a plan that changes nothing."""
    assert changes(plan) == []
    (conflict,) = plan.conflicts
    return conflict


def agreed(plan: Plan) -> dict[str, dict[str, Any]]:
    """The baseline rows that the plan moves: {id: {field: value}} of the fields that are known in them."""
    mapped = [name.removeprefix("known.") for name in plan.baseline.columns if name.startswith("known.")]
    return {
        row["annotation_id"]: {name: row[column(name)] for name in mapped if row[known_column(name)]}
        for row in plan.baseline.iter_rows(named=True)
    }


def quiet(plan: Plan) -> bool:
    """Whether the plan does nothing at all and finds nothing."""
    return not (plan.changes or plan.conflicts or plan.baseline.height or plan.dropped or plan.held or plan.hints)

"""Review tags: what makes an edit wait for approval, and what becomes of a tag once it has had its effect.

- A class tag is answered when its label is what the tag names; an approving tag, when what it approved is on its way.
  The tag is removed or replaced only if every change to its label was carried out.
- With ``keep``, and where a tag asked for nothing (it names the class that the label has; there was nothing to
  approve), the tag stays and is recorded as answered: it has no effect again until somebody removes it and sets it
  anew. A kept approving tag goes on letting edits through, since the label carries it.
- A person removes an error tag. It shows until then that somebody should look at the annotation.
- A tag of a sample is removed when no label of the sample waits for anything.
- A tag whose change was carried out by a run that died is removed by the next run that sees it.
- A tag that lost against the other side by a policy is answered by that.
- An answered tag stays answered until its label is read without it. What the tag means by then, where the label
  stands, and whether there is a label, do not matter.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from syncd.diff.findings import edited, jsonable
from syncd.diff.frames import D, F
from syncd.diff.inputs import History
from syncd.diff.merge_rules import verdict_column
from syncd.diff.tags import APPROVE, CLASS, ERROR, PLACE, Place, with_actors
from syncd.diff.unsafe_values import why_unsafe
from syncd.model.conflict_kinds import ConflictKind
from syncd.model.kinds import Json, Kind, Value
from syncd.model.mapping import FLAG, LABEL, MEDIA_FIELD, SAMPLE_FIELD, Direction, Field, Mapping, Side
from syncd.model.plan import AWAITING, Action, Change, Conflict, TagEdit, Verdict, Waiting
from syncd.model.plan import ERROR as FLAGGED
from syncd.model.policy import Review
from syncd.model.reasons import Reason
from syncd.model.snapshot import column


@dataclass(frozen=True)
class Heard:
    """What the plan says about labels with tags."""

    changes: Sequence[Change]
    conflicts: Sequence[Conflict]
    waiting: Sequence[Waiting]


@dataclass(frozen=True)
class Answers:
    """What follows for the tags: tag edits, and the (annotation id, tag) that stay and have had their effect."""

    edits: tuple[TagEdit, ...]
    answered: frozenset[tuple[str, str]]


def answers(review: Review, verified: str | None, history: History, tags: pl.DataFrame, heard: Heard) -> Answers:
    """Decides what becomes of every class and approving tag among ``tags`` (:func:`syncd.diff.tags.said`).

    ``verified`` is the field that approval sets, if there is one. The answered tags that it returns are those of
    ``tags``: for others see :func:`kept`.
    """
    logged = _logged(tags, heard)
    tags = tags.filter(pl.col("role").is_in([APPROVE, CLASS]))
    if tags.is_empty():
        return Answers((), logged)
    judged = _with_outcome(tags, verified, history, heard)
    stays = judged.filter(pl.col("answered") | pl.col("idle"))
    done = judged.filter("done" if review.after != "keep" else pl.lit(value=False))
    if review.after == "keep":
        stays = pl.concat([stays, judged.filter("done")])
    named = stays.filter(pl.col("annotation_id").is_not_null()).select("annotation_id", "tag").unique()
    edits = [*_on_labels(review, done.filter(~pl.col("on_sample"))), *_on_samples(review, judged, done)]
    return Answers(tuple(edits), frozenset(named.iter_rows()) | logged)


def settled(review: Review, tags: pl.DataFrame) -> Answers:
    """What becomes of tags that a person has answered by a command: a label's as configured; a sample's stay.

    ``tags`` are of :func:`syncd.diff.tags.said`. A tag that stays is recorded as answered, for it may speak for other
    labels too.
    """
    stays = pl.col("on_sample") | pl.lit(review.after == "keep")
    remembered = tags.filter(stays & pl.col("annotation_id").is_not_null()).select("annotation_id", "tag").unique()
    return Answers(tuple(_on_labels(review, tags.filter(~stays))), frozenset(remembered.iter_rows()))


def kept(answered: pl.DataFrame, rows: pl.DataFrame, held: Collection[str]) -> frozenset[tuple[str, str]]:
    """The answered tags that nobody has removed, as far as FiftyOne's ``rows`` tell.

    They do not tell it of annotations without a label, nor of those that are ``held`` because their label is in doubt.
    """
    if answered.is_empty():
        return frozenset()
    read = rows.filter(~pl.col("annotation_id").is_in(list(held))).select("annotation_id").unique()
    names = ("tags", "sample_tags")
    borne = pl.concat(rows.select("annotation_id", pl.col(name).alias("tag")).explode("tag") for name in names)
    gone = answered.join(read, on="annotation_id", how="semi").join(borne, on=["annotation_id", "tag"], how="anti")
    return frozenset(answered.iter_rows()) - frozenset(gone.iter_rows())


def _logged(tags: pl.DataFrame, heard: Heard) -> frozenset[tuple[str, str]]:
    """The error tags that have been seen: those of which the log holds an entry, or will."""
    errors = tags.filter((pl.col("role") == ERROR) & pl.col("annotation_id").is_not_null())
    now = pl.col("annotation_id").is_in([each.annotation_id for each in heard.changes if each.field == FLAG])
    return frozenset(errors.filter(pl.col("answered") | now).select("annotation_id", "tag").iter_rows())


def _with_outcome(tags: pl.DataFrame, verified: str | None, history: History, heard: Heard) -> pl.DataFrame:
    """Adds ``open`` (its label is in dispute or waits), ``done`` and ``idle`` (it asks for nothing)."""
    done_by = (Reason.CLASS_TAG, Reason.APPROVED, Reason.ON_CONFLICT)
    relabelled = _places(each for each in heard.changes if each.field == LABEL and each.reason in done_by)
    homeward = [each for each in heard.changes if each.direction is Direction.TO_DATABASE]
    written = _places(each for each in homeward if each.field not in (FLAG, MEDIA_FIELD))
    confirmed = _places(each for each in heard.changes if each.field == verified and each.reason in done_by)
    drawn = _places(each for each in heard.changes if each.action is Action.INSERT) if verified else frozenset()
    # Of a label that goes to another image nothing else was judged: its tags speak in the next run.
    moving = _places(each for each in heard.changes if each.field in (MEDIA_FIELD, SAMPLE_FIELD) and each.direction)
    disputed = _places(heard.conflicts) | _places(heard.waiting) | moving
    lately = history.written.filter(pl.col("reason").is_in([Reason.CLASS_TAG, Reason.APPROVED])).select(
        "annotation_id", pl.col("reason").replace({Reason.CLASS_TAG: CLASS, Reason.APPROVED: APPROVE}).alias("role")
    )
    lately = lately.unique().with_columns(pl.lit(value=True).alias("lately"))
    tags = tags.join(lately, on=["annotation_id", "role"], how="left").join(
        _flags(
            {"relabelled": relabelled, "written": written, "confirmed": confirmed, "drawn": drawn, "open": disputed}
        ),
        on=PLACE,
        how="left",
    )
    tags = tags.with_columns(
        pl.col("lately", "relabelled", "written", "confirmed", "drawn", "open").fill_null(value=False)
    )
    is_class, fresh = pl.col("role") == CLASS, ~pl.col("answered") & ~pl.col("open")
    now = pl.when(is_class).then(pl.col("relabelled")).otherwise(pl.col("written") | pl.col("confirmed"))
    # A label that was just drawn is verified by the next run, when it is known; until then the tag is needed.
    done = fresh & ((now & ~pl.col("drawn")) | (~now & pl.col("lately")))
    idle = (
        fresh
        & ~now
        & ~pl.col("lately")
        & pl.when(is_class).then(pl.col("names_it")).otherwise(pl.lit(verified is not None))
    )
    return tags.with_columns(done.alias("done"), (idle & ~pl.col("drawn")).alias("idle"))


def _places(found: Any) -> frozenset[Place]:
    return frozenset((each.sample_id, each.label_id) for each in found)


def _flags(flags: dict[str, frozenset[Place]]) -> pl.DataFrame:
    """One row per place, with a boolean column for each flag."""
    places = sorted({(str(sample), str(label)) for found in flags.values() for sample, label in found})
    schema: dict[str, pl.DataType] = {name: pl.String() for name in PLACE}
    frame = pl.DataFrame(places, schema=schema, orient="row")
    columns = [pl.Series(name, [place in found for place in places], pl.Boolean) for name, found in flags.items()]
    return frame.with_columns(columns)


def _on_labels(review: Review, done: pl.DataFrame) -> Iterator[TagEdit]:
    for sample_id, label_id, tags in done.group_by(PLACE).agg(pl.col("tag").unique().sort()).iter_rows():
        yield _edit(review, sample_id, label_id, tags)


def _on_samples(review: Review, judged: pl.DataFrame, done: pl.DataFrame) -> Iterator[TagEdit]:
    """A sample's tag goes when it has done something and no label of the sample is in dispute or waits."""
    needed = judged.filter(pl.col("open") | pl.col("drawn")).select("sample_id").unique()
    ready = done.filter("on_sample").join(needed, on="sample_id", how="anti")
    for sample_id, tags in ready.group_by("sample_id").agg(pl.col("tag").unique().sort()).iter_rows():
        yield _edit(review, sample_id, None, tags)


def _edit(review: Review, sample_id: str, label_id: str | None, tags: list[str]) -> TagEdit:
    add = (review.replacement,) if review.after == "replace" and review.replacement else ()
    remove = tuple(each for each in tags if each not in add)
    return TagEdit(sample_id, label_id, add, remove, after_changes=True)


def flagged(review: Review, tags: pl.DataFrame, rows: pl.DataFrame) -> list[Waiting]:
    """The annotations that bear an error tag. ``rows`` are FiftyOne's.

    An error tag flags an annotation for a person and changes no label. It is logged once, when it is first seen; where
    ``review.error_column`` is mapped, that entry is the change of the column. The annotation stays flagged until a
    person removes the tag.
    """
    errors = tags.filter(pl.col("role") == ERROR)
    if errors.is_empty():
        return []
    seen = with_actors(rows.join(errors.select(PLACE).unique(), on=PLACE, how="semi"), review)
    seen = seen.select(*PLACE, "actor", "edited_at").unique(PLACE, keep="first", maintain_order=True)
    found = errors.unique([*PLACE, "tag"], keep="first", maintain_order=True).join(seen, on=PLACE, how="left")
    return [
        Waiting(
            kind=FLAGGED,
            annotation_id=row["annotation_id"],
            label_id=row["label_id"],
            sample_id=row["sample_id"],
            field=None,
            old=None,
            new=row["tag"],
            actor=row["actor"],
            edited_at=row["edited_at"],
        )
        for row in found.sort(*PLACE, "tag").iter_rows(named=True)
    ]


TAGGED = "tagged"


def gated(mapping: Mapping, review: Review, rows: pl.DataFrame) -> pl.DataFrame:
    """Holds back edits on their way to the database, in judged rows, that nobody has approved.

    An edit goes through as soon as the tag is set. If the database changes the same field meanwhile, that is a
    disagreement as ever. A deleted label can carry no tag: deletions follow their own policy.
    """
    if review.mode != TAGGED or rows.is_empty():
        return rows
    return rows.with_columns(
        pl.when((pl.col(verdict_column(name)) == Verdict.TO_DATABASE.value) & ~pl.col("approved"))
        .then(pl.lit(Verdict.AWAITING.value))
        .otherwise(pl.col(verdict_column(name)))
        .alias(verdict_column(name))
        for name in mapping.names
    )


def drawn_waits(row: dict[str, Any], content: Json, annotation_id: str | None) -> Waiting:
    """A drawn label (an unprefixed row) that nobody has approved yet, as waiting."""
    return Waiting(
        kind=AWAITING,
        annotation_id=annotation_id,
        label_id=row["label_id"],
        sample_id=row["sample_id"],
        field=None,
        old=None,
        new=content,
        actor=row["actor"],
        edited_at=row["edited_at"],
    )


def flag(
    mapping: Mapping, review: Review, tags: pl.DataFrame, rows: pl.DataFrame, open_conflicts: pl.DataFrame
) -> list[Change | Conflict]:
    """The changes (and conflicts) of error tags that have not been answered.

    ``tags`` is of :func:`syncd.diff.tags.said`; ``rows`` are joined rows of annotations that both sides hold.
    """
    errors = tags.filter((pl.col("role") == ERROR) & ~pl.col("answered") & pl.col("annotation_id").is_not_null())
    # Whoever loads labels has not read the column, and leaves flagging to a reconcile.
    if errors.is_empty() or (mapping.flag is not None and D + column(FLAG) not in rows.columns):
        return []
    place = {F + "sample_id": "sample_id", F + "label_id": "label_id"}
    kept = [*place, F + "actor", F + "edited_at", *([D + column(FLAG)] if mapping.flag else [])]
    known = with_actors(rows.join(errors.select("annotation_id").unique(), on="annotation_id", how="semi"), review, F)
    known = known.select("annotation_id", *kept).rename(place)
    errors = errors.select("annotation_id", "sample_id", "label_id", "tag").unique().sort("annotation_id", "tag")
    found = errors.join(known, on=["annotation_id", "sample_id", "label_id"], maintain_order="left")
    refused = open_conflicts.filter((pl.col("field") == FLAG) & (pl.col("kind") == ConflictKind.REFUSED_BY_DATABASE))
    refused_ids = set(refused["annotation_id"])
    first = found.unique("annotation_id", keep="first", maintain_order=True) if mapping.flag else found
    return [
        _outcome(mapping.flag, row, refused=row["annotation_id"] in refused_ids) for row in first.iter_rows(named=True)
    ]


def _outcome(field: Field | None, row: dict[str, Any], *, refused: bool) -> Change | Conflict:
    """What one tag asks for: an entry in the log, by way of the column where there is one that does not say so yet."""
    old: Value = None
    new: Value = row["tag"]
    way = None
    if field is not None:
        old = row[D + column(FLAG)]
        new = _value(field, row["tag"])
        says_so = bool(old)
        why = None if says_so else why_unsafe(field, Side.DATABASE, new)
        if not says_so and (refused or why is not None):
            kind = ConflictKind.REFUSED_BY_DATABASE if refused else ConflictKind.UNSAFE_VALUE
            return Conflict(
                kind=kind,
                annotation_id=row["annotation_id"],
                sample_id=row["sample_id"],
                label_id=row["label_id"],
                field=FLAG,
                base=None,
                fiftyone=jsonable(new),
                database=jsonable(old),
                suggestions=(why,) if why else (),
                in_fiftyone=edited(row, F),
            )
        way = None if says_so else Direction.TO_DATABASE
    return Change(
        annotation_id=row["annotation_id"],
        label_id=row["label_id"],
        sample_id=row["sample_id"],
        direction=way,
        action=Action.UPDATE,
        field=FLAG,
        old=old,
        new=new,
        reason=Reason.FLAGGED,
        actor=row[F + "actor"],
        edited_at=row[F + "edited_at"],
    )


def _value(field: Field, tag: str) -> Value:
    """What the column says of a flagged annotation."""
    return {Kind.BOOLEAN: True, Kind.INTEGER: 1}.get(field.kind, tag)

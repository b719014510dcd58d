"""What the tags of a label and of its sample say: approving, error and class tags, and the marks that syncd sets.

A tag says one thing: a tag that is configured as a mark, an approving or an error tag is no class tag, even if a term
has that name. A tag of a sample speaks for every label in it, except a class tag where there are several labels: a
person who tags a whole image with one class cannot have meant them all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias

import polars as pl

from syncd.diff.inputs import History
from syncd.diff.vocabulary import with_meaning
from syncd.model.conflict_kinds import ConflictKind
from syncd.model.mapping import LABEL, Direction
from syncd.model.plan import Action, Change, Conflict, TagEdit
from syncd.model.policy import Marks, Review
from syncd.model.snapshot import column
from syncd.model.vocabulary import Vocabulary

APPROVE, ERROR, CLASS, MARK = "approve", "error", "class", "mark"
PLACE = ["sample_id", "label_id"]
NOBODY = "fiftyone"
"""The actor of an edit in FiftyOne of which nobody is known to have made it."""
Place: TypeAlias = "tuple[str | None, str | None]"
"""A label: its sample's id and its own. A label id alone names none: a cloned sample has the same ones."""

SAID_SCHEMA: dict[str, pl.DataType] = {
    "annotation_id": pl.String(),
    "sample_id": pl.String(),
    "label_id": pl.String(),
    "tag": pl.String(),
    "on_sample": pl.Boolean(),
    "role": pl.String(),
    "term": pl.String(),
    "shared": pl.Boolean(),
    "answered": pl.Boolean(),
    "names_it": pl.Boolean(),
}

ASKED_SCHEMA: dict[str, pl.DataType] = {
    "sample_id": pl.String(),
    "label_id": pl.String(),
    "asked": pl.List(pl.String),
}

VOICE_SCHEMA: dict[str, pl.DataType] = {
    "sample_id": pl.String(),
    "label_id": pl.String(),
    "approved": pl.Boolean(),
    "confirmed": pl.Boolean(),
    "terms": pl.List(pl.String),
    "shared_terms": pl.List(pl.String),
}


def said(rows: pl.DataFrame, review: Review, vocabulary: Vocabulary | None, answered: pl.DataFrame) -> pl.DataFrame:
    """One row per label and tag that means something (:data:`SAID_SCHEMA`).

    ``rows`` are FiftyOne's, with all labels of every sample. ``shared`` is true for a class tag on a sample with
    several labels; ``answered`` for a tag that has had its effect; ``names_it`` for a class tag that is what its label
    is.
    """
    if all(rows[name].null_count() == rows.height for name in ("tags", "sample_tags")):
        return pl.DataFrame(schema=SAID_SCHEMA)
    tags = pl.concat([_each(rows, "tags"), _each(rows, "sample_tags")])
    meanings = pl.DataFrame(
        list(_meanings(tags["tag"].unique().to_list(), review, vocabulary)),
        schema={"tag": pl.String(), "role": pl.String(), "term": pl.String()},
        orient="row",
    )
    tags = tags.join(meanings, on="tag")
    if tags.is_empty():
        return pl.DataFrame(schema=SAID_SCHEMA)
    crowds = rows.group_by("sample_id").len("crowd")
    labels = rows.select(*PLACE, pl.col(column(LABEL)).alias("label")).unique(PLACE, keep="first", maintain_order=True)
    labels = labels.join(tags.select(PLACE).unique(), on=PLACE, how="semi")
    labels = (
        labels.with_columns(pl.lit(None, pl.String).alias("is"))
        if vocabulary is None
        else with_meaning(vocabulary, labels, "label", "is")
    )
    known = answered.unique().with_columns(pl.lit(value=True).alias("answered"))
    return (
        tags.join(crowds, on="sample_id", how="left")
        .join(known, on=["annotation_id", "tag"], how="left")
        .join(labels, on=PLACE, how="left")
        .with_columns(
            (pl.col("on_sample") & (pl.col("role") == CLASS) & (pl.col("crowd") > 1)).alias("shared"),
            pl.col("answered").fill_null(value=False),
            pl.col("term").eq(pl.col("is")).fill_null(value=False).alias("names_it"),
        )
        .select(list(SAID_SCHEMA))
        .sort("sample_id", "label_id", "tag", "on_sample")
    )


def known_answers(history: History, rows: pl.DataFrame) -> pl.DataFrame:
    """The answered tags of the history, and those of samples that say nothing about a label because it came later.

    syncd has put such a label there lately, when the sample's tag had had its effect on another one. If something about
    the label is in dispute, the tag speaks for it too, and still waits for an answer.
    """
    answered = history.answered
    inserted = history.written.filter(pl.col("action") == Action.INSERT.value).select("annotation_id").unique()
    if answered.is_empty() or inserted.is_empty():
        return answered
    shared = rows.filter(pl.col("sample_tags").is_not_null() & pl.col("annotation_id").is_not_null())
    shared = shared.select("annotation_id", "sample_id", pl.col("sample_tags").alias("tag")).explode("tag")
    heard = shared.join(answered, on=["annotation_id", "tag"], how="semi").select("sample_id", "tag").unique()
    late = shared.join(inserted, on="annotation_id", how="semi").join(heard, on=["sample_id", "tag"], how="semi")
    late = late.join(history.open_conflicts, on="annotation_id", how="anti")
    return pl.concat([answered, late.select(answered.columns)]).unique()


def _each(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    """One row per label and tag in the column ``name``. A label that cannot be addressed is left out."""
    tagged = rows.filter(pl.col(name).is_not_null() & pl.col("label_id").is_not_null())
    tags = tagged.select("annotation_id", *PLACE, pl.col(name).alias("tag")).explode("tag").drop_nulls("tag").unique()
    return tags.with_columns(pl.lit(name == "sample_tags").alias("on_sample"))


def _meanings(
    tags: Iterable[str], review: Review, vocabulary: Vocabulary | None
) -> Iterator[tuple[str, str, str | None]]:
    """(tag, role, term) of the tags that mean something."""
    for tag in tags:
        if tag in review.marks.names:
            yield tag, MARK, None
        elif tag in review.approve:
            yield tag, APPROVE, None
        elif tag in review.error:
            yield tag, ERROR, None
        elif vocabulary is not None and review.class_tags and (term := vocabulary.meant(tag)) is not None:
            yield tag, CLASS, term


def asking(tags: pl.DataFrame, rows: pl.DataFrame, verified: str | None) -> pl.DataFrame:
    """The labels for which a tag asks something that was not done yet, with these tags (``asked``).

    ``tags`` are those of ``rows``, FiftyOne's; ``verified`` is the field that approval sets, if there is one. A class
    tag that names what the label is asks for nothing, nor does an approving one where everything is approved.
    """
    new = tags.filter(~pl.col("answered"))
    if new.is_empty():
        return pl.DataFrame(schema=ASKED_SCHEMA)
    role = pl.col("role")
    open_to = pl.lit(value=False) if verified is None else pl.col(column(verified)).ne_missing(pl.lit(value=True))
    states = rows.select(*PLACE, open_to.alias("open_to")).unique(PLACE, keep="first", maintain_order=True)
    asks = (role == ERROR) | ((role == CLASS) & ~pl.col("names_it")) | ((role == APPROVE) & pl.col("open_to"))
    return (
        new.join(states, on=PLACE, how="left")
        .filter(asks)
        .group_by(PLACE)
        .agg(pl.col("tag").unique().sort().alias("asked"))
        .select(list(ASKED_SCHEMA))
        .sort(PLACE)
    )


def voices(tags: pl.DataFrame) -> pl.DataFrame:
    """What the tags ask for, by label (:data:`VOICE_SCHEMA`).

    ``approved``: edits may pass. ``confirmed``: and a tag says so that has not been answered yet. ``terms`` are the
    classes named, ``shared_terms`` those named on a sample with several labels.
    """
    if tags.is_empty():
        return pl.DataFrame(schema=VOICE_SCHEMA)
    role, term = pl.col("role"), pl.col("term")
    new = ~pl.col("answered")
    return (
        tags.group_by(PLACE)
        .agg(
            (role == APPROVE).any().alias("approved"),
            ((role == APPROVE) & new).any().alias("confirmed"),
            term.filter((role == CLASS) & new & ~pl.col("shared")).unique().sort().alias("terms"),
            term.filter((role == CLASS) & new & pl.col("shared")).unique().sort().alias("shared_terms"),
        )
        .select(list(VOICE_SCHEMA))
    )


def approved_places(voiced: pl.DataFrame) -> frozenset[Place]:
    """The labels with an approving tag, on themselves or their sample."""
    return frozenset(voiced.filter("approved").select(PLACE).iter_rows())


def with_actors(rows: pl.DataFrame, review: Review, prefix: str = "") -> pl.DataFrame:
    """Fills the actor: an attribute's name, else a tag of the label, else of its sample, else FiftyOne's user.

    If nobody is named, it is ``NOBODY``. ``prefix`` selects one side of joined rows.
    """
    rows = _named_by_tags(rows, review, prefix)
    known = pl.coalesce(prefix + "actor", prefix + "user", pl.lit(NOBODY))
    return rows.with_columns(known.alias(prefix + "actor"))


def spent_names(review: Review, rows: pl.DataFrame, changes: Iterable[Change]) -> list[TagEdit]:
    """Removes tags that named an editor from labels whose edit goes to the database: somebody else may edit next.

    With ``after: keep`` they stay. A sample's tag speaks for whatever is edited on it, and stays too.
    """
    edited = [(each.sample_id, each.label_id) for each in changes if each.direction is Direction.TO_DATABASE]
    return names_spent_at(review, rows, edited)


def names_spent_at(
    review: Review, rows: pl.DataFrame, settled: Iterable[tuple[str | None, str | None]]
) -> list[TagEdit]:
    """The same for the labels at these places (sample, label), whose edits have come to an end."""
    start = review.actor_prefix
    if start is None or review.after == "keep":
        return []
    tagged = rows.filter(pl.col("tags").is_not_null()).select(*PLACE, pl.col("tags").alias("tag")).explode("tag")
    named = tagged.filter(pl.col("tag").str.starts_with(start))
    if named.is_empty():
        return []
    places = pl.DataFrame(list(settled), schema={name: pl.String() for name in PLACE}, orient="row").unique()
    spent = named.join(places, on=list(PLACE), how="semi").group_by(PLACE).agg(pl.col("tag").unique().sort())
    return [
        TagEdit(sample_id, label_id, remove=tuple(tags), after_changes=True)
        for sample_id, label_id, tags in spent.sort(PLACE).iter_rows()
    ]


def _named_by_tags(rows: pl.DataFrame, review: Review, prefix: str) -> pl.DataFrame:
    start = review.actor_prefix
    tagged = [rows.filter(pl.col(prefix + name).is_not_null()) for name in ("tags", "sample_tags")]
    if start is None or not any(each.height for each in tagged):
        return rows
    place = [prefix + name for name in PLACE]
    named = pl.concat(
        each.select(*place, pl.col(prefix + name).alias("tag"), pl.lit(rank).alias("rank")).explode("tag")
        for rank, (name, each) in enumerate(zip(("tags", "sample_tags"), tagged, strict=True))
    )
    named = (
        named.filter(pl.col("tag").str.starts_with(start))
        .sort("rank", "tag")
        .unique(place, keep="first", maintain_order=True)
    )
    named = named.select(*place, pl.col("tag").str.strip_prefix(start).alias("named"))
    rows = rows.join(named, on=place, how="left", maintain_order="left")
    return rows.with_columns(pl.coalesce(prefix + "actor", "named").alias(prefix + "actor")).drop("named")


MOST_HELD = 10_000
"""Labels marked as held by a brake: enough to filter for, and no flood for a lasso over everything."""


def conflict_marks(
    marks: Marks, rows: pl.DataFrame, tags: pl.DataFrame, conflicts: Sequence[Conflict], unjudged: Iterable[str]
) -> list[TagEdit]:
    """What to add and remove so that the labels read bear the marks of their conflicts, and no others.

    Reviewers filter by a mark in the App for what needs a person. It is nobody's edit, is not logged, and goes when its
    reason goes.
    ``tags`` are those that mean something (:func:`syncd.diff.tags.said`); ``unjudged`` annotations have conflicts
    that were not looked for, and keep their marks.
    """
    wanted: set[tuple[str | None, str | None, str]] = set()
    for each in conflicts:
        mark = marks.unknown_label if each.kind == ConflictKind.UNKNOWN_LABEL else marks.conflict
        if mark is not None and each.label_id is not None:
            wanted.add((each.sample_id, each.label_id, mark))
    return _differences(
        rows, tags.filter(~pl.col("annotation_id").is_in(list(unjudged)).fill_null(value=False)), wanted
    )


def held_marks(marks: Marks, rows: pl.DataFrame, tags: pl.DataFrame, changes: Sequence[Change]) -> list[TagEdit]:
    """Marks the labels whose edits a held plan keeps from the database; takes no mark away."""
    if marks.held is None:
        return []
    edits = [each for each in changes if each.direction is Direction.TO_DATABASE and each.label_id is not None]
    wanted: set[tuple[str | None, str | None, str]] = {
        (each.sample_id, each.label_id, marks.held) for each in edits[:MOST_HELD]
    }
    return [replace(each, remove=()) for each in _differences(rows, tags, wanted) if each.add]


def _differences(
    rows: pl.DataFrame, tags: pl.DataFrame, wanted: set[tuple[str | None, str | None, str]]
) -> list[TagEdit]:
    schema: dict[str, pl.DataType] = {name: pl.String() for name in (*PLACE, "tag")}
    want = pl.DataFrame(sorted(wanted, key=str), schema=schema, orient="row")
    want = want.join(rows.select(PLACE), on=PLACE, how="semi")
    have = tags.filter((pl.col("role") == MARK) & ~pl.col("on_sample")).select(list(schema))
    add: defaultdict[Place, list[str]] = defaultdict(list)
    remove: defaultdict[Place, list[str]] = defaultdict(list)
    for sample_id, label_id, tag in want.join(have, on=list(schema), how="anti").iter_rows():
        add[sample_id, label_id].append(tag)
    for sample_id, label_id, tag in have.join(want, on=list(schema), how="anti").iter_rows():
        remove[sample_id, label_id].append(tag)
    return [
        TagEdit(str(place[0]), place[1], tuple(sorted(add[place])), tuple(sorted(remove[place])))
        for place in sorted(add.keys() | remove.keys(), key=str)
    ]

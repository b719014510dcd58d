"""Decides whether a row and its label are about the same image, and what follows where they are not.

The image is part of an annotation: values are compared only where both sides name the same image. Names are compared
after Unicode normalisation, since file systems and databases spell them in either form. Where a side names no image,
there is nothing to compare.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import polars as pl

from syncd.diff.findings import Findings, content_of, edited, fiftyone_content, side_row
from syncd.diff.frames import EXPRESSIONS, B, D, F, prefixed
from syncd.diff.inputs import Inputs
from syncd.model.conflict_kinds import ConflictKind
from syncd.model.kinds import Json
from syncd.model.mapping import MEDIA_FIELD, SAMPLE_FIELD, Direction, Mapping
from syncd.model.plan import Action, Change, Conflict, Edited
from syncd.model.policy import Brakes
from syncd.model.reasons import Reason
from syncd.model.snapshot import baseline_schema, column, known_column

NEARLY_ALL = 0.9
"""Share of the annotations; where the images of more of them differ, the two columns do not name the same thing."""

NOT_THERE = "no sample of the dataset has the row's image: ingest it, or take `fiftyone`"
SEVERAL = "several samples have the row's image: delete the surplus ones"
OCCUPIED = "the sample of the row's image holds another label"
BORNE = "another label on the sample of the row's image bears this id"
RETIED = "the row names another image by now"
CROP = "a crop shows what it was cut from: cut it anew with `syncd ingest`, or take `fiftyone`"
NOT_WRITABLE = "the column that ties the row to its image cannot be written: change it there, or take `database`"


@dataclass(frozen=True)
class Images:
    """The outcome of a comparison of images.

    ``ids`` are the annotations of which nothing else may be judged; ``decided`` those of them that the policy decides,
    which are judged again in the next run. ``displaced`` counts those whose label is on another sample than it was
    known on, and about which nobody was told. ``baseline`` are the baseline rows that the changes may move.
    """

    ids: frozenset[str] = frozenset()
    decided: frozenset[str] = frozenset()
    displaced: int = 0
    held: str | None = None
    baseline: pl.DataFrame | None = field(default=None, compare=False)


def normal(names: pl.Expr) -> pl.Expr:
    """Names of images in one spelling."""
    return names.map_batches(in_one_spelling, return_dtype=pl.String)


def in_one_spelling(names: pl.Series) -> pl.Series:
    """Normalises only names that are not ASCII, which are few: an ASCII name has one spelling."""
    is_ascii = names.str.len_bytes() == names.str.len_chars()
    return names if is_ascii.all() else names.str.normalize("NFC")


def is_other(one: str, two: str) -> bool:
    """Whether two names mean different images."""
    return unicodedata.normalize("NFC", one) != unicodedata.normalize("NFC", two)


@lru_cache(EXPRESSIONS)
def is_same_image(mapping: Mapping) -> pl.Expr:
    """Whether both sides of joined rows name the same image."""
    mine, theirs = _names(mapping)
    return (mine == theirs).fill_null(value=False)


@lru_cache(EXPRESSIONS)
def is_other_image(mapping: Mapping) -> pl.Expr:
    """Whether the two sides of joined rows name different images."""
    mine, theirs = _names(mapping)
    return (mine != theirs).fill_null(value=False)


def _names(mapping: Mapping) -> tuple[pl.Expr, pl.Expr]:
    return normal(pl.col(F + mapping.image)), normal(pl.col(D + mapping.image))


@lru_cache(EXPRESSIONS)
def is_known_image(mapping: Mapping) -> pl.Expr:
    """Whether the label's sample still names the image that the baseline knows."""
    return normal(pl.col(F + mapping.image)).eq_missing(normal(pl.col(B + "image")))


@lru_cache(EXPRESSIONS)
def is_retied(mapping: Mapping) -> pl.Expr:
    """Whether the row names another image than the one on which its label was known."""
    return (normal(pl.col(D + mapping.image)) != normal(pl.col(B + "image"))).fill_null(value=False)


def rows_elsewhere(mapping: Mapping, labels: pl.DataFrame, rows: pl.DataFrame) -> list[str]:
    """The media of rows that name another image than a label under their id: where such a label could go."""
    both = prefixed(rows, D, "in_d").join(prefixed(labels, F, "in_f"), on="annotation_id", how="inner")
    found: list[str] = both.filter(is_other_image(mapping))[D + "media"].drop_nulls().unique().to_list()
    return found


def judge_images(inputs: Inputs, in_both: pl.DataFrame, half_moved: frozenset[str], found: Findings) -> Images:
    """Compares the images of annotations that both sides have, as a joined frame.

    ``half_moved`` are annotations of which a label like theirs stands on the sample of the row's image already.
    """
    if in_both.is_empty():
        return Images()
    mapping = inputs.mapping
    same, other = is_same_image(mapping), is_other_image(mapping)
    compared = in_both.with_columns(same.alias("same_image"), other.alias("other_image"))
    apart = compared.filter("other_image").drop("same_image", "other_image").sort("annotation_id")
    if not inputs.adopt:
        for change in _followed(compared.filter("same_image")):
            found.add(change)
    if apart.is_empty():
        return Images()
    ids = frozenset(apart["annotation_id"])
    elsewhere = pl.col("in_b") & pl.col(F + "sample_id").ne_missing(pl.col(B + "sample_id"))
    in_place = apart.filter(~elsewhere)
    # Where nobody decides, even whoever releases the brakes would get nothing but a conflict for each.
    released = inputs.force and inputs.policy.on_moved != "quarantine"
    why = None if released else wrong_key(inputs.policy.brakes, mapping, in_place, _met(inputs, in_both))
    if why is not None:
        return Images(ids, held=why)
    decided = _decide(inputs, apart, half_moved, found)
    told = inputs.history.open_conflicts.filter(pl.col("field").is_null()).select("annotation_id")
    displaced = apart.filter(elsewhere).join(told, on="annotation_id", how="anti").height
    moving = apart.filter(pl.col("annotation_id").is_in(list(decided)))
    return Images(ids, decided, displaced, baseline=_as_known(mapping, moving))


def wrong_key(brakes: Brakes, mapping: Mapping, apart: pl.DataFrame, met: int) -> str | None:
    """The message that holds the run where nearly all annotations are on other images than their rows say.

    ``apart`` are those, as a joined frame; ``met`` counts all that were compared, or are known.
    """
    if apart.height < brakes.min_count or apart.height <= NEARLY_ALL * met:
        return None
    mine, theirs = apart.select(F + mapping.image, D + mapping.image).row(0)
    field_, _, name = mapping.image_key.rpartition("=")
    return (
        f"the images of {apart.height:,} of {met:,} annotations differ: `sample_key` ({field_ or 'filepath'}) does not "
        f"name what `columns.media` ({name or 'media'}) names: {mine!r} there, {theirs!r} here. Mend `sample_key`, "
        "`columns.media` or `read` of the binding"
    )


def _met(inputs: Inputs, in_both: pl.DataFrame) -> int:
    """The number of annotations that both sides have; annotations that were left out as settled are on both."""
    left_out = inputs.fiftyone.size - inputs.fiftyone.rows.height
    return max(inputs.baseline_size, in_both.height + left_out)


def _followed(rows: pl.DataFrame) -> Iterator[Change]:
    """Follows labels to another sample of the same image, and logs that."""
    elsewhere = pl.col("in_b") & pl.col(F + "sample_id").ne_missing(pl.col(B + "sample_id"))
    for row in rows.filter(elsewhere).iter_rows(named=True):
        yield Change(
            annotation_id=row["annotation_id"],
            label_id=row[F + "label_id"],
            sample_id=row[F + "sample_id"],
            direction=None,
            action=Action.UPDATE,
            field=SAMPLE_FIELD,
            old=row[B + "sample_id"],
            new=row[F + "sample_id"],
            reason=Reason.PLACE_CHANGED,
            edited_at=row[F + "edited_at"],
        )


def _decide(inputs: Inputs, apart: pl.DataFrame, half_moved: frozenset[str], found: Findings) -> frozenset[str]:
    """Decides annotations on different images; returns those that the policy decides."""
    choose = {"database": _to_rows, "fiftyone": _to_labels}.get(inputs.policy.on_moved, _to_nobody)
    decided: set[str] = set()
    for outcome in choose(inputs, apart, half_moved, found):
        found.add(outcome)
        if isinstance(outcome, Change):
            decided.add(str(outcome.annotation_id))
    return frozenset(decided)


def _to_nobody(inputs: Inputs, apart: pl.DataFrame, _: frozenset[str], __: Findings) -> Iterator[Change | Conflict]:
    """Asks a person which image is right."""
    for row in apart.iter_rows(named=True):
        yield moved(inputs.mapping, row)


def _to_rows(
    inputs: Inputs, apart: pl.DataFrame, half_moved: frozenset[str], found: Findings
) -> Iterator[Change | Conflict]:
    """Moves labels to the samples of their rows' images."""
    targets, freed = _targets(inputs, apart), found.freed
    bearing = inputs.fiftyone.rows.join(apart, on="annotation_id", how="semi")
    borne = frozenset(bearing.select("annotation_id", "sample_id").iter_rows())
    for row in apart.iter_rows(named=True):
        here = targets.get(row[D + inputs.mapping.image], [])
        half = row["annotation_id"] in half_moved
        why = _why_not_moved(inputs.mapping, row, here, found, borne, freed, half=half)
        if why is None:
            found.taken.add(here[0]["sample_id"])
            yield _to_sample(row, here[0]["sample_id"])
        else:
            yield moved(inputs.mapping, row, why)


def _to_labels(inputs: Inputs, apart: pl.DataFrame, _: frozenset[str], __: Findings) -> Iterator[Change | Conflict]:
    """Ties rows to the images of their labels' samples. What the database has refused is not asked for again."""
    mapping, refused = inputs.mapping, _refused(inputs)
    for row in apart.iter_rows(named=True):
        names = (row[B + "image"], row[F + mapping.image], row[D + mapping.image])
        if not mapping.can_write_media:
            yield moved(mapping, row, NOT_WRITABLE)
        elif refused.get(row["annotation_id"]) == names[1]:
            base, mine, theirs = names
            conflict = moved(mapping, row)
            yield replace(
                conflict,
                kind=ConflictKind.REFUSED_BY_DATABASE,
                field=MEDIA_FIELD,
                base=base,
                fiftyone=mine,
                database=theirs,
            )
        else:
            yield _to_image(mapping, row)


def moved(mapping: Mapping, row: dict[str, Any], why: str | None = None) -> Conflict:
    """The conflict about an annotation (a row of a joined frame) whose sides name different images.

    ``why`` says why it is one although the policy names a side.
    """
    base: Json = None
    if row["in_b"]:
        base = {"annotation_id": row["annotation_id"]} | {each: row[B + each] for each in ("label_id", "sample_id")}
    label = fiftyone_content(mapping, side_row(mapping, row, F))
    home = content_of(mapping, row, D)
    assert isinstance(label, dict) and isinstance(home, dict), "contents of whole annotations"
    # Where the row was tied to another image, nobody has touched the label; and the other way round.
    here = (row[F + "sample_id"], row[F + mapping.image])
    at_home = row["in_b"] and here == (row[B + "sample_id"], row[B + "image"])
    return Conflict(
        kind=ConflictKind.MOVED,
        annotation_id=row["annotation_id"],
        sample_id=row[F + "sample_id"],
        label_id=row[F + "label_id"],
        field=None,
        base=base,
        fiftyone=label | {"media": row[F + mapping.image]},
        database=home | {"media": row[D + mapping.image]},
        suggestions=(why,) if why else (),
        in_fiftyone=Edited() if at_home else edited(row, F),
        in_database=edited(row, D) if at_home or not row["in_b"] else Edited(),
    )


def _targets(inputs: Inputs, apart: pl.DataFrame) -> dict[str | None, list[dict[str, Any]]]:
    """The samples of the rows' images, by image."""
    found: dict[str | None, list[dict[str, Any]]] = {}
    wanted = apart.select(pl.col(D + inputs.mapping.image).alias("media")).unique()
    for row in inputs.samples.join(wanted, on="media", how="semi").sort("sample_id").iter_rows(named=True):
        found.setdefault(row["media"], []).append(row)
    return found


def _why_not_moved(
    mapping: Mapping,
    row: dict[str, Any],
    targets: list[dict[str, Any]],
    found: Findings,
    borne: frozenset[tuple[str, str]],
    freed: frozenset[str],
    *,
    half: bool,
) -> str | None:
    """Why a label cannot go to the sample of its row's image; ``targets`` are the samples of that image.

    ``borne`` are the ids that labels have, each with the label's sample; a label goes from each sample in ``freed``.
    """
    if mapping.image != "media":
        return CROP
    if len(targets) != 1:
        return SEVERAL if targets else NOT_THERE
    target = targets[0]["sample_id"]
    single = mapping.label_type.list_name is None
    if single and not half and ((targets[0]["occupied"] and target not in freed) or target in found.taken):
        return OCCUPIED
    if not half and (row["annotation_id"], target) in borne:
        return BORNE
    return None


def _to_sample(row: dict[str, Any], sample_id: str) -> Change:
    return Change(
        annotation_id=row["annotation_id"],
        label_id=row[F + "label_id"],
        sample_id=row[F + "sample_id"],
        direction=Direction.TO_FIFTYONE,
        action=Action.UPDATE,
        field=SAMPLE_FIELD,
        old=row[F + "sample_id"],
        new=sample_id,
        reason=Reason.MOVED,
        actor=row[D + "actor"],
        edited_at=row[D + "edited_at"],
        media=row[D + "media"],
    )


def _to_image(mapping: Mapping, row: dict[str, Any]) -> Change:
    return Change(
        annotation_id=row["annotation_id"],
        label_id=row[F + "label_id"],
        sample_id=row[F + "sample_id"],
        direction=Direction.TO_DATABASE,
        action=Action.UPDATE,
        field=MEDIA_FIELD,
        old=row[D + mapping.image],
        new=row[F + mapping.image],
        reason=Reason.MOVED,
        actor=row[F + "actor"],
        edited_at=row[F + "edited_at"],
    )


def _refused(inputs: Inputs) -> dict[str, Json]:
    """The images to which the database refused to tie rows, by annotation id."""
    about = (pl.col("kind") == ConflictKind.REFUSED_BY_DATABASE) & (pl.col("field") == MEDIA_FIELD)
    rows = inputs.history.open_conflicts.filter(about).select("annotation_id", "fiftyone").iter_rows()
    return {name: json.loads(text) for name, text in rows}


def _as_known(mapping: Mapping, rows: pl.DataFrame) -> pl.DataFrame:
    """What the baseline knows of these rows; of a first meeting, its place and nothing else."""
    first = ~pl.col("in_b")
    columns: list[pl.Expr] = [pl.col("annotation_id")]
    for name, there in (("label_id", "label_id"), ("sample_id", "sample_id"), ("image", mapping.image)):
        columns.append(pl.when(first).then(pl.col(F + there)).otherwise(pl.col(B + name)).alias(name))
    for name in mapping.names:
        columns.append(pl.col(B + column(name)).alias(column(name)))
        columns.append(pl.col(B + known_column(name)).fill_null(value=False).alias(known_column(name)))
    return rows.select(columns).select(list(baseline_schema(mapping)))

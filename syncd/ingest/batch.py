"""One batch of an ingest: reads and judges its rows, fetches their media, adds their samples, records their baseline.

The added samples then go through the diff like any first meeting: the baseline records what both sides really hold, and
what an earlier, interrupted call has added is found in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as made_by
from typing import Any

import polars as pl

from syncd.adapters.fiftyone.samples import insert_samples, sample_documents, stand_as_given
from syncd.diff import Inputs, diff
from syncd.engine.apply import apply
from syncd.ingest.context import Work
from syncd.ingest.crops import Knife, cut, folder_of_crops
from syncd.ingest.dataset_setup import FRAME, FRAME_BOX, S3_ETAG, S3_URI
from syncd.ingest.judge import faults, judge_rows, judge_sizes, refuse_unknown, unknown_labels, without
from syncd.ingest.source import FRAME as FRAME_COLUMN
from syncd.model import Action, Direction, Plan, Scope, Side, Snapshot
from syncd.model.canonical import respelt
from syncd.model.result import Status
from syncd.model.snapshot import SAMPLES_SCHEMA, baseline_schema, empty_samples, known_column, schema
from syncd.store import baseline

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Prepared:
    """A batch that is ready to be written: its good rows, the samples there are of them, and those to be added.

    ``media`` is the number of the latter; in a dry run there are no ``documents`` of them.
    """

    rows: pl.DataFrame
    samples: pl.DataFrame
    media: int
    documents: tuple[dict[str, Any], ...]
    faults: pl.DataFrame
    unknown: pl.DataFrame
    notes: pl.DataFrame


@dataclass(frozen=True)
class Written:
    """What became of a batch. ``left`` are kinds of conflict that the next reconcile will name."""

    samples: int = 0
    labels: int = 0
    added_to_samples: int = 0
    left: dict[str, int] = made_by(default_factory=dict)


def prepare_batch(work: Work, ids: list[str], located: pl.DataFrame, progress: Progress, *, dry_run: bool) -> Prepared:
    """Reads and judges rows, and fetches the media that have no sample yet; writes nothing to either side.

    ``located`` are their media with where each is (:meth:`syncd.ingest.media.store.MediaStore.locate`).
    """
    rows = every = work.source.rows(ids)
    bad = [judge_rows(work.session.mapping, rows, single=work.single, crops=work.crops)]
    unknown = unknown_labels(rows, work.vocabulary)
    if work.binding.ingest.unknown_labels == "refuse":
        bad.append(refuse_unknown(rows, work.vocabulary, unknown["label"].to_list()))
    rows = without(rows, pl.concat(bad))
    there = work.fiftyone.find_samples(rows["media"].unique().to_list()) if rows.height else empty_samples()
    fresh = rows.join(there, on="media", how="anti")
    place = FRAME_COLUMN if work.crops else "media"
    wanted = located.filter(pl.col("key").is_in(fresh[place].unique().to_list()))
    if dry_run:
        return Prepared(
            rows, there, fresh["media"].n_unique(), (), _of_frames(pl.concat(bad), every), unknown, _no_notes()
        )
    fetched = work.media.fetch(wanted.select("key", "location"), progress)
    unusable = fetched.filter(pl.col("fault").is_not_null())
    lost = fresh.join(unusable, left_on=place, right_on="key")
    bad.append(faults(lost, "unusable media", pl.col("fault")))
    media = fetched.filter(pl.col("fault").is_null())
    bad.append(judge_sizes(fresh, media, place))
    notes = media.filter(pl.col("note").is_not_null()).select("key", "note")
    if work.crops:
        knife = Knife(folder_of_crops(work.config, work.binding.dataset), work.binding.ingest.crop_margin)
        media, uncut = cut(knife, without(fresh, pl.concat(bad)), media)
        bad.append(uncut)
    found = pl.concat(bad)
    rows = without(rows, found)
    media = media.join(rows.select(pl.col("media").alias("key")).unique(), on="key", how="semi")
    media = media.rename({"uri": S3_URI, "etag": S3_ETAG})
    fields = [name for name in (S3_URI, S3_ETAG, FRAME, FRAME_BOX) if name in work.layout.sample_fields]
    documents = sample_documents(work.fiftyone, media, rows, work.predictions, fields)
    return Prepared(rows, there, media.height, tuple(documents), _of_frames(found, every), unknown, notes)


def _of_frames(found: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """The faults, each with the medium that its row names: of a crop, that is the frame and not the crop."""
    if FRAME_COLUMN not in rows.columns:
        return found
    named = rows.select("annotation_id", pl.col(FRAME_COLUMN).alias("media"))
    return found.drop("media").join(named, on="annotation_id", how="left").select(found.columns)


def write_batch(work: Work, prepared: Prepared, run_id: str) -> Written:
    """Adds the samples, then records as baseline what both sides are seen to hold; commits."""
    session, rows = work.session, prepared.rows
    if rows.is_empty():
        return Written()
    added = insert_samples(work.fiftyone, prepared.documents)
    agreed = _agreed(work, rows, _as_named(stand_as_given(work.fiftyone, prepared.documents), rows))
    baseline.save(session.state, session.tables, session.mapping, agreed)
    rows = rows.join(agreed.select("annotation_id"), on="annotation_id", how="anti")
    if rows.is_empty():
        session.state.commit()
        return Written(added, agreed.height)
    places = _as_named(_places(prepared.documents, work), prepared.rows)
    plan = _first_meeting(work, rows, pl.concat([prepared.samples, places]))
    inserts = tuple(
        each for each in plan.changes if each.action is Action.INSERT and each.direction is Direction.TO_FIFTYONE
    )
    met = plan.baseline.height
    # What tags ask for is left to a reconcile, which has the vocabulary.
    narrowed = replace(
        plan,
        changes=inserts,
        conflicts=(),
        dropped=(),
        waiting=(),
        answered=frozenset(),
        scope=Scope(everything=False),
    )
    appended = 0
    if inserts:
        recorded = apply(session, narrowed, run_id).recorded
        appended = sum(each.status == Status.APPLIED for each in recorded)
    else:
        baseline.save(session.state, session.tables, session.mapping, plan.baseline)
    session.state.commit()
    return Written(added, agreed.height + met, appended, _kinds(plan))


def _agreed(work: Work, rows: pl.DataFrame, placed: pl.DataFrame) -> pl.DataFrame:
    """The baseline of rows whose new labels were read back just as they were written."""
    mapping = work.session.mapping
    numbered = rows.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).over("media").alias("position"))
    known = [pl.lit(value=True).alias(known_column(name)) for name in mapping.names]
    found = numbered.join(placed, on=["media", "position"], how="inner")
    found = found.with_columns(pl.col(mapping.image).alias("image"), *known)
    return found.select(list(baseline_schema(mapping)))


def _places(documents: Sequence[dict[str, Any]], work: Work) -> pl.DataFrame:
    """The new samples as :meth:`LabelStore.find_samples` would find them."""
    path = work.fiftyone.labels.media_path
    rows = [
        (str(each["_id"]), each[path], work.single and each[work.fiftyone.labels.label_field] is not None, None)
        for each in documents
    ]
    return pl.DataFrame(rows, schema=SAMPLES_SCHEMA, orient="row")


def _as_named(placed: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """What stands on samples, by the media as rows name them: a file may be spelt in another Unicode normal form."""
    return placed.with_columns(pl.col("media").replace(respelt(placed["media"], rows["media"])))


def _first_meeting(work: Work, rows: pl.DataFrame, samples: pl.DataFrame) -> Plan:
    """What the diff makes of these rows and of the labels under their ids, or under none, on their samples."""
    session = work.session
    labels = session.fiftyone.read_samples(samples["sample_id"].to_list())
    ours = pl.col("annotation_id").is_in(rows["annotation_id"].to_list())
    found = replace(labels, rows=labels.rows.filter(ours.fill_null(value=True)))
    known = rows.select(list(schema(Side.DATABASE, session.mapping)))
    return diff(
        Inputs(
            mapping=session.mapping,
            policy=session.policy,
            fiftyone=found,
            database=Snapshot(Side.DATABASE, known, complete=False, as_of=labels.as_of),
            baseline=pl.DataFrame(schema=baseline_schema(session.mapping)),
            baseline_size=0,
            samples=samples,
            force=True,
        )
    )


def _kinds(plan: Plan) -> dict[str, int]:
    counted: dict[str, int] = {}
    for each in plan.conflicts:
        counted[each.kind] = counted.get(each.kind, 0) + 1
    return counted


def _no_notes() -> pl.DataFrame:
    return pl.DataFrame(schema={"key": pl.String(), "note": pl.String()})

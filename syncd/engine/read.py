"""Reads both sides and the baseline for one run. Reading judges nothing: what is settled, the rules say.

A complete read takes everything. An incremental read starts from what is stamped since the cursors and closes over it:
an annotation is judged only together with its label, its row and its baseline, wherever these now are.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

import polars as pl

from syncd.diff.brakes import enough_known
from syncd.diff.gone_samples import missing_at_home, without_lost_homes
from syncd.diff.images import rows_elsewhere
from syncd.diff.inputs import STAMPS_SCHEMA
from syncd.diff.reverts import edited_stamps, with_stamps
from syncd.diff.settled import Named, Rules, asked_for, without_unedited
from syncd.engine.document_cache import DocumentCache
from syncd.engine.hidden import look_behind
from syncd.engine.partitions import IN_MEMORY
from syncd.engine.session import Session
from syncd.engine.sweep import Met, sweep
from syncd.model import Snapshot
from syncd.model.snapshot import baseline_schema, distinct, empty_samples
from syncd.store import baseline, conflicts, history
from syncd.store.capture_read import Captured

Progress = Callable[[str], None]


WORTH_KEEPING = 5_000
"""Fewer annotations are not cached: their documents are decoded in an instant."""


@dataclass(frozen=True)
class Reading:
    """Both snapshots, the baseline that belongs to them, and the samples of rows that FiftyOne does not have.

    ``baseline_size`` is the size of the whole baseline, or a number so large that a larger one would decide nothing
    else. ``met`` is the next baseline of first meetings that the snapshots leave out because nothing else is to be said
    of them; ``not_ingested`` counts rows that they leave out because their samples are not in the dataset. ``homes``
    and ``alongside`` are those of :class:`syncd.diff.Inputs`.
    """

    fiftyone: Snapshot
    database: Snapshot
    baseline: pl.DataFrame
    baseline_size: int
    samples: pl.DataFrame
    met: Met | None = None
    not_ingested: int = 0
    homes: pl.DataFrame | None = None
    alongside: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=STAMPS_SCHEMA))

    @property
    def complete(self) -> bool:
        """Whether both sides were read completely."""
        return self.fiftyone.complete and self.database.complete

    @property
    def any_rows(self) -> bool:
        """Whether there is anything to judge: a label without an id is no annotation, but may have a conflict."""
        return bool(self.annotation_ids) or self.fiftyone.rows.height > 0

    @property
    def annotation_ids(self) -> set[str]:
        """Every annotation that was read."""
        return _ids(self.fiftyone.rows, self.database.rows, self.baseline)


def read_everything(
    session: Session,
    rules_at: Callable[[datetime], Rules],
    rows: int | None,
    cache: DocumentCache | None,
    progress: Progress,
    until_done: ExitStack,
) -> Reading:
    """Reads both sides completely, at the same time, and keeps what is unsettled: the diff need see nothing else.

    ``rules_at`` gives the rules of what is settled at the moment at which FiftyOne was read; ``rows`` is the size of
    the table, as far as known; ``cache`` is the document cache. What does not fit into memory lives as long as
    ``until_done``.
    """
    size = max(baseline.size(session.state, session.tables, session.mapping.binding), rows or 0)
    session.rest()
    progress("reading FiftyOne and the database")
    swept = sweep(session, rules_at, size, cache if size >= WORTH_KEEPING else None, until_done)
    told = rules_at(swept.fiftyone.as_of).history.open_conflicts
    places = distinct("sample_id", missing_at_home(swept.baseline, swept.fiftyone.rows, told))
    homes = session.fiftyone.look_up_samples(places) if places else empty_samples()
    known = without_lost_homes(swept.baseline, swept.fiftyone.rows, swept.database.rows, homes, told)
    samples = _samples(session, swept.fiftyone.rows, swept.database.rows, known)
    return Reading(
        swept.fiftyone,
        swept.database,
        swept.baseline,
        swept.baseline_size,
        samples,
        swept.met,
        swept.not_ingested,
        homes,
        swept.alongside,
    )


def read_since(
    session: Session,
    labels_since: datetime,
    rows_since: datetime | Captured,
    left_alone: frozenset[str],
    progress: Progress,
) -> Reading:
    """Reads what was stamped since then on either side, or was captured, with everything that belongs to it.

    The annotations that the last run has ``left_alone`` are read too: the database has told of their changes before.
    """
    progress("looking for changes")
    if isinstance(rows_since, Captured):
        named = left_alone | rows_since.changed_ids | rows_since.deleted_ids
        read_rows = partial(session.database.read_committed, rows_since.changed_ids)
    else:
        named, read_rows = left_alone, partial(session.database.read_since, rows_since)
    also: list[tuple[Snapshot, _Known]] = []

    def meanwhile(touched: frozenset[str]) -> None:
        database = read_rows()
        also.append((database, _known(session, sample_ids=touched)))
        session.rest()

    fiftyone = session.fiftyone.read_since(labels_since, meanwhile)
    [(database, of_touched)] = also
    # What the database says was deleted is nominated by that, and asked for by its id like everything that is missing.
    named |= frozenset(database.deleted)
    if not (fiftyone.size or database.size or fiftyone.touched or named):
        # Nothing can come of it, so the baseline is not counted: that takes longer the more there is.
        nothing = pl.DataFrame(schema=baseline_schema(session.mapping))
        return Reading(fiftyone, database, nothing, 0, empty_samples())
    labels, known = _labels_and_baseline(session, fiftyone, database, of_touched, named)
    scanned, stamped = labels.height, labels
    about = _ids(database.rows) | named
    about |= history.remembered_ids(session.state, session.tables, session.mapping.binding, _ids(labels))
    review = session.policy.review
    labels, known = without_unedited(session.mapping, review, session.vocabulary, labels, known, about)
    missing = _ids(labels, known) - _ids(database.rows)
    rows = pl.concat([database.rows, session.database.read_committed(missing).rows]) if missing else database.rows
    rows, hidden = look_behind(session, rows, missing - _ids(rows))
    enough = enough_known(session.policy.brakes, _looked_at(labels, rows, known), _gone(labels, rows, known))
    size = baseline.size(session.state, session.tables, session.mapping.binding, at_most=enough)
    session.rest()
    samples = _samples(session, labels, rows, known)
    return Reading(
        replace(fiftyone, rows=labels, complete=False, scanned=scanned),
        replace(database, rows=rows, complete=False, hidden=hidden),
        known,
        size,
        samples,
        alongside=with_stamps(stamped, edited_stamps(session.mapping, labels, known)),
    )


def read_one(session: Session, annotation_id: str) -> Reading:
    """Everything that a complete reading would hold of one annotation, and of the labels of its samples.

    It says of itself that it is complete, so that the diff judges what is missing too: a plan of it tells what would
    become of this annotation, and is never applied.
    """
    state, tables, mapping = session.state, session.tables, session.mapping
    known = baseline.read_some(state, tables, mapping, annotation_ids={annotation_id})
    database = session.database.read_ids([annotation_id])
    session.rest()
    samples = distinct("sample_id", known, session.fiftyone.read_ids([annotation_id]).rows)
    media = database.rows["media"].drop_nulls().unique().to_list()
    samples |= distinct("sample_id", session.fiftyone.find_samples(media)) if media else set()
    fiftyone = replace(session.fiftyone.read_samples(samples), touched=frozenset(samples))
    of_samples = _known(session, sample_ids=frozenset(samples))
    labels, known = _labels_and_baseline(session, fiftyone, database, of_samples, frozenset({annotation_id}))
    missing = _ids(labels, known) - _ids(database.rows)
    rows = pl.concat([database.rows, session.database.read_committed(missing).rows]) if missing else database.rows
    rows, hidden = look_behind(session, rows, missing - _ids(rows))
    told = conflicts.open_now(state, tables, mapping.binding).known
    size = baseline.size(state, tables, mapping.binding)
    session.rest()
    places = distinct("sample_id", missing_at_home(known, labels, told))
    homes = session.fiftyone.look_up_samples(places) if places else empty_samples()
    at_home = without_lost_homes(known, labels, rows, homes, told)
    return Reading(
        replace(fiftyone, rows=labels, complete=True),
        replace(database, rows=rows, complete=True, hidden=hidden),
        known,
        size,
        _samples(session, labels, rows, at_home),
        homes=homes,
    )


@dataclass(frozen=True)
class _Known:
    """What the baseline says of some annotations, and the samples of which it says all that it knows."""

    rows: pl.DataFrame
    sample_ids: frozenset[str]


def _known(session: Session, sample_ids: frozenset[str]) -> _Known:
    rows = baseline.read_some(
        session.state, session.tables, session.mapping, sample_ids=sample_ids, arrow=session.arrow
    )
    return _Known(rows, sample_ids)


def _labels_and_baseline(
    session: Session, fiftyone: Snapshot, database: Snapshot, of_touched: _Known, named: frozenset[str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Adds the labels and baseline rows that belong to what was read, until nothing more belongs to it.

    ``named`` are annotations to be judged whether or not they still have a row. Of a sample that is not stamped, only
    labels that are asked for belong to it: nobody has touched the others.
    """
    stamped = set(fiftyone.touched) | distinct("sample_id", fiftyone.rows)
    unstamped, known = fiftyone.rows.clear(), of_touched.rows
    # Python strings of a column are expensive to make, and these columns do not change.
    read_ids, read_labels = _ids(fiftyone.rows, database.rows), distinct("label_id", fiftyone.rows)
    known_ids, known_labels = _ids(known), distinct("label_id", known)
    read = set(stamped)
    asked = {"annotation_ids": known_ids, "sample_ids": set(of_touched.sample_ids), "label_ids": known_labels}
    looked_for: set[str] = set()
    while True:
        ids = read_ids | known_ids | named | looked_for
        wanted_there = Named(annotation_ids=frozenset(ids), label_ids=frozenset(known_labels))
        belong = asked_for(session.policy.review, session.vocabulary, unstamped, wanted_there)
        there = read_ids | _ids(belong)
        wanted = {
            "annotation_ids": there | named,
            "sample_ids": stamped,
            "label_ids": read_labels | distinct("label_id", belong),
        }
        new = {name: values - asked[name] for name, values in wanted.items()}
        if not any(new.values()):
            return pl.concat([fiftyone.rows, belong]), known
        more = baseline.read_some(session.state, session.tables, session.mapping, arrow=session.arrow, **new)
        known = pl.concat([known, more.join(known, on="annotation_id", how="anti")])
        known_ids, known_labels = known_ids | _ids(more), distinct("label_id", known)
        asked = {name: asked[name] | values for name, values in new.items()}
        homes = distinct("sample_id", known) - read
        # An id that the baseline does not know may stand on any label, and on several.
        unknown = there - known_ids - looked_for
        session.rest()
        found = []
        if homes:
            found.append(session.fiftyone.read_samples(homes).rows)
        if unknown:
            found.append(session.fiftyone.read_ids(unknown).rows)
        looked_for |= unknown
        for each in found:
            # A sample that is read twice is kept as it was read first.
            new_there = each.filter(~pl.col("sample_id").is_in(list(read)))
            unstamped = pl.concat([unstamped, new_there])
            read |= distinct("sample_id", new_there)
        read |= homes


def _looked_at(*frames: pl.DataFrame) -> int:
    """The number of annotations in these frames; each label without an id counts as one."""
    ids = pl.concat([frame["annotation_id"] for frame in frames])
    return ids.n_unique() + ids.null_count()


def _gone(labels: pl.DataFrame, rows: pl.DataFrame, known: pl.DataFrame) -> int:
    """The number of known annotations that a side lacks."""
    there = known.select("annotation_id").join(labels, on="annotation_id", how="semi")
    return known.height - there.join(rows, on="annotation_id", how="semi").height


def _ids(*frames: pl.DataFrame) -> set[str]:
    return distinct("annotation_id", *frames)


def _samples(session: Session, labels: pl.DataFrame, rows: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """The samples on which rows that only the database has could become labels, and to which labels could be moved.

    They include the samples of known rows whose samples have gone. A label of another image that has a row's id need
    not be that row's.
    """
    new = rows.join(known.drop_nulls("sample_id").select("annotation_id"), on="annotation_id", how="anti")
    new = new.join(labels.select("annotation_id", "media").drop_nulls(), on=["annotation_id", "media"], how="anti")
    media = new["media"].drop_nulls().unique().to_list()
    if session.policy.on_moved == "database":
        media += rows_elsewhere(session.mapping, labels, rows)
    return session.fiftyone.find_samples(media) if media else empty_samples()


A_SAMPLE = 5
"""Labels on a sample, where nobody has counted the rows."""


def too_much(
    session: Session, labels_since: datetime, rows_since: datetime | Captured, samples: int | None, rows: int | None
) -> str | None:
    """Why everything is to be read instead; ``None`` where an incremental reading will do.

    More may be stamped since the last run than should be held in memory: for some minutes after everything was loaded,
    or touched by a script. A complete read then takes less memory, because it partitions both sides.
    ``samples`` and ``rows`` are the sizes of the sides, as far as known. Nothing is asked where they are small.
    """
    labels_each = max(1, (A_SAMPLE if rows is None else rows / max(1, samples or 0)))
    if max(rows or 0, (samples or 0) * labels_each) <= IN_MEMORY:
        return None
    most_samples = int(IN_MEMORY / labels_each)
    if session.fiftyone.count_since(labels_since, most_samples + 1) > most_samples:
        return f"samples of more than {IN_MEMORY:,} labels are stamped since the last run"
    changed = (
        len(rows_since.changed_ids)
        if isinstance(rows_since, Captured)
        else session.database.count_since(rows_since, IN_MEMORY + 1)
    )
    return f"more than {IN_MEMORY:,} rows changed since the last run" if changed > IN_MEMORY else None

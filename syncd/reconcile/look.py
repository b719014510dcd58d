"""Reads the current values of some annotations: one read of each side, whatever their number."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import polars as pl

from syncd.diff.images import rows_elsewhere
from syncd.model.present import Present
from syncd.model.snapshot import distinct
from syncd.reconcile.hidden import look_behind
from syncd.session import Session
from syncd.store import baseline


def look(session: Session, annotation_ids: Iterable[str | None], sample_ids: Iterable[str | None]) -> Present:
    """Labels, rows and baseline of these annotations, with all labels of these samples and of the known places."""
    ids = {each for each in annotation_ids if each is not None}
    known = baseline.read_some(session.state, session.tables, session.mapping, annotation_ids=ids)
    places = {each for each in sample_ids if each is not None} | set(known["sample_id"].drop_nulls())
    rows = session.database.read_ids(ids).rows
    rows, hidden = look_behind(session, rows, ids - distinct("annotation_id", rows))
    strange = ids - distinct("annotation_id", rows, known) - hidden
    not_given_yet = session.database.not_given_yet(strange) if strange else frozenset()
    session.rest()
    labels = _labels(session, ids, places)
    samples = session.fiftyone.look_up_samples(places | set(labels["sample_id"]))
    elsewhere = rows_elsewhere(session.mapping, labels, rows)
    if elsewhere:
        samples = pl.concat([samples, session.fiftyone.find_samples(elsewhere)]).unique("sample_id", keep="first")
    return Present(labels, rows, known, samples, hidden, not_given_yet)


def _labels(session: Session, ids: Collection[str], places: Collection[str]) -> pl.DataFrame:
    """All labels of the samples concerned. A sample that both reads have is taken from the first."""
    here = session.fiftyone.read_samples(places).rows
    elsewhere = session.fiftyone.read_ids(ids).rows
    new = elsewhere.join(here.select("sample_id").unique(), on="sample_id", how="anti")
    return pl.concat([here, new])

"""Reads the current values of some annotations: one read of each side, whatever their number."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import polars as pl

from syncd.diff.images import rows_elsewhere
from syncd.diff.tag_intents import verified_field
from syncd.diff.tags import Place, asking, said, voices
from syncd.engine.hidden import look_behind
from syncd.engine.session import Session
from syncd.model import LABEL, Value
from syncd.model.current import Present
from syncd.model.snapshot import distinct
from syncd.model.vocabulary import Vocabulary
from syncd.store import answered, baseline


def look(
    session: Session,
    annotation_ids: Iterable[str | None],
    sample_ids: Iterable[str | None],
    *,
    known_labels: pl.DataFrame | None = None,
) -> Present:
    """Labels, rows and baseline of these annotations, with all labels of these samples and of the known places.

    ``known_labels`` are all labels of some samples, just read: they are not read again.
    """
    ids = {each for each in annotation_ids if each is not None}
    known = baseline.read_some(session.state, session.tables, session.mapping, annotation_ids=ids)
    places = {each for each in sample_ids if each is not None} | set(known["sample_id"].drop_nulls())
    rows = session.database.read_ids(ids).rows
    rows, hidden = look_behind(session, rows, ids - distinct("annotation_id", rows))
    strange = ids - distinct("annotation_id", rows, known) - hidden
    not_given_yet = session.database.not_given_yet(strange) if strange else frozenset()
    session.rest()
    labels = _labels(session, ids, places, known_labels)
    samples = session.fiftyone.look_up_samples(places | set(labels["sample_id"]))
    elsewhere = rows_elsewhere(session.mapping, labels, rows)
    if elsewhere:
        samples = pl.concat([samples, session.fiftyone.find_samples(elsewhere)]).unique("sample_id", keep="first")
    return Present(labels, rows, known, samples, hidden, not_given_yet)


def _labels(
    session: Session, ids: Collection[str], places: Collection[str], known: pl.DataFrame | None
) -> pl.DataFrame:
    """All labels of the samples concerned. A sample that several reads have is taken from the first."""
    if known is None:
        here = session.fiftyone.read_samples(places).rows
    else:
        rest = set(places) - distinct("sample_id", known)
        here = pl.concat([known, session.fiftyone.read_samples(rest).rows])
    elsewhere = session.fiftyone.read_ids(ids).rows
    new = elsewhere.join(here.select("sample_id").unique(), on="sample_id", how="anti")
    return pl.concat([here, new])


@dataclass(frozen=True)
class Spoken:
    """What the tags say that have not been answered yet.

    ``tags`` are all that mean something (:func:`syncd.diff.tags.said`); ``asked`` those of each label that ask for
    something; ``meant`` the values that they ask for, by field.
    """

    tags: pl.DataFrame
    asked: dict[Place, tuple[str, ...]]
    meant: dict[Place, dict[str, Value]]


def spoken(session: Session, present: Present, vocabulary: Vocabulary | None) -> Spoken:
    """What the tags of all labels present say."""
    review, labels = session.policy.review, present.labels
    ids = labels["annotation_id"].drop_nulls().unique().to_list()
    known = answered.load(session.state, session.tables, session.mapping.binding, ids)
    session.rest()
    verified = verified_field(session.mapping, review)
    name = None if verified is None else verified.name
    tags = said(labels, review, vocabulary, known)
    asked = {(row[0], row[1]): tuple(row[2]) for row in asking(tags, labels, name).iter_rows()}
    meant: dict[Place, dict[str, Value]] = {}
    for row in voices(tags).iter_rows(named=True):
        place = (row["sample_id"], row["label_id"])
        if place not in asked:
            continue
        wishes: dict[str, Value] = {}
        if len(row["terms"]) == 1 and not row["shared_terms"]:
            wishes[LABEL] = row["terms"][0]
        if row["confirmed"] and name is not None:
            wishes[name] = True
        meant[place] = wishes
    return Spoken(tags, asked, meant)

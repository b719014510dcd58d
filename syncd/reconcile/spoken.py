"""What the tags say of labels that a person's command has looked up."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from syncd.diff.tags import Place, asking, said, voices
from syncd.diff.wishes import verified_field
from syncd.model import LABEL, Value
from syncd.model.present import Present
from syncd.model.vocabulary import Vocabulary
from syncd.session import Session
from syncd.store import answered


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

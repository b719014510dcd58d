"""The terms of docs/glossary.md as types. This package imports nothing else of syncd."""

from syncd.model.fields import (
    BOX,
    FLAG,
    ID_FIELD,
    LABEL,
    MEDIA_FIELD,
    SAMPLE_FIELD,
    Direction,
    Field,
    Holds,
    LabelType,
    Mapping,
    Side,
)
from syncd.model.kinds import Json, Kind, Value, dtype, dumps, to_json
from syncd.model.plan import Action, Change, Conflict, Content, Counts, Plan, Scope, TagEdit, Waiting
from syncd.model.policy import Brakes, Marks, Policy, Review
from syncd.model.snapshot import Mark, Origin, Snapshot
from syncd.model.vocabulary import Vocabulary

__all__ = [
    "BOX",
    "FLAG",
    "ID_FIELD",
    "LABEL",
    "MEDIA_FIELD",
    "SAMPLE_FIELD",
    "Action",
    "Brakes",
    "Change",
    "Conflict",
    "Content",
    "Counts",
    "Direction",
    "Field",
    "Holds",
    "Json",
    "Kind",
    "LabelType",
    "Mapping",
    "Marks",
    "Mark",
    "Origin",
    "Plan",
    "Policy",
    "Review",
    "Scope",
    "Side",
    "Snapshot",
    "TagEdit",
    "Value",
    "Vocabulary",
    "Waiting",
    "dtype",
    "dumps",
    "to_json",
]

"""The terms of docs/glossary.md as types. This package imports nothing else of syncd."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from syncd.model.kinds import Json, Kind, Value, dtype, dumps, to_json
from syncd.model.mapping import (
    APPROVAL,
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
from syncd.model.plan import Action, Change, Conflict, Content, Counts, Plan, Scope, TagEdit, Waiting
from syncd.model.policy import Brakes, Marks, Policy, Review
from syncd.model.vocabulary import Vocabulary

if TYPE_CHECKING:
    from syncd.model.snapshot import Mark, Origin, Snapshot

__all__ = [
    "APPROVAL",
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


def __getattr__(name: str) -> Any:
    """Snapshots are made of Polars frames; who uses none does not wait for Polars."""
    if name in ("Mark", "Origin", "Snapshot"):
        return getattr(import_module("syncd.model.snapshot"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

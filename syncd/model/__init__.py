"""The words of DESIGN §2 as types."""

from syncd.model.fields import BOX, ID_FIELD, LABEL, Direction, Field, Holds, LabelType, Mapping, Side
from syncd.model.kinds import Json, Kind, Value, dtype, dumps, to_json
from syncd.model.plan import Action, Change, Conflict, Content, Counts, Plan, Scope
from syncd.model.policy import Brakes, Policy
from syncd.model.snapshot import Origin, Snapshot

__all__ = [
    "BOX",
    "ID_FIELD",
    "LABEL",
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
    "Origin",
    "Plan",
    "Policy",
    "Scope",
    "Side",
    "Snapshot",
    "Value",
    "dtype",
    "dumps",
    "to_json",
]

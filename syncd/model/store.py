"""What a store says of itself when a binding is opened: the facts of which the mapping is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from syncd.model.kinds import Kind
from syncd.model.mapping import Holds

Fault: TypeAlias = "tuple[str, str]"
"""What is wrong, and what to do about it."""

EXACT_DOUBLE = 1e-9
EXACT_SINGLE = 1e-6
"""Relative tolerances: numbers of double and single precision hold about 15 and 7 digits."""


@dataclass(frozen=True)
class FieldFacts:
    """What a store says of one mapped field.

    ``place`` names it in messages (``column 'depth' of public.annotation``), ``type_name`` its type in the store's own
    words. ``fixed`` says why it cannot be written; ``None`` where it can. ``tolerance`` is relative: what the store
    itself loses of a number.
    """

    kind: Kind
    holds: Holds
    place: str
    type_name: str
    fixed: str | None = None
    tolerance: float = EXACT_DOUBLE


@dataclass(frozen=True)
class StoreDescription:
    """What a binding must know of its store before anything is read.

    ``fields`` are the mapped fields, by name, in the order of the configuration; ``flag`` is what an error tag sets.
    ``media_key`` says where the store names the image of an annotation; together with FiftyOne's sample key it is what
    ties the two sides. ``source`` changes whenever something else is read than before (another column, another
    version): what was agreed is then judged anew. ``can_insert`` and ``can_write_media``: whether annotations can be
    made there, and tied to another image. ``no_new_ids`` says why a new annotation would get no id. ``faults`` are what
    is wrong with the store's part of the mapping; they are told together with those that the engine finds.
    """

    id: FieldFacts
    fields: Mapping[str, FieldFacts]
    media_key: str
    source: str
    flag: FieldFacts | None = None
    can_insert: bool = True
    can_write_media: bool = True
    no_new_ids: str | None = None
    faults: tuple[Fault, ...] = field(default=())

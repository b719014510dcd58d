"""Suspect labels as they were judged last: read from the fields that `syncd embed` and `syncd suspects` write."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from syncd.adapters.connect import fiftyone_database
from syncd.adapters.fiftyone.computed_fields import Of, highest
from syncd.adapters.fiftyone.dataset import describe
from syncd.config import Config
from syncd.embedding_results.library import library
from syncd.embedding_results.listing import Suspect
from syncd.embedding_results.update import Wanted, names_for
from syncd.embedding_results.workplace import bearers_of
from syncd.model import Json


@dataclass(frozen=True)
class StoredSuspects:
    """One page of suspect labels, the most suspect first, of ``total``; each row has its ``label_id``."""

    binding: str
    model: str
    field: str
    total: int
    rows: tuple[Suspect, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Suspect]:
        return iter(self.rows)

    def as_json(self) -> dict[str, Json]:
        """As a document has it."""
        return {**vars(self), "rows": [dict(vars(each)) for each in self.rows]}


def stored_suspects(config: Config, name: str, *, model: str, of: Of, limit: int, offset: int) -> StoredSuspects:
    """One page of them; empty where none was judged."""
    binding, names = config.binding(name), names_for(model, Wanted())
    with library():
        from syncd_embedding.suspicion import SUSPECT
    with fiftyone_database(config) as mongo:
        info = describe(mongo, binding.dataset, binding.label_field)
        bearers = bearers_of(binding, info, of)
        total, found = highest(
            mongo[info.collection],
            bearers,
            names.suspect,
            names.suspect_label,
            least=SUSPECT,
            limit=limit,
            offset=offset,
        )
    rows = tuple(
        Suspect(
            sample_id=each["sample_id"],
            label_id=each["label_id"],
            annotation_id=each["annotation_id"],
            label=each["label"],
            score=round(float(each["score"]), 3),
            suggestion=each["suggestion"],
        )
        for each in found
    )
    return StoredSuspects(name, model, bearers.path(names.suspect), total, rows)

"""FiftyOne's evaluations of a binding's predictions: which of them are stale."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from syncd.adapters.connect import fiftyone_database
from syncd.adapters.fiftyone.dataset import describe
from syncd.adapters.fiftyone.evaluations import leave_note, stored_evaluations
from syncd.config import Config
from syncd.engine.state import open_state
from syncd.model import Json
from syncd.model.kinds import iso
from syncd.store.changes import labels_changed

OURS = "syncd:"
"""How a note of syncd's begins; a person's own note is left alone."""


@dataclass(frozen=True)
class EvaluationState:
    """One evaluation in the dataset: of which predictions, when it was made, and how many labels changed since."""

    binding: str
    key: str
    predictions: str
    made_at: datetime
    changed: int

    @property
    def is_stale(self) -> bool:
        """Whether its figures are of other labels than those of now."""
        return self.changed > 0

    def as_json(self) -> dict[str, Json]:
        """As a document has it."""
        return {**vars(self), "made_at": iso(self.made_at), "stale": self.is_stale}


def evaluations(config: Config, name: str, *, mark: bool = False) -> tuple[EvaluationState, ...]:
    """The evaluations against the binding's labels, by key.

    ``mark``: the App's panel of evaluations gets a note beside each that is stale, unless a person wrote one there.
    """
    binding = config.binding(name)
    with fiftyone_database(config) as mongo:
        dataset = describe(mongo, binding.dataset, binding.label_field)
        found = stored_evaluations(mongo, dataset.dataset_id, binding.label_field)
        if not found:
            return ()
        with open_state(config) as state:
            counts = [labels_changed(state.connection, state.tables, name, each.made_at) for each in found]
        states = tuple(
            EvaluationState(name, each.key, each.predictions, each.made_at, count)
            for each, count in zip(found, counts, strict=True)
        )
        for stored, each in zip(found, states, strict=True):
            note = _note(each)
            if mark and each.is_stale and note != stored.note and (stored.note or OURS).startswith(OURS):
                leave_note(mongo, dataset.dataset_id, stored.id, note)
    return states


def _note(state: EvaluationState) -> str:
    labels = f"{state.changed:,} label{'s' * (state.changed != 1)}"
    return f"{OURS} stale. {labels} changed since this was made; make it again in the panel syncd dashboard."

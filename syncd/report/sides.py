"""What a report reads from the bindings' own servers: the order of the taxonomy, and a model's predictions.

The rest of a report needs syncd's own tables only. What cannot be read here is left out, and noted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from syncd.config import BindingConfig, Config
from syncd.engine.session import Session, open_session, require_table
from syncd.errors import SyncdError
from syncd.ingest.source import open_source, predicted
from syncd.model import LABEL
from syncd.model.snapshot import PREFIX
from syncd.report.labels import by_taxonomy
from syncd.report.models import PREDICTED


@dataclass(frozen=True)
class Predicted:
    """The labels that one prediction field holds, with the columns of :data:`syncd.report.models.PREDICTED`."""

    binding: str
    field: str
    rows: pl.DataFrame


@dataclass(frozen=True)
class Sides:
    """``taxonomy`` is the terms of all bindings in the order of their trees; ``datasets`` {binding: dataset}."""

    datasets: Mapping[str, str] = field(default_factory=dict)
    taxonomy: tuple[str, ...] = ()
    predicted: tuple[Predicted, ...] = ()
    notes: tuple[str, ...] = ()


def look(config: Config, bindings: Sequence[str]) -> Sides:
    """Asks the servers of each binding that has a vocabulary or predictions."""
    found: list[Predicted] = []
    taxonomy: list[str] = []
    notes: list[str] = []
    for name in bindings:
        binding = config.binding(name)
        if binding.vocabulary is None and not binding.predictions:
            continue
        try:
            with open_session(config, name) as session:
                if session.vocabulary is not None:
                    taxonomy += by_taxonomy(session.vocabulary.terms)
                found += _predicted(binding, session)
        except SyncdError as error:
            notes.append(f"{name}: its vocabulary and predictions are left out, because {error.message}")
    return Sides(
        datasets={name: config.binding(name).dataset for name in bindings},
        taxonomy=tuple(dict.fromkeys(taxonomy)),
        predicted=tuple(found),
        notes=tuple(notes),
    )


def _predicted(binding: BindingConfig, session: Session) -> list[Predicted]:
    if not binding.predictions:
        return []
    label = PREFIX + LABEL
    require_table(binding, "A report of predictions")
    columns = {each.field: predicted(each.field, "label") for each in binding.predictions}
    crops = binding.ingest.crops
    with open_source(session.writing, binding, session.mapping, crops=crops) as source:
        rows = source.every({label, *columns.values()})
    return [
        Predicted(
            binding.name,
            name,
            rows.select("annotation_id", label=label, predicted=column).cast(PREDICTED).drop_nulls("predicted"),  # type: ignore[arg-type]
        )
        for name, column in columns.items()
    ]

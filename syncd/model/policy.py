"""Policies and brakes: the judgement that a binding's configuration leaves to its owner."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Brakes:
    """Limits over a whole plan; fractions of the annotations known, judged from ``min_rows`` annotations upwards."""

    max_change_fraction: float = 0.2
    max_delete_fraction: float = 0.02
    max_into_one_label: float = 0.1
    min_rows: int = 50


@dataclass(frozen=True)
class Policy:
    """What to do where the table of DESIGN §4 offers a choice; the values are those of the configuration."""

    on_conflict: str = "quarantine"
    first_sync: str = "quarantine"
    on_new: str = "create"
    on_fiftyone_delete: str = "quarantine"
    on_database_delete: str = "remove"
    on_stale_revert: str = "reapply"
    brakes: Brakes = field(default_factory=Brakes)

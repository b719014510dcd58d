"""Policies and brakes: the decisions that the configuration of a binding leaves to its owner."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Brakes:
    """Limits over a whole plan, as fractions of the annotations known, judged from ``min_rows`` annotations upwards.

    None of them holds a plan for fewer than ``min_count`` annotations, and a fraction of 1 never holds.
    """

    max_change_fraction: float = 0.2
    max_delete_fraction: float = 0.02
    max_insert_fraction: float = 0.2
    max_conflict_fraction: float = 0.2
    max_into_one_label: float = 0.1
    min_rows: int = 50
    min_count: int = 10


@dataclass(frozen=True)
class Marks:
    """Tags that syncd itself sets on labels, by which a reviewer finds what needs a person; ``None``: no such tag."""

    conflict: str | None = None
    unknown_label: str | None = None
    held: str | None = None

    @property
    def names(self) -> frozenset[str]:
        """Every tag of syncd's own."""
        return frozenset(each for each in (self.conflict, self.unknown_label, self.held) if each is not None)


@dataclass(frozen=True)
class Review:
    """How reviewers speak by tags.

    ``mode`` ``tagged``: an edit made in FiftyOne waits for an approving tag. ``after`` (``remove``, ``keep``,
    ``replace``) is what becomes of a tag once it is answered; ``replacement`` the tag that then stands for it.
    ``verified`` is the field that approval sets; what follows ``actor_prefix`` in a tag names who edited the label.
    """

    mode: str = "immediate"
    approve: tuple[str, ...] = ()
    error: tuple[str, ...] = ()
    class_tags: bool = True
    after: str = "remove"
    replacement: str | None = None
    verified: str | None = None
    actor_prefix: str | None = None
    marks: Marks = field(default_factory=Marks)


@dataclass(frozen=True)
class Policy:
    """What to do where the diff has a choice (docs/design.md); the values are those of the configuration."""

    on_conflict: str = "quarantine"
    first_sync: str = "quarantine"
    on_new: str = "create"
    on_fiftyone_delete: str = "quarantine"
    on_database_delete: str = "remove"
    on_hidden: str = "quarantine"
    on_moved: str = "quarantine"
    on_stale_revert: str = "reapply"
    brakes: Brakes = field(default_factory=Brakes)
    review: Review = field(default_factory=Review)

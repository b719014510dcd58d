"""The versions of syncd's own tables, and which programs can work with which of them.

During an upgrade two versions of syncd are at work for a while: one host migrates the tables, and the daemon of the
other host, which stands by, is still of the version before. Whether that daemon can go on depends on what the
migrations between them did. Each migration therefore has an effect, which is declared here and not in its script, so
that a command can check the version without importing Alembic.

``syncd migrate`` records in the tables the oldest program that can work with them (:func:`oldest_program`), because an
older program cannot know what a migration that it does not have did.
"""

from __future__ import annotations

from enum import Enum


class Effect(str, Enum):
    """What a migration means for a program that was written for the tables on the other side of it."""

    TUNES = "tunes"
    """It changes only the speed: older programs work with the new tables, and newer programs with the old ones."""

    ADDS = "adds"
    """Older programs work with the new tables; newer programs need them."""

    CHANGES = "changes"
    """Older programs would misread the new tables, or write them wrongly; newer programs need them."""


REVISIONS: dict[str, Effect] = {
    "0001": Effect.CHANGES,
    "0002": Effect.CHANGES,
    "0003": Effect.CHANGES,
    "0004": Effect.CHANGES,
    "0005": Effect.CHANGES,
    "0006": Effect.CHANGES,
    "0007": Effect.CHANGES,
    "0008": Effect.TUNES,
    "0009": Effect.CHANGES,
    "0010": Effect.CHANGES,
    "0011": Effect.TUNES,
    "0012": Effect.ADDS,
    "0013": Effect.ADDS,
}
"""Every migration, in order, with its effect."""


def newest() -> str:
    """The version of the tables that this program was written for."""
    return list(REVISIONS)[-1]


def oldest_tables() -> str:
    """The oldest version of the tables that this program can work with."""
    return [revision for revision, effect in REVISIONS.items() if effect is not Effect.TUNES][-1]


def oldest_program() -> str:
    """The oldest program that can work with the newest tables, by the version that it was written for."""
    return [revision for revision, effect in REVISIONS.items() if effect is Effect.CHANGES][-1]

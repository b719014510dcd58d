"""What a run still owes after its outcomes are recorded, and the entries of the log that wait for it."""

from __future__ import annotations

from dataclasses import dataclass

from syncd.model import Action, Change, Direction
from syncd.model.reasons import Reason
from syncd.model.result import Result


@dataclass(frozen=True)
class Owed:
    """A change whose entry in the log is still pending, and its outcome.

    It is the insert for a drawn label, under the id that its row got: its label gets that id. Or it is the database's
    answer to an edit, which FiftyOne gets; or somebody's value that goes back to the store, with the ``result`` as soon
    as it is written.
    """

    seq: int
    change: Change
    status: str
    result: Result | None = None

    @property
    def is_put_back(self) -> bool:
        """Whether it puts back what a write had displaced."""
        return self.change.reason == Reason.OVERTAKEN


def is_drawn(change: Change) -> bool:
    """Whether a change inserts a row for a label that is there. A row that comes with its label has no label id."""
    inserted = change.action is Action.INSERT and change.direction is Direction.TO_DATABASE
    return inserted and change.label_id is not None


def is_nameless(change: Change) -> bool:
    """Whether that label has no id yet: it gets the id of its row."""
    return is_drawn(change) and change.annotation_id is None

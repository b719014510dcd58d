"""Which changes of a plan its brakes count."""

from __future__ import annotations

from collections.abc import Sequence

from syncd.diff.wishes import APPROVED
from syncd.model.fields import ID_FIELD, Field
from syncd.model.plan import RESTORED, Action, Change


def counted(changes: Sequence[Change], verified: Field | None) -> list[Change]:
    """The changes without those by which nobody's word is replaced, however many there are.

    An approval sets ``verified`` (the field, if there is one) and says that everything else is right. What FiftyOne has
    lost, ids and attributes, is given back where nothing stands by now.
    """
    approval = None if verified is None else verified.name
    return [
        each for each in changes if not (each.reason == APPROVED and each.field == approval) and not _gives_back(each)
    ]


def _gives_back(change: Change) -> bool:
    return change.action is Action.UPDATE and (change.field == ID_FIELD or change.reason == RESTORED)

"""Writes as compare-and-sets that the history of marks proves afterwards.

Nothing that Tator offers keeps two writers apart: of two who both meet their conditions, both are told that they
succeeded. But each write makes a row with the next mark, so that the row before ours shows upon what we wrote. What was
written there in between by somebody else is reported (:class:`~syncd.model.result.Displaced`), and what our row made
undone besides its own fields, being a copy of what the server had loaded, is put back at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from syncd.adapters.tator.annotations import Annotations
from syncd.adapters.tator.edits import Edit, holds, holds_all, predecessor
from syncd.adapters.tator.frames import Raw, stamps
from syncd.adapters.tator.mend import harm_of, mend
from syncd.adapters.tator.update import Updater
from syncd.adapters.tator.work import Hands, Work, id_of
from syncd.model import MEDIA_FIELD, Action, Change
from syncd.model.result import Judge, Result


class Writer:
    """Writes at one place."""

    def __init__(self, hands: Hands) -> None:
        self._hands, self._framer = hands, hands.framer
        self._updater, self._annotations = Updater(hands), Annotations(hands)

    def write(self, changes: Sequence[Change], judge: Judge | None = None) -> list[Result]:
        """Carries out the changes; one result per change, in order."""
        work = Work(changes, judge)
        for positions in _rounds(changes):
            self._hands.read_again(work, [id_of(changes[each]) for each in positions])
            updates = [each for each in positions if changes[each].action is Action.UPDATE]
            self._updater.update(work, [each for each in updates if changes[each].field != MEDIA_FIELD])
            self._annotations.move(work, [each for each in updates if changes[each].field == MEDIA_FIELD])
            self._annotations.delete(work, [each for each in positions if changes[each].action is Action.DELETE])
            self._annotations.insert(work, [each for each in positions if changes[each].action is Action.INSERT])
        return [self._hands.result(work, position) for position in range(len(changes))]

    def find(self, changes: Sequence[Change], since: datetime) -> list[Result | None]:
        """What the history says of writes that may have been made at ``since`` or later.

        What such a write undid is put back here: the process that made it did not live to do that.
        """
        work = Work(changes)
        histories = self._hands.rows.histories([id_of(each) for each in changes])
        for id_, history in histories.items():
            work.now[id_] = history[-1]
        found: list[bool] = []
        for position, change in enumerate(changes):
            history = histories.get(id_of(change), [])
            written = [each for each in history if _moment(each) >= since]
            found.append(self._look_for(work, position, history, written))
        return [self._hands.result(work, at) if known else None for at, known in enumerate(found)]

    def _look_for(self, work: Work, position: int, history: Sequence[Raw], written: Sequence[Raw]) -> bool:
        change, outcome = work.changes[position], work.outcome(position)
        for ours in written:
            before = predecessor(history, ours)
            if not self._made(change, before, ours):
                continue
            if change.action is Action.DELETE:
                self._annotations.judge_deleted(work, position, history, ours)
            elif change.field in (None, MEDIA_FIELD) or before is None:
                outcome.matched = True
                if before is not None and change.field == MEDIA_FIELD:
                    mend(self._hands, work, id_of(change), harm_of(before, ours, history[-1], moved=True))
            else:
                # Fields of one annotation were written together.
                others = [
                    str(each.field)
                    for each in work.changes
                    if id_of(each) == id_of(change) and each.field not in (None, MEDIA_FIELD)
                ]
                edit = Edit(before, {str(change.field): position}, {})
                self._updater.judge(work, edit, history, ours, also=others)
            return True
        return False

    def _made(self, change: Change, before: Raw | None, ours: Raw) -> bool:
        """Whether this row is what the change would have made."""
        there = before is not None and not before["variant_deleted"]
        if change.action is Action.DELETE:
            return there and bool(ours["variant_deleted"])
        if ours["modified_by"] != self._hands.place.me.id or ours["variant_deleted"]:
            return False
        if change.action is Action.INSERT:
            return not there and holds_all(self._framer, ours, change.new)
        if before is None or not there:
            return False
        if change.field == MEDIA_FIELD:
            return before["media"] != ours["media"] and self._hands.shown(ours) == change.new
        name = str(change.field)
        return holds(self._framer, ours, name, change.new) and not holds(self._framer, before, name, change.new)


def _moment(row: Raw) -> datetime:
    found: datetime = stamps([row["modified_datetime"]])[0]
    return found


def _rounds(changes: Sequence[Change]) -> list[list[int]]:
    """Positions of changes that can be carried out together: an annotation's field stands in each of them once."""
    rounds: list[list[int]] = []
    met: dict[tuple[str, str | None], int] = {}
    for position, change in enumerate(changes):
        name = change.field if change.action is Action.UPDATE else None
        key = (id_of(change) or f"no id {position}", name)
        number = met.get(key, 0)
        met[key] = number + 1
        while len(rounds) <= number:
            rounds.append([])
        rounds[number].append(position)
    return rounds

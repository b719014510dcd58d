"""The rules of :mod:`trust_model.machine`, and a side that is restored from a backup in between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import hypothesis.strategies as st
from hypothesis.stateful import rule

from syncd.engine.options import Options
from syncd.engine.recover import recover
from syncd.model import Side
from syncd.model.reasons import Reason
from trust_model import quiet
from trust_model.machine import BOTH_WAYS, PICK, WENT_BACK, TrustMachine
from trust_model.quiet import Books
from trust_model.sides import SeenLabel, same

_Subject = tuple[str | None, dict[str, Any]]
"""The annotation that a label or a row is, and what it holds."""


@dataclass(frozen=True)
class _Copy:
    """A copy of a side, when it was made, and the fields that were not agreed then."""

    held: Any
    order: int
    unsettled: set[tuple[str, str]]


class RestoringMachine(TrustMachine):
    """Rules for one binding whose sides may go back in time."""

    def __init__(self) -> None:
        self.copies: dict[Side, _Copy] = {}
        super().__init__()

    @rule(side=st.sampled_from(list(Side)))
    def back_up(self, side: Side) -> None:
        if (read := self._to_quiet()) is not None:
            self.copies[side] = _Copy(self.sides.back_up(side), self.history.next(), unsettled(read, side))

    @rule(
        side=st.sampled_from(list(Side)),
        forward=st.booleans(),
        full=st.booleans(),
        edits=st.lists(st.tuples(PICK, BOTH_WAYS, st.booleans()), min_size=2, max_size=5),
    )
    def restore_a_backup(self, side: Side, forward: bool, full: bool, edits: list[tuple[int, str, bool]]) -> None:
        """A side is restored from a backup, which its own people know; what was agreed since is brought back or not."""
        if side not in self.copies:
            self.back_up(side)
        for pick, name, rows in edits:
            self.edit_row(pick, name) if rows else self.edit_label(pick, name)
        before = self._to_quiet()
        if before is None or side not in self.copies:
            return
        copy = self.copies[side]
        self._forget_what_is_lost(side, copy, before)
        self.sides.put_back(side, copy.held)
        self.history.objects, self.left = {}, {each: [] for each in self.sides.away()}
        self._note_what_came_and_went(side, before)
        stands = self._stands()
        held = self._run(Options(full=full)).held
        if held is not None:
            assert self._stands() == stands, f"held ({held}), and written all the same"
        # Where a clock was put back no stamp tells what is of an earlier time.
        if held is None or WENT_BACK[side] not in held or not forward or side in self.history.set_back:
            self.history.tried["accepted" if held else "few"] += 1
            self._take_for_edits(side, before)
            return
        self.history.tried["recovered"] += 1
        with self._session() as session:
            recover(session, side, Options())
        if (read := self._to_quiet()) is not None:
            check_recovered(read, before, copy.unsettled, self.history.late)

    def _forget_what_is_lost(self, side: Side, copy: _Copy, before: Books) -> None:
        """What was set on a side since it was copied, and was not agreed, is lost with it."""
        owner_of = quiet.owners(before)
        for each in self.history.edits:
            agreed = before.baseline.get(owner_of(each) or "", {}).get(each.field)
            if each.side is side and each.order > copy.order and not same(agreed, each.value):
                self.history.forget(side, each.subject, each.field)

    def _take_for_edits(self, side: Side, before: Books) -> None:
        """What a side holds of an earlier time is an edit like any other, or a conflict."""
        was = _subjects(side, before.labels, before.rows)
        for subject, (annotation_id, values) in self._subjects(side).items():
            _, known = was.get(subject, (None, {}))
            for name, value in values.items():
                if value is None and known.get(name) is not None:
                    self.history.cleared.add((annotation_id, name))
                elif value is not None and not same(known.get(name), value):
                    self._touched_by_backup(side, subject)
                    self.history.edited(side, subject, annotation_id, name, value)

    def _note_what_came_and_went(self, side: Side, before: Books) -> None:
        was, now = _subjects(side, before.labels, before.rows), self._subjects(side)
        for label in before.labels:
            if side is Side.FIFTYONE and label.label_id not in now:
                self.history.touched(label)
                self.history.erased.add(label.annotation_id)
        for each in was.keys() - now.keys():
            self.history.removed(side, each)
        for each in now.keys() - was.keys():
            self._touched_by_backup(side, each)
            self.history.made[side, each] = self.history.next()

    def _touched_by_backup(self, side: Side, subject: str) -> None:
        for label in self.sides.labels():
            if side is Side.FIFTYONE and label.label_id == subject:
                self.history.touched(label)

    def _subjects(self, side: Side) -> dict[str, _Subject]:
        rows = {each.annotation_id: each.values for each in self.sides.rows()}
        return _subjects(side, self.sides.labels(), rows)


def _subjects(side: Side, labels: list[SeenLabel], rows: dict[str, dict[str, Any]]) -> dict[str, _Subject]:
    """What a side holds, by what its people call it: label ids, or annotation ids."""
    if side is Side.DATABASE:
        return {annotation_id: (annotation_id, values) for annotation_id, values in rows.items()}
    return {each.label_id: (each.annotation_id, each.values) for each in labels}


def check_recovered(read: Books, before: Books, unsettled: set[tuple[str, str]], late: set[str]) -> None:
    """A side that was brought forward again holds what was agreed ``before`` it went back, as the other does.

    Of what was ``unsettled`` when the side was copied nobody can tell that it is of an earlier time; nor of rows that
    were committed ``late``, since what was agreed of them bears an older stamp than what was copied. What was edited at
    home while there was no label to which it could go is still to be carried over.
    """
    for annotation_id, agreed in before.baseline.items():
        unread, was_unread = (_is_unread(each, annotation_id) for each in (read, before))
        if unread or annotation_id in late or any(each.is_open_whole(annotation_id) for each in (before, read)):
            continue
        labels = [each for each in read.labels if each.annotation_id == annotation_id]
        for name, value in agreed.items():
            if was_unread and not same(before.rows.get(annotation_id, {}).get(name), value):
                continue
            if (annotation_id, name) in unsettled or any(each.is_open(annotation_id, name) for each in (before, read)):
                continue
            for values in (read.rows[annotation_id], *(each.values for each in labels)):
                told = f"{annotation_id}.{name}: {value!r} was agreed, {values[name]!r} is left"
                assert same(values[name], value) or _is_answer(read, annotation_id, name, value, values[name]), told


def _is_unread(read: Books, annotation_id: str) -> bool:
    """Whether syncd is not shown the row, or its sample is not in the dataset."""
    return annotation_id in read.hidden or read.homes.get(annotation_id) is None


def _is_answer(read: Books, annotation_id: str, name: str, written: Any, now: Any) -> bool:
    """Whether the log says that the database made this of what was brought back to it."""
    return any(
        (each["annotation_id"], each["field"], each["reason"]) == (annotation_id, name, Reason.ANSWERED)
        and same(each["old"], written)
        and same(each["new"], now)
        and any(written["reason"] == Reason.RECOVERED for written in quiet.asked(read, each))
        for each in read.applied
    )


def unsettled(read: Books, side: Side) -> set[tuple[str, str]]:
    """The fields in which a side does not hold what was agreed."""
    labels = [(str(each.annotation_id), each.values) for each in read.labels]
    held = labels if side is Side.FIFTYONE else [*read.rows.items()]
    return {
        (annotation_id, name)
        for annotation_id, values in held
        for name, value in values.items()
        if name not in read.baseline.get(annotation_id, {}) or not same(read.baseline[annotation_id][name], value)
    }

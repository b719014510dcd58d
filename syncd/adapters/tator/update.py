"""Setting fields of annotations that are there, and proving by their histories what each write came to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from syncd.adapters.rest.errors import NotFound, Refused
from syncd.adapters.tator.edits import (
    Body,
    Edit,
    body_of,
    guards_of,
    holds,
    is_overwritten,
    predecessor,
    search_of,
    value_of,
    written_by_us,
)
from syncd.adapters.tator.errors import CountDiffers, StaleWrite
from syncd.adapters.tator.frames import Raw
from syncd.adapters.tator.mend import Harm, harm_of, mend, set_by
from syncd.adapters.tator.values import GEOMETRY, why_unsendable
from syncd.adapters.tator.work import ROUNDS, Hands, Work, id_of, single
from syncd.errors import DatabaseUnavailable
from syncd.model import Content, Kind
from syncd.model.result import Readback

GROUP = 400
"""Annotations in one bulk call: it lasts seconds as it is."""

SINGLES = 2
"""A value that so many annotations were refused alike is refused for all that were to get it."""

TOO_BUSY = "others write this annotation all the time: it is left to the next run"


class Updater:
    """Sets fields: those of one annotation together, those with equal values in bulk calls."""

    def __init__(self, hands: Hands) -> None:
        self._hands, self._framer = hands, hands.framer

    def update(self, work: Work, positions: Sequence[int]) -> None:
        """Carries out the changes at these positions."""
        wanted: dict[str, list[int]] = {}
        for position in positions:
            wanted.setdefault(id_of(work.changes[position]), []).append(position)
        pending = list(wanted.values())
        for attempt in range(ROUNDS):
            edits = [each for each in (self._edit(work, group) for group in pending) if each is not None]
            if not edits:
                return
            if attempt:
                # Whoever came too late last time is written one by one: the window is smallest.
                self._singly(work, edits)
            else:
                self._in_groups(work, edits)
            pending = [list(each.changes.values()) for each in self._prove(work, edits)]
        for group in pending:
            for position in group:
                work.outcome(position).refused = TOO_BUSY

    def _edit(self, work: Work, positions: Sequence[int]) -> Edit | None:
        """What is to be set of one annotation, now that its current row is known; ``None`` where nothing is."""
        row = work.now.get(id_of(work.changes[positions[0]]))
        if row is None or row["variant_deleted"]:
            return None
        fitting: dict[str, int] = {}
        for position in positions:
            change, outcome = work.changes[position], work.outcome(position)
            assert change.field is not None, "an update has a field"
            if outcome.refused is not None or not holds(self._framer, row, change.field, change.old):
                continue
            outcome.refused = unsendable(self._hands, change.field, change.new)
            if outcome.refused is None:
                fitting[change.field] = position
        new = {name: single(work.changes[at].new) for name, at in fitting.items()}
        return Edit(row, fitting, new) if fitting else None

    def _in_groups(self, work: Work, edits: Sequence[Edit]) -> None:
        groups: dict[Any, list[Edit]] = {}
        for each in edits:
            guards = guards_of(self._framer, each)
            # What no search can express is written by itself, and so is what nothing else is equal to.
            key: Any = ("single", each.id)
            if guards is not None:
                key = (repr(guards), repr(sorted(each.new.items())), self._person(work, each))
            groups.setdefault(key, []).append(each)
        for group in groups.values():
            for start in range(0, len(group), GROUP):
                part = group[start : start + GROUP]
                if len(part) == 1:
                    self._singly(work, part)
                else:
                    self._together(work, part)

    def _together(self, work: Work, edits: Sequence[Edit]) -> None:
        """One call for all of them, under a guard; where that is not met, each by itself."""
        guards = guards_of(self._framer, edits[0])
        assert guards is not None, "only what can be guarded is written together"
        body = body_of(self._framer, edits[0].new, self._person(work, edits[0])).as_json()
        body |= {"elemental_ids": [each.id for each in edits], "object_search": search_of(guards)}
        query = {**self._hands.place.query, "count": len(edits)}
        try:
            self._hands.client.write("PATCH", self._hands.path, query, body)
        except CountDiffers:
            # Somebody was there first, or the search does not see a value as we do: nothing was written.
            self._hands.read_again(work, [each.id for each in edits])
            self._singly(work, self._still(work, edits))
        except Refused:
            self._singly(work, edits)

    def _still(self, work: Work, edits: Sequence[Edit]) -> list[Edit]:
        """The edits as they are now: what is not as it was expected is left out."""
        for each in edits:
            again = self._edit(work, list(each.changes.values()))
            if again is None:
                each.nothing_left()
            else:
                each.seen, each.changes, each.new = again.seen, again.changes, again.new
        return [each for each in edits if each.changes]

    def _singly(self, work: Work, edits: Sequence[Edit]) -> None:
        """One call each, of the very row that was seen: the server refuses it where that is not the latest any more."""
        refusals: dict[str, tuple[str, int]] = {}
        for each in edits:
            key = repr(sorted(each.new.items()))
            why, times = refusals.get(key, ("", 0))
            if times >= SINGLES:
                self._refuse(work, each, why)
                continue
            try:
                self._write(work, each)
            except (StaleWrite, NotFound):
                continue  # it is read again, and judged by what is there then
            except Refused as refused:
                if len(each.changes) > 1:
                    self._field_by_field(work, each)
                    continue
                refusals[key] = (str(refused), times + 1 if str(refused) == why or not times else 1)
                self._refuse(work, each, str(refused))

    def _write(self, work: Work, edit: Edit) -> None:
        body = body_of(self._framer, edit.new, self._person(work, edit)).as_json() | {"pedantic": 1}
        answer = self._hands.client.write("PATCH", f"Localization/{edit.seen['id']}", {}, body)
        edit.made = answer["object"]

    def _field_by_field(self, work: Work, edit: Edit) -> None:
        """Finds out which of several fields is refused; the others are written."""
        for position in list(edit.changes.values()):
            alone = self._edit(work, [position])
            if alone is None:
                continue
            try:
                self._write(work, alone)
            except (StaleWrite, NotFound):
                self._hands.read_again(work, [edit.id])
                continue
            except Refused as refused:
                work.outcome(position).refused = str(refused)
                continue
            self._prove(work, [alone])
        edit.nothing_left()

    def _refuse(self, work: Work, edit: Edit, why: str) -> None:
        for position in edit.changes.values():
            work.outcome(position).refused = why
        edit.nothing_left()

    def _person(self, work: Work, edit: Edit) -> str | None:
        if self._framer.names.person is None:
            return None
        return next((work.changes[each].actor for each in edit.changes.values() if work.changes[each].actor), None)

    def _prove(self, work: Work, edits: Sequence[Edit]) -> list[Edit]:
        """Looks in the history for what these edits came to; returns those of which nothing was written."""
        edits = [each for each in edits if each.changes]
        histories = self._hands.rows.histories([each.id for each in edits])
        unwritten: list[Edit] = []
        for each in edits:
            history = histories.get(each.id, [])
            if not history:
                work.now.pop(each.id, None)
                continue
            work.now[each.id] = history[-1]
            ours = self._ours(work, each, history)
            if ours is None:
                unwritten.append(each)
                continue
            undone = self.judge(work, each, history, ours)
            if undone:
                each.changes = {name: each.changes[name] for name in undone}
                unwritten.append(each)
        return unwritten

    def _ours(self, work: Work, edit: Edit, history: Sequence[Raw]) -> Raw | None:
        if edit.made is not None:
            # As it was made: somebody may have edited it in place since.
            return edit.made if any(each["id"] == edit.made["id"] for each in history) else None
        seen, me = edit.seen, self._hands.place.me.id
        made = {name: work.changes[at] for name, at in edit.changes.items()}
        ours = written_by_us(self._framer, history, seen["mark"], me, made)
        now = history[-1]
        if ours is None and now["id"] == seen["id"] and now["modified_by"] == me and seen["modified_by"] != me:
            raise DatabaseUnavailable(
                "This Tator changed annotations in place, where a new mark was expected: what others write at the same "
                "moment could be lost.",
                remedy="Stop syncd for this binding, and report the server's version with this message.",
            )
        return ours

    def judge(
        self, work: Work, edit: Edit, history: Sequence[Raw], ours: Raw, *, also: Sequence[str] = ()
    ) -> list[str]:
        """Notes what the row ``ours`` came to, and puts back what it undid besides its fields (and ``also``).

        Returns the fields that somebody's stale copy took back at once.
        """
        before = predecessor(history, ours)
        assert before is not None, "a row was there before ours was written"
        meant = set_by(self._framer, [*edit.changes, *also])
        altered = edit.made is None and ours["modified_by"] != self._hands.place.me.id
        earlier = [each for each in history if edit.seen["mark"] <= each["mark"] < before["mark"]]
        harm = harm_of(before, ours, history[-1], meant, copied_from=[edit.seen, *earlier] if altered else None)
        undone: list[str] = []
        for name, position in edit.changes.items():
            outcome = work.outcome(position)
            # A value on a deleted annotation is none, whether it was deleted before or after the server loaded it.
            if ours["variant_deleted"] or before["variant_deleted"]:
                continue
            if is_overwritten(self._framer, history, ours, before, name):
                undone.append(name)
                continue
            outcome.matched = True
            if not holds(self._framer, before, name, work.changes[position].old):
                outcome.displaced = self._hands.displaced(before, history, name)
        mend(self._hands, work, edit.id, harm)
        for name, position in edit.changes.items():
            if work.outcome(position).matched:
                self._question(work, edit, name, ours)
        return undone

    def _question(self, work: Work, edit: Edit, name: str, ours: Raw) -> None:
        """Asks about a value that came back different; what is no answer is put back."""
        position = edit.changes[name]
        change, outcome = work.changes[position], work.outcome(position)
        if work.judge is None or holds(self._framer, ours, name, change.new):
            return
        each = self._framer.fields.field(name)
        why = work.judge(Readback(change, name, value_of(self._framer, ours, each), steady=True))
        if why is None:
            outcome.answered = frozenset({name})
            return
        outcome.matched, outcome.refused = False, why
        attribute = self._framer.names.of(each)
        was = edit.seen["attributes"].get(attribute)
        if each.kind is Kind.BOX:
            back = Body(columns={part: edit.seen[part] for part in GEOMETRY})
        else:
            back = Body(nulls=(attribute,)) if was is None else Body({attribute: was})
        mend(self._hands, work, edit.id, Harm(back))


def unsendable(hands: Hands, name: str, new: Content) -> str | None:
    """Why a field cannot be set to a value at all."""
    each = hands.framer.fields.field(name)
    if each.kind is Kind.BOX and new is None:
        return "Tator keeps no annotation without its box"
    return why_unsendable(each.kind, single(new))

"""Making and deleting whole annotations, and tying them to other images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from syncd.adapters.rest.errors import NotFound, Refused
from syncd.adapters.tator.edits import Body, body_of, holds, holds_all, predecessor, value_of
from syncd.adapters.tator.errors import CountDiffers, StaleWrite
from syncd.adapters.tator.frames import Raw, stamps
from syncd.adapters.tator.mend import Harm, harm_of, mend
from syncd.adapters.tator.update import GROUP, unsendable
from syncd.adapters.tator.work import Hands, Work, id_of
from syncd.model import BOX, Change
from syncd.model.plan import Edited
from syncd.model.result import Displaced, Readback

INSERTS = 500
"""The server's own limit."""


class Annotations:
    """Inserts, deletes and moves."""

    def __init__(self, hands: Hands) -> None:
        self._hands, self._framer = hands, hands.framer

    def insert(self, work: Work, positions: Sequence[int]) -> None:
        """Makes annotations; one that was deleted comes back with its history, and none is made twice."""
        items: list[tuple[int, dict[str, Any]]] = []
        for position in positions:
            change = work.changes[position]
            row = work.now.get(id_of(change))
            if row is not None and not row["variant_deleted"]:
                continue
            try:
                items.append((position, self._item(change, row)))
            except Refused as refused:
                work.outcome(position).refused = str(refused)
        made = self._post(work, items)
        histories = self._hands.rows.histories([id_of(work.changes[at]) for at in made])
        for position, row_id in made.items():
            self._prove_inserted(work, position, row_id, histories.get(id_of(work.changes[position]), []))

    def _item(self, change: Change, deleted: Raw | None) -> dict[str, Any]:
        id_, given = id_of(change), change.new
        assert isinstance(given, dict), "an insert has values by field"
        if not id_:
            raise Refused(f"{change.annotation_id!r} is no UUID, which an id in Tator must be")
        values = {name: value for name, value in given.items() if value is not None}
        for name, value in values.items():
            why = unsendable(self._hands, name, value)
            if why is not None:
                raise Refused(why)
        if self._framer.names.crops and deleted is not None:
            place = (deleted["media"], deleted.get("frame") or 0)
        else:
            place = self._hands.media.meant(str(change.media))
        body = body_of(self._framer, values, change.actor)
        geometry = body.columns
        if deleted is not None and BOX not in self._framer.fields.names:
            geometry = {name: deleted[name] for name in ("x", "y", "width", "height") if deleted[name] is not None}
        return self._hands.item(id_, place, body.attributes, geometry)

    def _prove_inserted(self, work: Work, position: int, row_id: int, history: Sequence[Raw]) -> None:
        ours = next((each for each in history if each["id"] == row_id), None)
        if ours is None:
            return
        change, outcome, id_ = work.changes[position], work.outcome(position), id_of(work.changes[position])
        work.now[id_] = history[-1]
        outcome.matched = True
        before = predecessor(history, ours)
        if before is not None and not before["variant_deleted"]:
            outcome.displaced = self._hands.displaced(before, history, None)
        given = change.new
        assert isinstance(given, dict), "an insert has values by field"
        other = [name for name, value in given.items() if not holds(self._framer, ours, name, value)]
        if work.judge is None or not other:
            return
        for name in other:
            value = value_of(self._framer, ours, self._framer.fields.field(name))
            why = work.judge(Readback(change, name, value, steady=True))
            if why is not None:
                outcome.matched, outcome.refused = False, why
                mend(self._hands, work, id_, Harm(Body(), deleted=True))
                return
        outcome.answered = frozenset(other)

    def _post(self, work: Work, items: Sequence[tuple[int, dict[str, Any]]]) -> dict[int, int]:
        """Makes rows in as few calls as may be; the ids of their rows. What is refused is found by halves."""
        made: dict[int, int] = {}
        parts = [items[start : start + INSERTS] for start in range(0, len(items), INSERTS)]
        while parts:
            part = parts.pop(0)
            try:
                ids = self._hands.post([item for _, item in part])
            except Refused as refused:
                if len(part) == 1:
                    work.outcome(part[0][0]).refused = str(refused)
                else:
                    half = len(part) // 2
                    parts[:0] = [part[:half], part[half:]]
                continue
            made |= {position: row for (position, _), row in zip(part, ids, strict=True)}
        return made

    # Deleting

    def delete(self, work: Work, positions: Sequence[int]) -> None:
        """Makes a deleted mark of each annotation that holds what it is expected to."""
        seen: dict[int, Raw] = {}
        for position in positions:
            change = work.changes[position]
            row = work.now.get(id_of(change))
            if row is not None and not row["variant_deleted"] and holds_all(self._framer, row, change.old):
                seen[position] = row
        for start in range(0, len(seen), GROUP):
            part = dict(list(seen.items())[start : start + GROUP])
            ids = [row["elemental_id"] for row in part.values()]
            query = {**self._hands.place.query, "count": len(ids)}
            try:
                self._hands.client.write("DELETE", self._hands.path, query, {"elemental_ids": ids})
            except CountDiffers:
                self._delete_singly(work, part)
            except Refused as refused:
                for position in part:
                    work.outcome(position).refused = str(refused)
            self._prove_deleted(work, part)

    def _delete_singly(self, work: Work, seen: Mapping[int, Raw]) -> None:
        self._hands.read_again(work, [row["elemental_id"] for row in seen.values()])
        for position, row in seen.items():
            now = work.now.get(row["elemental_id"])
            if now is None or now["variant_deleted"] or not holds_all(self._framer, now, work.changes[position].old):
                continue
            try:
                self._hands.client.write("DELETE", f"Localization/{now['id']}", {}, {"pedantic": 1})
            except (StaleWrite, NotFound):
                continue  # somebody was there first: what is there now is what the result says
            except Refused as refused:
                work.outcome(position).refused = str(refused)

    def _prove_deleted(self, work: Work, seen: Mapping[int, Raw]) -> None:
        histories = self._hands.rows.histories([row["elemental_id"] for row in seen.values()])
        for position, row in seen.items():
            history = histories.get(row["elemental_id"], [])
            if not history:
                work.now.pop(row["elemental_id"], None)
                continue
            work.now[row["elemental_id"]] = history[-1]
            gone = next((each for each in history if each["mark"] > row["mark"] and each["variant_deleted"]), None)
            if gone is not None:
                self.judge_deleted(work, position, history, gone)

    def judge_deleted(self, work: Work, position: int, history: Sequence[Raw], gone: Raw) -> None:
        """Notes that the annotation was deleted, and what it held by then, if that is not what was expected."""
        before = predecessor(history, gone)
        work.outcome(position).matched = True
        if before is not None and not holds_all(self._framer, before, work.changes[position].old):
            work.outcome(position).displaced = self._hands.displaced(before, history, None)

    # Images

    def move(self, work: Work, positions: Sequence[int]) -> None:
        """Ties annotations to other images: a box cannot be moved, but one of the same id can be put elsewhere."""
        seen: dict[int, Raw] = {}
        items: list[tuple[int, dict[str, Any]]] = []
        for position in positions:
            change = work.changes[position]
            row = work.now.get(id_of(change))
            if row is None or row["variant_deleted"] or self._hands.shown(row) != change.old:
                continue
            try:
                items.append((position, self._hands.copy(row, self._hands.media.meant(str(change.new)))))
            except Refused as refused:
                work.outcome(position).refused = str(refused)
                continue
            seen[position] = row
        made = self._post(work, items)
        histories = self._hands.rows.histories([id_of(work.changes[at]) for at in made])
        for position, row_id in made.items():
            history = histories.get(id_of(work.changes[position]), [])
            ours = next((each for each in history if each["id"] == row_id), None)
            if ours is not None:
                self._prove_moved(work, position, seen[position], history, ours)

    def _prove_moved(self, work: Work, position: int, seen: Raw, history: Sequence[Raw], ours: Raw) -> None:
        id_, outcome = id_of(work.changes[position]), work.outcome(position)
        before = predecessor(history, ours)
        work.now[id_] = history[-1]
        outcome.matched = before is None or not before["variant_deleted"]
        if before is None:
            return
        if outcome.matched and before["media"] != seen["media"]:
            when = stamps([before["modified_datetime"]])[0]
            outcome.displaced = Displaced(self._hands.shown(before), Edited(self._framer.editor(before), when))
        mend(self._hands, work, id_, harm_of(before, ours, history[-1], moved=True))

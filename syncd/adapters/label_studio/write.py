"""Writes whole annotations: what is not ours in them goes back as it was read a moment before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from syncd.adapters.label_studio.read import Task, Tasks
from syncd.adapters.label_studio.regions import (
    Controls,
    Region,
    content_of,
    edited,
    holds,
    made,
    size_of,
    value_of,
    without,
)
from syncd.adapters.rest.client import Client
from syncd.adapters.rest.errors import NotFound, Refused
from syncd.model import BOX, LABEL, MEDIA_FIELD, Action, Change, Content, Mapping, Value
from syncd.model.result import Judge, Readback, Result

PlaceOf = Callable[[str], "Region | None"]


class Writer:
    """Writes to one project, an annotation at a time."""

    def __init__(self, client: Client, tasks: Tasks, controls: Controls, mapping: Mapping, place_of: PlaceOf) -> None:
        self._client, self._tasks = client, tasks
        self._controls, self._mapping, self._place_of = controls, mapping, place_of

    def write(self, changes: Sequence[Change], judge: Judge | None) -> list[Result]:
        """One result per change, in order; those of one region after each other."""
        return [self._carry_out(each, judge) for each in changes]

    def _carry_out(self, change: Change, judge: Judge | None) -> Result:
        try:
            if change.action is Action.INSERT:
                return self._insert(change, judge)
            if change.field == MEDIA_FIELD:
                there = self._home(str(change.annotation_id))
                why = "a region of Label Studio cannot go to another task"
                return Result(change, present=there is not None, after=there and there[1].media, refused=why)
            return self._change(change, judge)
        except Refused as refused:
            return self._looked(change, refused=str(refused))

    def _home(self, id_: str) -> tuple[dict[str, Any], Region] | None:
        """The annotation as it is now, and the region in it."""
        place = self._place_of(id_)
        if place is None:
            return None
        try:
            annotation = self._read(place.annotation)
        except NotFound:
            return None
        found = [each for each in self._controls.of(annotation, place.task, place.media) if each.id == id_]
        return (annotation, found[0]) if found and not annotation.get("was_cancelled") else None

    def _read(self, number: int) -> dict[str, Any]:
        found: dict[str, Any] | None = self._client.get_or_none(f"annotations/{number}/")
        if found is None:
            raise NotFound("the annotation is gone")
        return found

    def _change(self, change: Change, judge: Judge | None) -> Result:
        id_ = str(change.annotation_id)
        there = self._home(id_)
        if there is None:
            return Result(change, present=False, matched=False)
        annotation, region = there
        expected = change.old if isinstance(change.old, dict) else {str(change.field): change.old}
        if not all(holds(self._controls, self._mapping.field(name), region.items, expected[name]) for name in expected):
            return self._looked(change, matched=False)
        if change.action is Action.DELETE:
            self._patch(annotation, without(annotation["result"], id_))
            return self._looked(change, matched=True)
        new = change.new
        assert not isinstance(new, dict), "an update has the value of one field"
        why = _unsendable(str(change.field), new)
        if why is not None:
            raise Refused(why)
        self._patch(annotation, edited(self._controls, annotation["result"], id_, {str(change.field): new}))
        return self._questioned(change, judge, {str(change.field): change.old})

    def _questioned(self, change: Change, judge: Judge | None, back: dict[str, Content]) -> Result:
        """What came back; what is no answer is put back."""
        result = self._looked(change, matched=True)
        given = change.new if isinstance(change.new, dict) else {str(change.field): change.new}
        after = result.after if isinstance(result.after, dict) else {str(change.field): result.after}
        there = self._home(str(change.annotation_id))
        if judge is None or there is None:
            return result
        annotation, region = there
        other = [
            name
            for name, value in given.items()
            if not holds(self._controls, self._mapping.field(name), region.items, value)
        ]
        for name in other:
            why = judge(Readback(change, name, after.get(name), steady=True))
            if why is not None:
                if change.action is Action.INSERT:
                    self._patch(annotation, without(annotation["result"], str(change.annotation_id)))
                else:
                    plain = {each: value for each, value in back.items() if not isinstance(value, dict)}
                    result_ = edited(self._controls, annotation["result"], str(change.annotation_id), plain)
                    self._patch(annotation, result_)
                return self._looked(change, refused=why)
        answered = frozenset(other)
        return Result(
            change,
            present=result.present,
            after=result.after,
            matched=True,
            answered=answered,
            annotation_id=result.annotation_id,
        )

    def _looked(self, change: Change, *, matched: bool = False, refused: str | None = None) -> Result:
        """What is there now."""
        there = self._home(str(change.annotation_id))
        after: Content = None
        if there is not None:
            items = there[1].items
            if change.field is None:
                after = content_of(self._controls, self._mapping, items)
            else:
                after = value_of(self._controls, self._mapping.field(change.field), items)[0]
        inserted = change.action is Action.INSERT and matched and there is not None
        return Result(
            change,
            present=there is not None,
            after=after,
            matched=matched,
            refused=refused,
            annotation_id=change.annotation_id if inserted else None,
        )

    def _insert(self, change: Change, judge: Judge | None) -> Result:
        id_, given = str(change.annotation_id), change.new
        assert isinstance(given, dict), "an insert has values by field"
        for name, value in given.items():
            why = _unsendable(name, value) if value is not None or name == LABEL else None
            if why is not None:
                raise Refused(why)
        if self._home(id_) is not None:
            return self._looked(change, matched=False)
        task = self._task(str(change.media))
        annotations = [each for each in task.get("annotations") or () if not each.get("was_cancelled")]
        if annotations:
            # Where people draw already: a task with two annotations looks as if two people had disagreed.
            annotation = self._read(int(annotations[-1]["id"]))
            items = made(self._controls, id_, given, size_of(annotation["result"]))
            self._patch(annotation, [*annotation["result"], *items])
        else:
            items = made(self._controls, id_, given, {})
            self._client.write("POST", f"tasks/{task['id']}/annotations/", {}, {"result": items})
        return self._questioned(change, judge, {})

    def _task(self, media: str) -> Task:
        found = self._tasks.with_media(self._controls.media, media)
        if len(found) != 1:
            how = "several tasks show" if found else "no task of the project shows"
            raise Refused(f"{how} {media!r}")
        return found[0]

    def _patch(self, annotation: dict[str, Any], result: list[dict[str, Any]]) -> None:
        self._client.write("PATCH", f"annotations/{annotation['id']}/", {}, {"result": result})


def _unsendable(name: str, value: Value | dict[str, Value]) -> str | None:
    if name == LABEL and value is None:
        return "a region of Label Studio has a label"
    if name == BOX and value is None:
        return "a region of Label Studio has its place"
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return "half of a surrogate pair is no text"
        if "\x00" in value:
            return "the store's database holds no character of code 0"
    if isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**63:
        return f"{value} is beyond 64 bits"
    return None

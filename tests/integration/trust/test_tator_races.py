"""Whatever others do to the same annotations at whatever moment of a write: nobody's value is lost without a word."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, given, settings

import tator_lab
import trust
from syncd.adapters.tator import update
from syncd.errors import DatabaseUnavailable
from syncd.model import Change
from syncd.model.result import Result
from tator_double import FaultKind, Row
from tator_lab import Lab

POINTS = ("call", "detail.loaded", "list.counted", "list.loaded", "after")
ATTRIBUTES = {"Label": "label", "note": None, "verified": "verified", "depth": "depth"}


@dataclass(frozen=True)
class Edit:
    """What somebody does when a request of syncd's reaches a point; ``nth`` is which of those requests."""

    point: str
    nth: int
    row: int
    how: str
    attribute: str


EDITS = st.builds(
    Edit,
    point=st.sampled_from(POINTS),
    nth=st.integers(0, 3),
    row=st.integers(0, 3),
    how=st.sampled_from(["single", "single", "in place", "one in place", "delete"]),
    attribute=st.sampled_from(sorted(ATTRIBUTES)),
)


@dataclass
class Story:
    """What others did, in order: (annotation, attribute, value); a deletion has no attribute."""

    lab: Lab
    rows: list[Row]
    done: list[tuple[str, str | None, Any]] = field(default_factory=list)
    values: int = 0

    def value(self, attribute: str) -> Any:
        self.values += 1
        return {"verified": self.values % 2 == 0, "depth": float(self.values)}.get(attribute, f"theirs {self.values}")

    def play(self, edit: Edit) -> None:
        row = self.rows[edit.row % len(self.rows)]
        now = self.lab.now(row)
        if now.variant_deleted:
            return
        name, value = str(row.elemental_id), self.value(edit.attribute)
        if edit.how == "delete":
            self.lab.delete(row)
            self.done.append((name, None, None))
            return
        if edit.how == "in place":
            self.lab.in_place([row], **{edit.attribute: value})
        elif edit.how == "one in place":
            self.lab.edit(row, attributes={edit.attribute: value}, in_place=1)
        else:
            self.lab.edit(row, attributes={edit.attribute: value})
        self.done.append((name, edit.attribute, value))


def arrange(story: Story, edits: list[Edit]) -> None:
    """Has each edit made when syncd's nth request reaches its point."""
    left = list(edits)
    seen: dict[str, int] = {}

    def reached(point: str) -> None:
        number = seen.get(point, 0)
        seen[point] = number + 1
        for each in [each for each in left if (each.point, each.nth) == (point, number)]:
            left.remove(each)
            story.play(each)

    server = story.lab.server
    own = {"busy": False}
    original = server._reached

    def hook(point: str) -> None:
        # The others' own requests reach the same points.
        if not own["busy"]:
            own["busy"] = True
            try:
                reached(point)
            finally:
                own["busy"] = False
        original(point)

    server._reached = hook  # type: ignore[method-assign]
    server.before_call = lambda *_: hook("call")
    server.after_call = lambda *_: hook("after")


def told(results: list[Result | None], name: str, attribute: str) -> list[Any]:
    """The values of others that the results report as displaced."""
    wanted = ATTRIBUTES[attribute]
    return [
        each.displaced.content
        for each in results
        if each is not None
        and each.displaced is not None
        and each.change.annotation_id == name
        and each.change.field == wanted
    ]


def check(story: Story, results: list[Result | None]) -> None:
    """The last thing that anybody else did to each attribute of each annotation stands, or is told."""
    deleted = {name for name, attribute, _ in story.done if attribute is None}
    last = {(name, attribute): value for name, attribute, value in story.done if attribute is not None}
    lost = []
    for row in story.rows:
        name = str(row.elemental_id)
        now = story.lab.now(row)
        if name in deleted:
            lost += [] if now.variant_deleted else [(name, "deletion")]
            continue
        for attribute in ATTRIBUTES:
            if (name, attribute) not in last:
                continue
            theirs = last[name, attribute]
            if now.attributes.get(attribute) != theirs and theirs not in told(results, name, attribute):
                lost.append((name, attribute, theirs, story.lab.marks(row, attribute)))
    trust.tried("edits", len(story.done))
    trust.tried("lost", len(lost))
    assert not lost
    altered = deleted | {name for name, attribute, _ in story.done if attribute in ("Label", "verified")}
    for result in results:
        if result is not None and result.matched and result.change.annotation_id not in altered:
            marks = [_of(story, result, each) for each in story.rows]
            assert any(marks), "what is said to be written was written"


def _of(story: Story, result: Result, row: Row) -> bool:
    if row.elemental_id != result.change.annotation_id:
        return False
    attribute = next(name for name, each in ATTRIBUTES.items() if each == result.change.field)
    return result.change.new in story.lab.marks(row, attribute)


def changes_of(lab: Lab, rows: list[Row], two_fields: bool) -> list[Change]:
    found = [lab.change(each, "label", "Copepoda", "Ostracoda") for each in rows]
    return found + [lab.change(each, "verified", None, True) for each in rows[:2] if two_fields]


@settings(max_examples=trust.many(150, 5_000), suppress_health_check=[HealthCheck.too_slow])
@given(edits=st.lists(EDITS, max_size=5), size=st.integers(1, 4), two_fields=st.booleans())
def test_nothing_that_others_write_at_any_moment_is_lost(edits: list[Edit], size: int, two_fields: bool) -> None:
    with tator_lab.lab() as lab:
        story = Story(lab, lab.put(size))
        arrange(story, edits)
        trust.tried("cases")
        try:
            results = lab.write(*changes_of(lab, story.rows, two_fields))
        except DatabaseUnavailable as error:
            assert "all the time" in error.message
            return
        assert all(each.refused in (None, update.TOO_BUSY) for each in results)
        check(story, list(results))


@settings(max_examples=trust.many(100, 5_000), suppress_health_check=[HealthCheck.too_slow])
@given(
    edits=st.lists(EDITS, max_size=4),
    size=st.integers(1, 4),
    at=st.integers(0, 8),
    carried_out=st.booleans(),
)
def test_nothing_is_lost_when_syncd_dies_at_any_call(edits: list[Edit], size: int, at: int, carried_out: bool) -> None:
    """The next run asks the history, and writes what is not there yet."""
    with tator_lab.lab() as lab:
        story = Story(lab, lab.put(size))
        since = lab.server.now()
        arrange(story, edits)
        kind = FaultKind.LOST_ANSWER if carried_out else FaultKind.LOST_REQUEST
        lab.server.fails(kind, "", skip=at, times=10_000)
        changes = changes_of(lab, story.rows, two_fields=False)
        found: list[Result | None]
        try:
            found = list(lab.write(*changes))
        except DatabaseUnavailable:
            trust.tried("crashes")
            lab.server.faults.clear()
            found = lab.adapter.find_writes(changes, since)
        lab.server.faults.clear()
        check(story, found)

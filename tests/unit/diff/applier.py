"""A pure stand-in for both sides: carries out a plan perfectly, so that the next diff can be looked at."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from syncd.diff import Inputs
from syncd.model import (
    ID_FIELD,
    MEDIA_FIELD,
    SAMPLE_FIELD,
    Action,
    Change,
    Conflict,
    Direction,
    Mapping,
    Plan,
    TagEdit,
    dumps,
)
from syncd.model.snapshot import column, known_column
from syncd.model.values import same
from unit.diff.world import Row, S, world


@dataclass
class State:
    """Baseline, both sides, and what is remembered."""

    mapped: Mapping
    b: list[Row]
    f: list[Row]
    d: list[Row]
    samples: list[dict[str, Any]]
    lately: list[dict[str, Any]] = field(default_factory=list)
    conflicts: list[dict[str, Any]] = field(default_factory=list)
    hidden: set[str] = field(default_factory=set)
    """Annotations whose rows are in ``d``, but are not shown."""
    given: dict[str, Any] = field(default_factory=dict)
    """Policies and switches, as :func:`world` takes them."""
    opened: dict[str, Conflict] = field(default_factory=dict)
    log: list[Change] = field(default_factory=list)
    answered: list[tuple[str, str]] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    """Samples that have left the dataset."""

    def inputs(self, **other: Any) -> Inputs:
        """What the diff is given; ``samples`` says which slots are taken by now."""
        occupied = {row.columns["sample_id"] for row in self.f}
        samples = [each | {"occupied": each["sample_id"] in occupied} for each in self.samples]
        homes = {each.columns["sample_id"] for each in self.b} - {None, *self.gone}
        stamps = [(each.columns["edited_at"], each.columns["sample_id"]) for each in self.f]
        given = {"homes": [S(each) for each in sorted(homes)], "alongside": [each for each in stamps if each[0]]}
        return world(
            mapped=self.mapped,
            b=self.b,
            f=self.f,
            d=[row for row in self.d if row.columns["annotation_id"] not in self.hidden],
            hidden=tuple({str(row.columns["annotation_id"]) for row in self.d} & self.hidden),
            samples=samples,
            lately=self.lately,
            conflicts=self.conflicts,
            answered=self.answered,
            **(given | self.given | other),
        )


def applied(state: State, plan: Plan) -> State:
    """The state after the plan; every write must find what the plan says it replaces."""
    after = copy.deepcopy(state)
    for row in plan.baseline.iter_rows(named=True):
        _know(after, row["annotation_id"], row["label_id"], row["sample_id"], row["image"])
        known = _known(after, row["annotation_id"])
        unknown = [name for name in after.mapped.names if not row[known_column(name)]]
        known.columns["unknown"] = tuple(unknown)
        known.values = {name: row[column(name)] for name in after.mapped.names}
    after.b = [each for each in after.b if each.columns["annotation_id"] not in plan.dropped]
    for change in plan.changes:
        _carry_out(after, change)
    after.log.extend(plan.changes)
    _remember_conflicts(after, plan)
    for edit in plan.tags:
        _edit_tags(after, edit)
    unjudged = [each for each in after.answered if not plan.scope.judged(each[0], None)]
    after.answered = [*unjudged, *plan.answered]
    return after


def _edit_tags(state: State, edit: TagEdit) -> None:
    """Tags of a sample stand on each of its labels' rows."""
    name = "tags" if edit.label_id is not None else "sample_tags"
    for row in state.f:
        if row.columns["sample_id"] == edit.sample_id and edit.label_id in (None, row.columns["label_id"]):
            kept = [tag for tag in row.columns[name] or [] if tag not in edit.remove]
            row.columns[name] = [*kept, *(tag for tag in edit.add if tag not in kept)] or None


def _carry_out(state: State, change: Change) -> None:
    if change.direction is None:
        return
    if change.action is Action.INSERT:
        _insert(state, change)
    elif change.action is Action.DELETE:
        side = _target(state, change)
        row = _find(side, change)
        assert isinstance(change.old, dict)
        assert all(same(each, row.values.get(each.name), change.old[each.name]) for each in state.mapped.fields)
        side.remove(row)
        state.b = [each for each in state.b if each.columns["annotation_id"] != change.annotation_id]
    elif change.field == ID_FIELD:
        row = _find(state.f, change)
        assert row.columns["annotation_id"] == change.old
        row.columns["annotation_id"] = change.new
    elif change.field == SAMPLE_FIELD:
        _move(state, change)
    elif change.field == MEDIA_FIELD:
        row = _find(state.d, change)
        assert row.columns["media"] == change.old
        row.columns["media"] = change.new
    else:
        _update(state, change)
    if change.direction is Direction.TO_FIFTYONE and change.field not in (ID_FIELD, SAMPLE_FIELD):
        old, new = (dumps(each if change.field is not None else None) for each in (change.old, change.new))
        seen = {"annotation_id": change.annotation_id, "field": change.field, "action": change.action.value}
        seen |= {"old": old, "new": new, "sample_id": change.sample_id, "run_id": "applied", "seq": len(state.lately)}
        state.lately.append(seen | {"reason": change.reason})


def _move(state: State, change: Change) -> None:
    """The label goes to its new sample; a copy that a dead run left there is it already."""
    row = _find(state.f, change)
    assert row.columns["annotation_id"] == change.annotation_id
    others = [each for each in state.f if each.columns["sample_id"] == change.new]
    there = [each for each in others if each.columns["label_id"] == change.label_id]
    assert state.mapped.label_type.list_name is not None or others == there, "one label per slot"
    if there:
        state.f.remove(row)
    else:
        row.columns |= {"sample_id": change.new, "media": change.media}
    known = _known(state, change.annotation_id)
    known.columns |= {"sample_id": change.new, "image": change.media}


def _update(state: State, change: Change) -> None:
    assert change.field is not None
    row = _find(_target(state, change), change)
    assert same(state.mapped.field(change.field), row.values.get(change.field), change.old)  # type: ignore[arg-type]
    assert change.field not in (row.columns["problems"] or {}), "what could not be read must not be overwritten"
    row.values[change.field] = change.new
    known = _known(state, change.annotation_id)
    known.values[change.field] = change.new
    known.columns["unknown"] = tuple(each for each in known.columns["unknown"] if each != change.field)


def _insert(state: State, change: Change) -> None:
    assert isinstance(change.new, dict)
    name = change.annotation_id or f"minted-{change.sample_id}-{change.label_id}"
    plain = {"edited_at": None, "problems": None, "media": change.media, "actor": None}
    if change.direction is Direction.TO_FIFTYONE:
        assert name not in {each.columns["annotation_id"] for each in state.f}
        place = {"annotation_id": name, "label_id": f"new-{name}", "sample_id": change.sample_id}
        state.f.append(Row(place | plain, dict(change.new)))
        if state.mapped.label_type.list_name is None:
            assert sum(each.columns["sample_id"] == change.sample_id for each in state.f) == 1, "one label per slot"
        _know(state, name, f"new-{name}", change.sample_id, change.media)
    else:
        assert name not in {each.columns["annotation_id"] for each in state.d}
        state.d.append(Row({"annotation_id": name} | plain, dict(change.new)))
        label = _find(state.f, change)
        assert label.columns["annotation_id"] == change.annotation_id
        label.columns["annotation_id"] = name
        _know(state, name, change.label_id, change.sample_id, change.media)
    known = _known(state, name)
    known.values, known.columns["unknown"] = dict(change.new), ()


def _target(state: State, change: Change) -> list[Row]:
    return state.f if change.direction is Direction.TO_FIFTYONE else state.d


def _find(side: list[Row], change: Change) -> Row:
    """The one row that a change is about: a label by its place, a database row by its id."""
    if side and "label_id" in side[0].columns:
        found = [
            each
            for each in side
            if (each.columns["label_id"], each.columns["sample_id"]) == (change.label_id, change.sample_id)
        ]
    else:
        found = [each for each in side if each.columns["annotation_id"] == change.annotation_id]
    assert len(found) == 1, f"{len(found)} rows for {change}"
    return found[0]


def _known(state: State, name: str | None) -> Row:
    return next(each for each in state.b if each.columns["annotation_id"] == name)


def _know(state: State, name: str, label_id: str | None, sample_id: str | None, image: str | None) -> None:
    place = {"annotation_id": name, "label_id": label_id, "sample_id": sample_id, "image": image}
    state.b = [each for each in state.b if each.columns["annotation_id"] != name]
    state.b.append(Row(place | {"unknown": state.mapped.names}, {}))


def _remember_conflicts(state: State, plan: Plan) -> None:
    """As the store does: found again stays open, judged and not found closes, not judged stays."""
    found = {each.subject: each for each in plan.conflicts}
    kept = {
        subject: each
        for subject, each in state.opened.items()
        if subject not in found and not plan.scope.judged(each.annotation_id, each.label_id, each.field)
    }
    state.opened = kept | found
    state.conflicts = [
        {
            "annotation_id": each.annotation_id,
            "field": each.field,
            "kind": each.kind,
            "fiftyone": dumps(each.fiftyone),
            "seen_on": each.sample_id,
            "subject": each.subject,
        }
        for each in state.opened.values()
    ]

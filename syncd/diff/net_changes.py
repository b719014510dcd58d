"""The net effect of logged changes on each annotation: the oldest state before them and the newest after them.

Several changes of one field collapse into one. Where somebody else's change lies between two of them, only what came
after it is taken back: otherwise the other change would be lost with the older ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeAlias

from syncd.model import (
    APPROVAL,
    FLAG,
    ID_FIELD,
    MEDIA_FIELD,
    SAMPLE_FIELD,
    Action,
    Change,
    Direction,
    Field,
    Mapping,
    Side,
    Value,
)
from syncd.model import Content as ChangeContent
from syncd.model.reasons import BY_TAG, PUT_BACK, Reason
from syncd.model.values import same_value

Content: TypeAlias = "dict[str, Value]"

SIDES = {Direction.TO_DATABASE: Side.DATABASE, Direction.TO_FIFTYONE: Side.FIFTYONE}

ON_BOTH_SIDES = (Reason.ALIAS, *BY_TAG)
"""Reasons for which both sides are written."""

CAME_BACK = "it came back to what it was before"


@dataclass(frozen=True)
class Entry:
    """An applied change as it stands in the log."""

    seq: int
    run_id: str
    change: Change


@dataclass(frozen=True)
class FieldNet:
    """What became of one field, on each side; ``seqs`` the newest entry for each side."""

    annotation_id: str
    field: str
    before: dict[Side, Value]
    after: dict[Side, Value]
    seqs: dict[Side, int]


@dataclass(frozen=True)
class WholeNet:
    """An annotation that came to be (``before`` is ``None``) or ceased to be (``after`` is)."""

    annotation_id: str
    sample_id: str | None
    before: Content | None
    after: Content | None
    seqs: dict[Side, int]


@dataclass(frozen=True)
class Left:
    """A change that is not taken back, and why."""

    annotation_id: str | None
    field: str | None
    seq: int
    why: str


Net: TypeAlias = "FieldNet | WholeNet | Left"


def nets(mapping: Mapping, entries: Iterable[Entry]) -> Iterator[Net]:
    """What the entries came to. They are in order of ``seq``; nothing of them is passed over in silence."""
    by_annotation: dict[str, list[Entry]] = {}
    for entry in entries:
        why = _not_undone(mapping, entry.change)
        if why is not None:
            yield Left(entry.change.annotation_id, entry.change.field, entry.seq, why)
        else:
            by_annotation.setdefault(str(entry.change.annotation_id), []).append(entry)
    for annotation_id, found in by_annotation.items():
        yield from _of_annotation(mapping, annotation_id, found)


def _not_undone(mapping: Mapping, change: Change) -> str | None:
    if change.direction is None and change.field in (FLAG, APPROVAL):
        return "a tag said it: take the tag off, or undo what went through by it"
    if change.direction is None:
        return "nothing was written by it: both sides had come to the same by themselves"
    if change.annotation_id is None:
        return "it was about a label without an annotation id, which nobody could tell again"
    if change.field == ID_FIELD:
        return "a label's id is not taken away again"
    if change.field in (SAMPLE_FIELD, MEDIA_FIELD):
        return "it brought both sides to one image: correct the image on the side that is wrong"
    if change.field is not None and change.field not in mapping.names:
        return "the field is not mapped any more"
    if change.reason == Reason.OVERTAKEN:
        return "it put back what somebody else had put there: that is theirs, and no change of syncd's"
    if change.action is Action.INSERT and change.reason in PUT_BACK:
        return "it put back what one side had all the time: delete it on the side that you mean"
    if change.action is Action.UPDATE and change.reason == Reason.RESTORED:
        return "it gave the label back what the database had all the time: clear it on the side that you mean"
    return None


def _of_annotation(mapping: Mapping, annotation_id: str, entries: Sequence[Entry]) -> Iterator[Net]:
    """Follows the annotation through its entries; those before its deletion belong to what it was."""
    wholes = [each for each in entries if each.change.field is None]
    if not wholes:
        yield from _of_fields(mapping, annotation_id, entries)
        return
    first, last = wholes[0], wholes[-1]
    earlier = [each for each in entries if each.seq < first.seq]
    later = [each for each in entries if each.seq > last.seq]
    before = None if first.change.action is Action.INSERT else _content(first.change.old)
    after = _content(last.change.new) if last.change.action is Action.INSERT else None
    for net in _of_fields(mapping, annotation_id, earlier):
        if isinstance(net, FieldNet) and before is not None:
            before = before | {net.field: net.before[Side.DATABASE]}
    for each in later:
        if after is not None:
            after = after | {str(each.change.field): _value(each.change.new)}
    seqs = _newest(entries)
    if before is None and after is None:
        yield Left(annotation_id, None, last.seq, "it came and went again")
    elif before is None or after is None:
        yield WholeNet(annotation_id, last.change.sample_id, before, after, seqs)
    else:
        changed = [each for each in mapping.fields if not same_value(each, before.get(each.name), after.get(each.name))]
        for field in changed:
            was, now = before.get(field.name), after.get(field.name)
            yield FieldNet(annotation_id, field.name, _both(was), _both(now), seqs)
        if not changed:
            yield Left(annotation_id, None, last.seq, CAME_BACK)


def _content(content: object) -> Content:
    return dict(content) if isinstance(content, dict) else {}


def _both(value: Value) -> dict[Side, Value]:
    return dict.fromkeys(Side, value)


def _of_fields(mapping: Mapping, annotation_id: str, entries: Sequence[Entry]) -> Iterator[Net]:
    by_field: dict[str, list[Entry]] = {}
    for each in entries:
        by_field.setdefault(str(each.change.field), []).append(each)
    for name, found in by_field.items():
        yield from _of_field(mapping.field(name), annotation_id, found)


@dataclass(frozen=True)
class _Step:
    """One change of one field: both sides may have been written. A side that was not written held the new value."""

    before: dict[Side, Value]
    after: dict[Side, Value]
    entries: tuple[Entry, ...]


def _of_field(field: Field, annotation_id: str, entries: Sequence[Entry]) -> Iterator[Net]:
    groups = _grouped(field, entries)
    for group in groups:
        if all(each.change.reason == Reason.ANSWERED for each in group):
            why = "the database's answer goes back with the edit that it answered"
            yield Left(annotation_id, field.name, group[-1].seq, why)
    steps = [_step(group) for group in groups if any(each.change.reason != Reason.ANSWERED for each in group)]
    if not steps:
        return
    start = 0
    for index in range(1, len(steps)):
        if not _follows(field, steps[index - 1], steps[index]):
            start = index
    for step in steps[:start]:
        why = "somebody else's change came after it and would go with it"
        yield Left(annotation_id, field.name, step.entries[-1].seq, why)
    before, after = steps[start].before, steps[-1].after
    seqs = _newest([each for step in steps[start:] for each in step.entries])
    if all(same_value(field, before[side], after[side]) for side in Side):
        yield Left(annotation_id, field.name, max(seqs.values()), CAME_BACK)
    else:
        yield FieldNet(annotation_id, field.name, before, after, seqs)


def _grouped(field: Field, entries: Sequence[Entry]) -> list[tuple[Entry, ...]]:
    """The entries by the change that they belong to: those of one run, and where the run died over it, of the next."""
    groups: list[tuple[Entry, ...]] = []
    for _, group in groupby(entries, key=lambda each: each.run_id):
        found = tuple(group)
        if groups and _is_other_half(field, groups[-1], found):
            found = (*groups.pop(), *found)
        groups.append(found)
    return groups


def _is_other_half(field: Field, earlier: tuple[Entry, ...], later: tuple[Entry, ...]) -> bool:
    """Whether a run wrote one side and died, and a later run took up the same change and wrote the other side.

    What is left to do may look like an edit by then. Where both sides held the same before, nothing hangs on that.
    """
    asked = [each.change for each in later if each.change.reason != Reason.ANSWERED]
    if len(earlier) != 1 or len(asked) != 1:
        return False
    halves = {each.direction: each for each in (earlier[0].change, asked[0])}
    if len(halves) != len(SIDES):
        return False
    out, home = halves[Direction.TO_FIFTYONE], halves[Direction.TO_DATABASE]
    was_alike = same_value(field, _value(out.old), _value(home.old))
    return (
        out.reason in ON_BOTH_SIDES
        and (home.reason == out.reason or (home.reason == Reason.REVIEWED and was_alike))
        and same_value(field, _value(out.new), _value(home.new))
    )


def _step(entries: tuple[Entry, ...]) -> _Step:
    """An answer of the database ended on both sides; what it replaced in FiftyOne was the edit that it answered."""
    asked = tuple(each for each in entries if each.change.reason != Reason.ANSWERED)
    old = {_side(each): _value(each.change.old) for each in reversed(asked)}
    new = {_side(each): _value(each.change.new) for each in asked}
    for each in entries:
        if each.change.reason == Reason.ANSWERED:
            new = dict.fromkeys(Side, _value(each.change.new))
    return _Step(_filled(old), _filled(new), entries)


def _side(entry: Entry) -> Side:
    assert entry.change.direction is not None, "what moved the baseline alone was set aside"
    return SIDES[entry.change.direction]


def _value(content: ChangeContent) -> Value:
    assert not isinstance(content, dict), "an update holds the value of one field"
    return content


def _filled(values: dict[Side, Value]) -> dict[Side, Value]:
    """The other side's value where only one was written: they agreed afterwards, and are to agree again."""
    one = next(iter(values.values()))
    return {side: values.get(side, one) for side in Side}


def _follows(field: Field, earlier: _Step, later: _Step) -> bool:
    written = {_side(each) for each in later.entries}
    # A correction at home or in review brings its own side from what was agreed, so one side may have moved already.
    return any(same_value(field, later.before[side], earlier.after[side]) for side in written)


def _newest(entries: Sequence[Entry]) -> dict[Side, int]:
    newest = entries[-1].seq
    found = {_side(each): each.seq for each in entries}
    return {side: found.get(side, newest) for side in Side}

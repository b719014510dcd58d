"""What a person's answer to one conflict means: every kind of conflict has its rule here. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from syncd.diff.resolution.answer import Answer, OpenConflict, Question, Take, refuse
from syncd.diff.resolution.fields import answer_field
from syncd.diff.resolution.identity import answer_duplicate, answer_moved, answer_occupied, answer_replaced
from syncd.diff.resolution.presence import answer_presence
from syncd.model import ID_FIELD, LABEL, MEDIA_FIELD, SAMPLE_FIELD, Action, Change, Direction, Json, Kind, Side, to_json
from syncd.model.conflict_kinds import ConflictKind
from syncd.model.current import Present

Rule = Callable[[Question, OpenConflict, Take, Present], Answer]

RULES: dict[str, Rule] = {
    ConflictKind.DUPLICATE_ID: answer_duplicate,
    ConflictKind.MOVED: answer_moved,
    ConflictKind.REPLACED: answer_replaced,
    ConflictKind.OCCUPIED: answer_occupied,
}
"""Kinds with a rule of their own; any other is about a field, or about a whole annotation that one side lacks."""

BY_HAND = {
    ConflictKind.AMBIGUOUS_MEDIA: "several samples have this medium, and syncd cannot tell which is meant: delete the "
    "surplus samples in FiftyOne; the next run goes on by itself",
    ConflictKind.UNADDRESSABLE: "the label has no id of FiftyOne's own: load and save its sample once with the SDK; "
    "the next run goes on by itself",
}
"""Kinds that only hands can settle, and how."""


def decide(question: Question, conflict: OpenConflict, take: Take, present: Present) -> Answer:
    """The changes that carry out the answer, given what both sides hold now; or why there are none."""
    kind = conflict["kind"]
    if kind in BY_HAND:
        return refuse(BY_HAND[kind])
    rule = RULES.get(kind) or (answer_presence if conflict["field"] is None else answer_field)
    return rule(question, conflict, take, present)


MOST = 3
"""Values that are offered by name."""

_WAYS = {Direction.TO_DATABASE: "the database", Direction.TO_FIFTYONE: "FiftyOne", None: ""}
_PROBES = {
    Kind.BOOLEAN: ("true", "false"),
    Kind.INTEGER: ("0", "1"),
    Kind.FLOAT: ("0", "1"),
    Kind.DECIMAL: ("0", "1"),
    Kind.DATE: ("2000-01-01",),
    Kind.TIMESTAMP: ("2000-01-01T00:00:00Z",),
    Kind.UUID: ("00000000-0000-4000-8000-000000000000",),
    Kind.BOX: ("0,0,1,1",),
}
"""Values by which it is tried whether any can be given."""


@dataclass(frozen=True)
class Way:
    """An answer that can be carried out, and what it does; without ``take`` a value of the person's own."""

    take: Take | None
    does: str

    @property
    def given(self) -> str:
        """Its options on the command line; a value is as it stands, without quotes for a shell."""
        if self.take is None:
            return "--value TEXT"
        return f"--take {self.take.side.value}" if self.take.side is not None else f"--value {self.take.text}"


@dataclass(frozen=True)
class Ways:
    """What can be answered to one conflict; ``hints`` say why other answers cannot be given, or what else helps."""

    ways: tuple[Way, ...] = ()
    hints: tuple[str, ...] = ()

    def as_json(self) -> list[dict[str, Json]]:
        """The answers as the command takes them."""
        found: list[dict[str, Json]] = []
        for each in self.ways:
            side = each.take.side if each.take is not None else None
            value = each.take.text if each.take is not None else None
            found.append({"take": side.value if side else None, "value": value, "does": each.does})
        return found


def ways_of(question: Question, conflict: OpenConflict, present: Present) -> Ways:
    """The answers to an open conflict, given what both sides hold now."""
    if conflict["kind"] in BY_HAND:
        return Ways(hints=(BY_HAND[conflict["kind"]],))
    ways: list[Way] = []
    hints: list[str] = []
    for side in Side:
        answer = decide(question, conflict, Take(side), present)
        if answer.settled:
            return Ways(hints=("both sides agree by now, and the next complete run closes this",))
        if answer.refusal is not None:
            hints.append(f"`--take {side.value}` cannot be done: {answer.refusal}")
        elif again := _tries_again(conflict, side):
            hints.append(again)
        else:
            ways.append(Way(Take(side), _does(answer)))
    ways += _values(question, conflict, present)
    # Where one thing keeps all answers from being given, it is said once.
    said = {each.partition(" cannot be done: ")[2] or each: each for each in hints}
    if not ways and len(said) == 1:
        hints = list(said)
    return Ways(tuple(ways), tuple(hints))


def _tries_again(conflict: OpenConflict, side: Side) -> str | None:
    """Why an answer is not offered that writes once more what was refused."""
    kind = conflict["kind"]
    if kind == ConflictKind.REFUSED_BY_DATABASE and side is Side.FIFTYONE:
        return "`--take fiftyone` tries once more what the database has refused: mend that first"
    if kind == ConflictKind.REFUSED_BY_FIFTYONE and side is Side.DATABASE:
        return "`--take database` tries once more what FiftyOne's MongoDB has refused: mend that first"
    return None


def _values(question: Question, conflict: OpenConflict, present: Present) -> Iterator[Way]:
    """Values of the person's own: those that the conflict suggests, and whether any can be given."""
    suggested = [str(each) for each in conflict["suggestions"] or ()]
    offered = 0
    for text in suggested:
        answer = decide(question, conflict, Take(text=text), present)
        if answer.refusal is None and offered < MOST and _is_value(question, conflict, text):
            offered += 1
            yield Way(Take(text=text), _does(answer))
    tried = (decide(question, conflict, Take(text=each), present) for each in _probes(question, conflict))
    works = next((each for each in tried if each.refusal is None), None)
    if works is not None:
        sides = {each.direction for each in works.changes}
        yield Way(None, "another value" + (", on both sides" if len(sides) == 2 else ""))


def _is_value(question: Question, conflict: OpenConflict, text: str) -> bool:
    """Whether a suggestion is a value rather than a side's own words about what is wrong."""
    if conflict["kind"] in (ConflictKind.UNKNOWN_LABEL, ConflictKind.AMBIGUOUS_TAGS):
        return True
    return question.vocabulary is not None and conflict["field"] == LABEL and text in question.vocabulary.names


def _probes(question: Question, conflict: OpenConflict) -> list[str]:
    name = conflict["field"] or LABEL
    if name not in question.mapping.names:
        return []
    field = question.mapping.field(name)
    if name == LABEL and question.vocabulary is not None:
        terms = sorted(question.vocabulary.names)
        allowed = field.database.values
        return [each for each in terms if allowed is None or each in allowed][:2]
    if field.kind is Kind.TEXT:
        known = sorted(field.database.values or ())[:2]
        return known or ["a", "b"]
    return list(_PROBES[field.kind])


def _does(answer: Answer) -> str:
    """What an answer changes, in words."""
    found = list(dict.fromkeys(map(_change, answer.changes)))
    if answer.by_tag:
        found.append("what the tags say is answered")
    return ", and ".join(found)


def _change(change: Change) -> str:
    where = _WAYS[change.direction]
    if change.action is Action.INSERT:
        return "the row is inserted" if change.direction is Direction.TO_DATABASE else "the label is put back"
    if change.action is Action.DELETE:
        return "the row is deleted" if change.direction is Direction.TO_DATABASE else "the label is removed"
    if change.field == ID_FIELD:
        return "the label loses the id" if change.new is None else f"the label gets the id {change.new}"
    if change.field == SAMPLE_FIELD:
        return "the label moves to the image of its row"
    if change.field == MEDIA_FIELD:
        return "the row is tied to the image of its label"
    return f"{change.field} becomes {_shown(change)} in {where}"


def _shown(change: Change) -> str:
    value = to_json(change.new)
    return json.dumps(value, ensure_ascii=False) if value is not None else "null"

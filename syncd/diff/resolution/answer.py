"""The types of an answer: what a person took, what is known for it, what follows, and whether it still applies."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import date, datetime, timezone
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias
from uuid import UUID

from syncd.diff.findings import seen_tags, shown
from syncd.diff.tags import Place
from syncd.model import Action, Change, Content, Direction, Field, Json, Kind, Mapping, Side, Value, dumps
from syncd.model.current import Row
from syncd.model.kinds import from_json, storable
from syncd.model.reasons import Reason
from syncd.model.values import canonical_value, same_value
from syncd.model.vocabulary import Vocabulary

OpenConflict: TypeAlias = "dict[str, Any]"
"""A row of syncd's table of conflicts."""


@dataclass(frozen=True)
class Take:
    """What a person takes: one side as it is, or a value of their own (``text``, not yet parsed)."""

    side: Side | None = None
    text: str | None = None

    @property
    def words(self) -> str:
        """The answer as the conflict's resolution names it."""
        return self.side.value if self.side else repr(self.text)


@dataclass(frozen=True)
class Question:
    """What every answer of a binding rests on.

    ``near`` holds the nearest terms of labels that are none; ``fixed`` the fields whose columns cannot be written at
    all; ``asked`` the tags of a label that ask for something, and ``meant`` the values that they ask for.
    """

    mapping: Mapping
    vocabulary: Vocabulary | None = None
    near: dict[str, tuple[str, ...]] = field(default_factory=dict)
    fixed: frozenset[str] = frozenset()
    actor: str | None = None
    asked: dict[Place, tuple[str, ...]] = field(default_factory=dict)
    meant: dict[Place, dict[str, Value]] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """What follows from an answer: changes, or that there is nothing left to decide, or why it cannot be done.

    ``by_tag``: the label's tags that are about the field are answered by it as well.
    """

    changes: tuple[Change, ...] = ()
    by_tag: bool = False
    settled: bool = False
    refusal: str | None = None


SETTLED = Answer(settled=True)

HIDDEN = (
    "its row is hidden: the table has it (under row-level security: may have it), and what is read does not show it, "
    "so that nothing can be compared or written. Show the row again (in the view, the query or the policy that hides "
    "it), and the next complete run goes on by itself; or take `database`, and the label goes"
)
"""Why an annotation whose row is hidden is left as it is."""


def refuse(sentence: str) -> Answer:
    """The answer cannot be carried out; the sentence says why and what to do instead."""
    return Answer(refusal=sentence)


def moved_on(where: str, now: str) -> Answer:
    """Somebody has edited what the conflict shows: nobody has seen what would be taken or lost."""
    return refuse(
        f"{where} has moved on since the conflict was seen last: it holds {now} now. Reconcile and look again"
    )


def change(
    question: Question,
    way: Direction,
    action: Action,
    place: dict[str, Any] | None,
    annotation_id: str | None,
    name: str | None,
    old: Content,
    new: Content,
    media: str | None = None,
) -> Change:
    """One change that carries out an answer; ``place`` is what names the label and the sample.

    Of a label that is removed it is the label itself.
    """
    removed = place if action is Action.DELETE and way is Direction.TO_FIFTYONE else None
    return Change(
        annotation_id=annotation_id,
        label_id=place["label_id"] if place else None,
        sample_id=place["sample_id"] if place else None,
        direction=way,
        action=action,
        field=name,
        old=old,
        new=new,
        reason=Reason.RESOLVED,
        actor=question.actor,
        media=media,
        seen_tags=None if removed is None else seen_tags(removed),
    )


def no_term(question: Question, label: str) -> str | None:
    """Why a label must not reach the database; ``None`` where it is a term, or the binding has no vocabulary."""
    vocabulary = question.vocabulary
    if vocabulary is None or vocabulary.meant(label) is not None:
        return None
    near = question.near.get(label, ())
    meant = f"did you mean {' or '.join(map(repr, near))}?" if near else "nothing in it is near."
    return f"{label!r} is not in the vocabulary; {meant} Take a term, or add it (or an alias) to the vocabulary first"


def is_seen(field: Field, was: Json, row: Row) -> bool:
    """Whether the field of a row is what a conflict showed."""
    now = storable(shown(row, field.name))
    if dumps(now) == dumps(was):
        return True
    try:
        return same_value(field, from_json(field.kind, was), from_json(field.kind, now))
    except (TypeError, ValueError):
        return False


def is_seen_whole(mapping: Mapping, was: Json, row: Row) -> bool:
    """Whether a whole annotation is what a conflict showed of it; ids that it shows besides do not matter."""
    if not isinstance(was, dict):
        return False
    return all(is_seen(each, was[each.name], row) for each in mapping.fields if each.name in was)


_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_EXPECTED = {
    Kind.INTEGER: "a whole number",
    Kind.FLOAT: "a number",
    Kind.DECIMAL: "a number",
    Kind.BOOLEAN: "true or false",
    Kind.DATE: "a date such as 2026-11-23",
    Kind.TIMESTAMP: "a moment such as 2026-11-23T12:00:00Z",
    Kind.UUID: "a UUID",
    Kind.BOX: "four numbers: x,y,width,height, relative to the image",
}


def parse_value(field: Field, text: str) -> Value:
    """The value that is meant; ``null`` is none, except for text. ``ValueError`` says what was expected."""
    if field.kind is Kind.TEXT:
        return text
    plain = text.strip()
    if plain.lower() == "null":
        return None
    try:
        return _parsed(field.kind, plain)
    except (ValueError, OverflowError, InvalidOperation, KeyError):
        raise ValueError(f"{text!r} is no value for {field.name}: expected {_EXPECTED[field.kind]}") from None


def _parsed(kind: Kind, text: str) -> Value:
    if kind is Kind.BOX:
        parts = [float(part) for part in text.strip("[]").split(",")]
        if len(parts) != 4 or not all(map(math.isfinite, parts)):
            raise ValueError
        return parts
    if kind is Kind.BOOLEAN:
        return _TRUTH[text.lower()]
    if kind is Kind.FLOAT and not math.isfinite(float(text)):
        raise ValueError
    if kind is Kind.DATE:
        return date.fromisoformat(text)
    if kind is Kind.TIMESTAMP:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
        return canonical_value(kind, moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc))
    value = canonical_value(kind, Decimal(text) if kind is Kind.DECIMAL else UUID(text) if kind is Kind.UUID else text)
    if value is None:
        raise ValueError
    return value

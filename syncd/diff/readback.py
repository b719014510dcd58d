"""Values that read back differently than they were written: the database's answer, or a refusal. Pure.

A column rounds, a type pads, a trigger normalises: that is an answer, and both sides adopt it. A view that reads in
another unit, or a trigger that keeps the old value, gives no answer: the write is undone and a person is asked.
"""

from __future__ import annotations

from collections.abc import Mapping as Values
from dataclasses import replace

from syncd.diff.findings import jsonable
from syncd.diff.images import is_other
from syncd.diff.unsafe_values import why_unsafe
from syncd.model.kinds import Value, dumps
from syncd.model.mapping import BOX, LABEL, MEDIA_FIELD, Direction, Mapping, Side
from syncd.model.plan import Action, Change
from syncd.model.reasons import Reason
from syncd.model.result import Readback
from syncd.model.values import same
from syncd.model.vocabulary import Vocabulary

LEFT = (
    "the database left the row as it was (a trigger, a rule, a row security policy, or a relation to read that does "
    "not show what the table holds?)"
)
PUT_BACK = "the database took the value and put the old one back (a trigger, a rule or a row security policy?)"
_NOT_DELETED = (
    "the row is still read after its deletion: a trigger put it back, or the relation that is read does not show what "
    "the table holds (a materialised view?)"
)
_NOT_SHOWN = (
    "the table took the value, but the relation that is read still shows the old one: a materialised view, which "
    "shows nothing until it is refreshed? Name a table or a plain view in `read`"
)


def why_no_answer(mapping: Mapping, vocabulary: Vocabulary | None, found: Readback) -> str | None:
    """Why what came back is no answer; ``None`` where it is one, and the new agreed value."""
    if found.field is None and found.change.action is Action.DELETE:
        return _NOT_DELETED
    if found.field in (None, MEDIA_FIELD):
        given = found.change.media if found.field is None else found.change.new
        if isinstance(given, str) and isinstance(found.after, str) and not is_other(given, found.after):
            return None
        media, read = _shown(_plain(given)), _shown(_plain(found.after))
        return f"media: {media} was written, and {read} is read: the row would not be tied to its sample"
    field, change = mapping.field(found.field), found.change
    after, written = _plain(found.after), written_value(change, found.field)
    if change.action is Action.UPDATE and same(field, after, _plain(change.old)):
        return _NOT_SHOWN if found.stored else PUT_BACK
    told = f"{found.field}: {_shown(written)} was written, and {_shown(after)} is read"
    if found.stored:
        return f"{told}: the relation that is read shows the column otherwise than the table holds it"
    if not found.steady:
        return f"{told}; written once more, it would change again or is not what the table holds"
    if after is None and not _is_blank(written):
        return f"{told}: the value was dropped"
    if field.name in (LABEL, BOX) and after is None:
        return f"{told}: an annotation cannot do without"
    if field.name == LABEL and vocabulary is not None and vocabulary.meant(str(after)) is not None:
        return f"{told}, which is another term of the vocabulary"
    why = why_unsafe(field, Side.FIFTYONE, after)
    return None if why is None else f"{told}, which FiftyOne cannot hold: {why}"


def brought_to_fiftyone(mapping: Mapping, change: Change, answers: Values[str, Value]) -> list[Change]:
    """The changes by which the label gets the database's answers to ``change``: ``answers`` by field.

    They complete an edit that was made in FiftyOne, and so are made whatever the direction of the field is.
    """
    return [
        replace(
            change,
            direction=Direction.TO_FIFTYONE,
            action=Action.UPDATE,
            field=name,
            old=written_value(change, name),
            new=answer,
            reason=Reason.ANSWERED,
            actor=None,
            edited_at=None,
            media=None,
            undo_of=None,
        )
        for name, answer in answers.items()
        if name in mapping.names
    ]


def written_value(change: Change, name: str) -> Value:
    """What a change writes to one field."""
    return change.new.get(name) if isinstance(change.new, dict) else change.new


def _plain(content: object) -> Value:
    assert not isinstance(content, dict), "one field's value"
    return content  # type: ignore[return-value]


def _is_blank(value: Value) -> bool:
    """Text that an empty value may stand for."""
    return isinstance(value, str) and not value.strip()


def _shown(value: Value) -> str:
    text = dumps(jsonable(value))
    return text if len(text) <= 80 else f"{text[:80]}…"

"""The inverse of logged changes, where both sides still hold what those left. Pure.

Both sides are brought back, whichever was written: they agreed afterwards, and if only one went back, the next run
would take it for an edit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Mapping as Mapped
from dataclasses import dataclass
from types import MappingProxyType

from syncd.diff.findings import problems_of, seen_tags
from syncd.diff.net_changes import FieldNet, Left, Net, WholeNet
from syncd.diff.tags import Place
from syncd.diff.unsafe_values import why_unsafe, why_unsafe_whole
from syncd.model import LABEL, Action, Change, Content, Direction, Field, Mapping, Side, Value, Vocabulary
from syncd.model.current import Present, Row, content
from syncd.model.reasons import Reason
from syncd.model.snapshot import column, known_column
from syncd.model.values import same_value

NAMES = {Side.FIFTYONE: "FiftyOne", Side.DATABASE: "the database"}
WAYS = {Side.FIFTYONE: Direction.TO_FIFTYONE, Side.DATABASE: Direction.TO_DATABASE}


@dataclass(frozen=True)
class Inverse:
    """The changes that take everything back that can be, and what is left alone."""

    changes: tuple[Change, ...]
    left: tuple[Left, ...]


def invert(
    mapping: Mapping,
    found: Iterable[Net],
    present: Present,
    *,
    fixed: frozenset[str] = frozenset(),
    vocabulary: Vocabulary | None = None,
    asked: Mapped[Place, tuple[str, ...]] = MappingProxyType({}),
    actor: str | None,
) -> Inverse:
    """``fixed`` are fields whose columns in the database cannot be written; ``actor`` is who takes it back.

    ``asked`` are the tags of labels that ask for something: such a label is not removed.

    Where FiftyOne keeps an alias of what the database was given, that is what the change left there.
    """
    changes: list[Change] = []
    left: list[Left] = []
    for net in found:
        if isinstance(net, Left):
            left.append(net)
            continue
        inverse = list(_inverse(mapping, net, present, fixed, vocabulary, asked, actor))
        whys = [each for each in inverse if isinstance(each, Left)]
        left += whys[:1]
        # A part of an inverse would leave the sides apart.
        changes += [] if whys else [each for each in inverse if isinstance(each, Change)]
    return Inverse(tuple(changes), tuple(left))


def _inverse(
    mapping: Mapping,
    net: FieldNet | WholeNet,
    present: Present,
    fixed: frozenset[str],
    vocabulary: Vocabulary | None,
    asked: Mapped[Place, tuple[str, ...]],
    actor: str | None,
) -> Iterator[Change | Left]:
    if net.annotation_id in present.hidden:
        return iter([_left(net, "its row is hidden (by a view, a query or row-level security)")])
    if isinstance(net, FieldNet):
        return _field(mapping, net, present, fixed, vocabulary, actor)
    if net.before is None:
        return _came(mapping, net, present, vocabulary, asked, actor)
    return _went(mapping, net, present, actor)


def _field(
    mapping: Mapping,
    net: FieldNet,
    present: Present,
    fixed: frozenset[str],
    vocabulary: Vocabulary | None,
    actor: str | None,
) -> Iterator[Change | Left]:
    field = mapping.field(net.field)
    label, row = present.label(net.annotation_id), present.row(net.annotation_id)
    if label is None or row is None:
        side = Side.FIFTYONE if label is None else Side.DATABASE
        yield _left(net, f"{NAMES[side]} does not have the annotation any more, or more than once")
        return
    done = 0
    for side, holder in ((Side.FIFTYONE, label), (Side.DATABASE, row)):
        now, was = holder[column(net.field)], net.before[side]
        if net.field in problems_of(holder):
            yield _left(net, f"changed again since: {NAMES[side]}'s value cannot even be read")
        elif same_value(field, now, was):
            done += 1
        elif not _is_what_was_left(field, side, now, net.after[side], vocabulary):
            yield _left(net, f"changed again since: {NAMES[side]} holds {now!r}")
        elif side is Side.DATABASE and net.field in fixed:
            yield _left(net, "its columns in the database cannot be written: change it back there")
        elif why := why_unsafe(field, side, was):
            yield _left(net, f"{NAMES[side]} cannot hold it: {why}")
        else:
            yield _change(net, side, Action.UPDATE, label, net.field, now, was, actor)
    if done == len(Side):
        yield _left(net, "is so already")


def _is_what_was_left(field: Field, side: Side, now: Value, left: Value, vocabulary: Vocabulary | None) -> bool:
    """Whether a side still holds what a change left there, in FiftyOne perhaps by an alias.

    It stays there where the field goes to the database only, and after a label was drawn, until the next run.
    """
    if same_value(field, now, left):
        return True
    if vocabulary is None or side is Side.DATABASE or field.name != LABEL or not isinstance(now, str):
        return False
    return same_value(field, vocabulary.meant(now), left)


def _came(
    mapping: Mapping,
    net: WholeNet,
    present: Present,
    vocabulary: Vocabulary | None,
    asked: Mapped[Place, tuple[str, ...]],
    actor: str | None,
) -> Iterator[Change | Left]:
    """An annotation that came to be goes again, from both sides."""
    if len(present.labels_of(net.annotation_id)) > 1 or len(present.rows_of(net.annotation_id)) > 1:
        yield _left(net, "several labels or rows bear its id")
        return
    label, row = present.label(net.annotation_id), present.row(net.annotation_id)
    if label is None and row is None:
        yield _left(net, "is gone already")
    if label is not None and (tags := asked.get((label["sample_id"], label["label_id"]))):
        yield _left(net, f"a reviewer has tagged it {tags[0]!r}, which was not answered yet")
    for side, holder in ((Side.FIFTYONE, label), (Side.DATABASE, row)):
        if holder is None:
            continue
        if not _is_still(mapping, net, side, holder, present, vocabulary):
            yield _left(net, f"changed again since in {NAMES[side]}")
        else:
            yield _change(net, side, Action.DELETE, label, None, content(mapping, holder), None, actor)


def _is_still(
    mapping: Mapping, net: WholeNet, side: Side, holder: Row, present: Present, vocabulary: Vocabulary | None
) -> bool:
    """Whether it holds what was inserted; a default of a column, which nobody has agreed on yet, is no edit."""
    assert net.after is not None, "it came to be"
    home = present.home(net.annotation_id)
    for field in mapping.fields:
        was, now = net.after.get(field.name), holder[column(field.name)]
        if field.name in problems_of(holder):
            return False
        by_default = side is Side.DATABASE and was is None and home is not None and not home[known_column(field.name)]
        if not by_default and not _is_what_was_left(field, side, now, was, vocabulary):
            return False
    return True


def _went(mapping: Mapping, net: WholeNet, present: Present, actor: str | None) -> Iterator[Change | Left]:
    """An annotation that was deleted comes back under its id, on both sides. What was not mapped is lost."""
    assert net.before is not None, "it ceased to be"
    values = {name: net.before.get(name) for name in mapping.names}
    labels, rows = present.labels_of(net.annotation_id), present.rows_of(net.annotation_id)
    label, row = present.label(net.annotation_id), present.row(net.annotation_id)
    if (labels and label is None) or (rows and row is None):
        yield _left(net, "several labels or rows bear its id by now")
        return
    sample = present.sample(net.sample_id)
    for side, holder in ((Side.FIFTYONE, label), (Side.DATABASE, row)):
        why = _why_not_back(mapping, side, holder, values, sample)
        if why is not None:
            yield _left(net, why)
            return
    if label is not None and row is not None:
        yield _left(net, "is there again already")
    place = {"sample_id": net.sample_id, "label_id": None}
    media = None if sample is None else sample["media"]
    if label is None:
        yield _change(net, Side.FIFTYONE, Action.INSERT, place, None, None, values, actor, media)
    if row is None:
        yield _change(net, Side.DATABASE, Action.INSERT, label or place, None, None, values, actor, media)


def _why_not_back(mapping: Mapping, side: Side, holder: Row | None, values: Content, sample: Row | None) -> str | None:
    assert isinstance(values, dict), "a whole annotation"
    if holder is not None:
        same = all(same_value(each, holder[column(each.name)], values[each.name]) for each in mapping.fields)
        return None if same else f"another one stands under its id in {NAMES[side]} by now"
    if sample is None:
        return "its sample is not in the dataset any more"
    if side is Side.FIFTYONE and sample["occupied"]:
        return "its sample's field holds another label by now"
    if side is Side.DATABASE and not mapping.can_insert_in_database:
        return "syncd cannot insert rows into this table"
    if side is Side.DATABASE and sample["media"] is None:
        return "its sample has no value that could tie a row to it (sample_key)"
    bad = why_unsafe_whole(mapping, side, values, {})
    return None if bad is None else f"{NAMES[side]} cannot hold its {bad[0]}: {bad[1]}"


def _left(net: FieldNet | WholeNet, why: str) -> Left:
    field = net.field if isinstance(net, FieldNet) else None
    return Left(net.annotation_id, field, max(net.seqs.values()), why)


def _change(
    net: FieldNet | WholeNet,
    side: Side,
    action: Action,
    place: Row | None,
    name: str | None,
    old: Content,
    new: Content,
    actor: str | None,
    media: str | None = None,
) -> Change:
    removed = place if action is Action.DELETE and side is Side.FIFTYONE else None
    return Change(
        annotation_id=net.annotation_id,
        label_id=place["label_id"] if place else None,
        sample_id=place["sample_id"] if place else None,
        direction=WAYS[side],
        action=action,
        field=name,
        old=old,
        new=new,
        reason=Reason.UNDONE,
        actor=actor,
        media=media,
        undo_of=net.seqs[side],
        seen_tags=None if removed is None else seen_tags(removed),
    )

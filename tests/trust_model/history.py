"""The whole history of every annotation, as the people know it who made it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from syncd.model import BOX, LABEL, Side
from trust_model.sides import TERMS, SeenLabel, same


@dataclass(frozen=True)
class Edit:
    """One acknowledged edit. ``subject`` is the label (by label id) or the row (by annotation id).

    ``sample`` is where the label was, as long as that is known: a label may stand on several under one id.
    """

    order: int
    side: Side
    subject: str
    annotation_id: str | None
    field: str
    value: Any
    sample: str | None = None


@dataclass
class History:
    """What was done, in the order in which the sides acknowledged it.

    ``gone`` says when somebody last deleted a subject, ``made`` when somebody last added it; ``forgotten`` when its
    side last lost what had been set in one of its fields, ``gone_from`` when a label went from a sample while it stands
    on another as well. ``objects`` are labels that lost their annotation's id together with their own, and stand where
    they stood, with the annotation that each of them is. ``erased`` are annotations of which somebody deleted a label,
    ``lost`` labels that have lost their attributes and nothing else, and not been looked at since, ``bore`` the ids
    that labels had before they lost them, ``cleared`` fields of annotations that hold nothing any more because somebody
    wanted it so. ``strangers`` are labels that were copied or moved, and annotations whose rows were tied to another
    image: nothing knows them where they are. ``hands`` are the moments at which somebody was at a label, with its
    sample; ``runs`` says when syncd was started, by the run's id or, where the run died, by that moment; ``set_back``
    are sides whose clocks were put back, ``late`` annotations whose rows were committed later than their stamps say.
    """

    edits: list[Edit] = field(default_factory=list)
    gone: dict[tuple[Side, str], int] = field(default_factory=dict)
    made: dict[tuple[Side, str], int] = field(default_factory=dict)
    forgotten: dict[tuple[Side, str, str], int] = field(default_factory=dict)
    gone_from: dict[tuple[str, str], int] = field(default_factory=dict)
    objects: dict[str, str] = field(default_factory=dict)
    erased: set[str | None] = field(default_factory=set)
    bore: dict[str, str] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)
    cleared: set[tuple[str | None, str]] = field(default_factory=set)
    strangers: set[str | None] = field(default_factory=set)
    hands: list[tuple[int, str, str]] = field(default_factory=list)
    runs: dict[str, int] = field(default_factory=dict)
    set_back: set[Side] = field(default_factory=set)
    late: set[str] = field(default_factory=set)
    drawn: set[str] = field(default_factory=set)
    tried: Counter[str] = field(default_factory=Counter)
    order: int = 0
    used: int = 20

    def next(self) -> int:
        """The place of what happens now."""
        self.order += 1
        return self.order

    def fresh(self, name: str) -> Any:
        """A value of that field that nobody has used before, so that it can be found again wherever it goes."""
        self.used += 1
        if name == LABEL:
            return TERMS[self.used % len(TERMS)]
        if name == BOX:
            return [self.used / 1000, 0.25, 0.125, 0.125]
        return self.used if name == "count" else self.used + 0.5

    def content(self) -> dict[str, Any]:
        """A whole annotation of such values."""
        return {LABEL: self.fresh(LABEL), BOX: self.fresh(BOX), "depth": self.fresh("depth")}

    def edited_label(self, label: SeenLabel, name: str, value: Any) -> None:
        """A reviewer changed a field."""
        self.edited(Side.FIFTYONE, label.label_id, label.annotation_id, name, value, label.sample)

    def edited_row(self, annotation_id: str, name: str, value: Any) -> None:
        """The curator changed a field."""
        self.edited(Side.DATABASE, annotation_id, annotation_id, name, value)

    def drew(self, label: SeenLabel) -> None:
        """A reviewer, or a tool, put a label there that nobody knows."""
        self.added(Side.FIFTYONE, label.label_id, None, label.values, label.sample)

    def added(
        self, side: Side, subject: str, annotation_id: str | None, values: dict[str, Any], sample: str | None = None
    ) -> None:
        """Somebody added an annotation; what it holds are edits."""
        self.made[side, subject] = self.next()
        if annotation_id is None:
            self.drawn.add(subject)
        for name, value in values.items():
            self.edited(side, subject, annotation_id, name, value, sample)

    def removed(self, side: Side, subject: str) -> None:
        """Somebody deleted an annotation."""
        self.gone[side, subject] = self.next()

    def seen(self, labels: Iterable[SeenLabel]) -> None:
        """These labels are there, under these ids."""
        self.bore |= {each.label_id: each.annotation_id for each in labels if each.annotation_id is not None}

    def deleted(self, label: SeenLabel) -> None:
        """Somebody deleted a label, whether or not it still had its id."""
        self.erased |= {label.annotation_id, self.bore.get(label.label_id), self.objects.get(label.label_id)}

    def touched(self, label: SeenLabel) -> None:
        """Somebody was at a label."""
        self.hands.append((self.next(), label.sample, label.label_id))

    def went(self, label: SeenLabel, there: Collection[str]) -> None:
        """A label went from its sample; ``there`` are the labels that still stand anywhere."""
        if label.label_id in there:
            self.gone_from[label.label_id, label.sample] = self.next()
        else:
            self.removed(Side.FIFTYONE, label.label_id)

    def moved(self, label_id: str, old: str, new: str) -> None:
        """A label went from one sample to another, with all that was set on it."""
        self.edits = [
            replace(each, sample=new) if (each.subject, each.sample) == (label_id, old) else each for each in self.edits
        ]

    def came_back(self, label: SeenLabel, old: str) -> None:
        """A label is back as it was, on its sample under a new id."""
        self.gone.pop((Side.FIFTYONE, label.label_id), None)
        self.moved(label.label_id, old, label.sample)

    def let_go(self, label: SeenLabel) -> None:
        """A copy lost its annotation's id: with what was typed at it, and stands, it is an annotation of its own."""

        def is_its_own(edit: Edit) -> bool:
            typed = (edit.side, edit.subject) == (Side.FIFTYONE, label.label_id)
            return typed and same(label.values[edit.field], edit.value)

        self.edits = [replace(each, annotation_id=None) if is_its_own(each) else each for each in self.edits]

    def relabelled(self, old: str, new: str) -> None:
        """A label got another label id, and holds what it held."""
        self.edits = [
            replace(each, subject=new) if (each.side, each.subject) == (Side.FIFTYONE, old) else each
            for each in self.edits
        ]
        for moments in (self.gone, self.made):
            if (Side.FIFTYONE, old) in moments:
                moments[Side.FIFTYONE, new] = moments.pop((Side.FIFTYONE, old))
        for key in [each for each in self.forgotten if each[:2] == (Side.FIFTYONE, old)]:
            self.forgotten[Side.FIFTYONE, new, key[2]] = self.forgotten.pop(key)

    def forget(self, side: Side, subject: str, name: str) -> None:
        """A side lost what was set in that field, and whoever set it there can know."""
        self.forgotten[side, subject, name] = self.next()

    def disturbed(self, annotation_id: str | None, label_id: str | None = None) -> None:
        """From now on a label may stand elsewhere than its annotation: nobody can tell that they are one."""
        kept = {new: old for new, old in self.objects.items() if new != label_id and old != annotation_id}
        self.objects = kept

    def edited(
        self, side: Side, subject: str, annotation_id: str | None, name: str, value: Any, sample: str | None = None
    ) -> None:
        """Somebody set a field."""
        self.tried["edits"] += 1
        self.edits.append(Edit(self.next(), side, subject, annotation_id, name, value, sample))

    def standing(self) -> list[Edit]:
        """The edits that their own side has not taken back: the last of each field of each subject that is there."""
        last: dict[tuple[Side, str, str], Edit] = {}
        for each in self.edits:
            if self.gone_from.get((each.subject, str(each.sample)), 0) < each.order:
                last[each.side, each.subject, each.field] = each
        lost = {key: max(self.gone.get(key[:2], 0), self.forgotten.get(key, 0)) for key in last}
        return [each for key, each in last.items() if lost[key] < each.order]

"""Gives labels another class at a person's word, by the way on which every change goes.

The class must be a term of the vocabulary (an alias becomes its term). Both sides are written at once, each by
compare-and-set, logged under the person's name, and undone by one `syncd undo`. Where edits wait for review
(``review.mode: tagged``), FiftyOne alone is written, and the edit waits like one that was typed. Directions, open
conflicts and what reviewers' tags ask for bind it as they bind typing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from syncd.actor import person
from syncd.api.labels import Decided, LeftLabel, targets
from syncd.diff.findings import problems_of
from syncd.diff.resolution.answer import HIDDEN, Question, no_term
from syncd.diff.review import TAGGED
from syncd.diff.unsafe_values import why_unsafe
from syncd.diff.vocabulary import nearest_terms
from syncd.engine.current import spoken
from syncd.engine.direct_plan import DirectOptions, apply_direct, direct_plan
from syncd.engine.session import Session
from syncd.errors import ConfigError
from syncd.model import LABEL, Action, Change, Direction, Json, Side, TagEdit
from syncd.model.conflict_kinds import STICKY, ConflictKind
from syncd.model.current import Present, Row
from syncd.model.reasons import Reason
from syncd.model.run import RunMode
from syncd.model.snapshot import column, known_column
from syncd.model.values import same_value
from syncd.store import conflicts

HEARD = (ConflictKind.UNKNOWN_LABEL, ConflictKind.NEW_LABEL, ConflictKind.UNSAFE_VALUE)
"""Conflicts about a label that another class may settle; any other is somebody's to resolve first."""


@dataclass(frozen=True, kw_only=True)
class Relabelled(Decided):
    """What became of labels that were given a class. ``waits``: what was written waits for review.

    ``already`` counts those that both sides hold as that class.
    """

    label: str
    waits: bool
    already: int

    def as_json(self) -> dict[str, Json]:
        """The document of the App and of programs: the run, what was applied, and each label that was left."""
        result = self.result
        about: dict[str, Json] = {
            "dry_run": result.dry_run if result else False,
            "label": self.label,
            "waits": self.waits,
        }
        refused = result.refused if result else 0
        return self._document(about, {"refused": refused, "held": self.held, "already": self.already})


def relabel(
    session: Session,
    label: str,
    *,
    annotation_ids: Collection[str] = (),
    label_ids: Collection[str] = (),
    note: str | None = None,
    force: bool = False,
    dry_run: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> Relabelled:
    """Gives these labels the class. ``ConfigError`` where it is no term, or where labels are not edited in FiftyOne.

    ``force`` releases the brakes, once.
    """
    term = _term(session, label)
    progress("looking at both sides")
    present, wanted, missing = targets(session, frozenset(annotation_ids), frozenset(label_ids))
    judged = _Judged(session, present, term, person())
    for each in wanted:
        judged.take(each)
    session.rest()
    left = (*missing, *judged.left)
    plan = direct_plan(session.mapping, judged.changes)
    plan = replace(plan, tags=tuple(judged.named()))
    result = None
    if plan.changes:
        options = DirectOptions(RunMode.RELABEL, dry_run=dry_run, force=force, note=note, progress=progress)
        result = apply_direct(session, plan, options)
    return Relabelled(
        binding=plan.binding,
        left=left,
        plan=plan,
        result=result,
        label=term,
        waits=judged.waits,
        already=judged.already,
    )


def _term(session: Session, label: str) -> str:
    """The term that is meant; ``ConfigError`` where there is none, or where no label may be given in FiftyOne."""
    field, vocabulary = session.mapping.field(LABEL), session.vocabulary
    if not field.direction.allows(Direction.TO_DATABASE):
        raise ConfigError(
            f"Labels of {session.mapping.binding!r} are edited in the database alone: label has the direction "
            f"{field.direction.value}.",
            remedy="Correct them there, or set `directions: {label: both}` in the configuration.",
        )
    if not session.database.writable(LABEL):
        raise ConfigError(
            f"The database's column of labels of {session.mapping.binding!r} cannot be written.",
            remedy="Correct them in the table that it comes from, or map a column that can be written.",
        )
    if vocabulary is not None:
        near = {} if vocabulary.meant(label) is not None else nearest_terms([label], vocabulary)
        why = no_term(Question(session.mapping, vocabulary, near), label)
        if why is not None:
            raise ConfigError(f"{why[0].upper()}{why[1:]}.")
        label = str(vocabulary.meant(label))
    if not label:
        raise ConfigError("A label cannot be empty.", remedy="Name a class.")
    for side, name in ((Side.FIFTYONE, "FiftyOne"), (Side.DATABASE, "The database")):
        unsafe = why_unsafe(field, side, label)
        if unsafe is not None:
            raise ConfigError(f"{name} cannot hold {label!r} as a label: {unsafe}.")
    return label


@dataclass
class _Judged:
    """The labels judged so far: what is written, and what is left alone."""

    session: Session
    present: Present
    term: str
    actor: str
    changes: list[Change] = field(default_factory=list)
    left: list[LeftLabel] = field(default_factory=list)
    already: int = 0

    def __post_init__(self) -> None:
        session = self.session
        self.waits = session.policy.review.mode == TAGGED
        self.meant = spoken(session, self.present, session.vocabulary).meant
        self.doubts = dict(_doubts(session))

    def take(self, label: Row) -> None:
        """Judges one label: adds its changes, or the reason why it is left alone."""
        found = list(self._changes(label))
        whys = [each for each in found if isinstance(each, str)]
        if whys:
            self.left.append(LeftLabel(label["annotation_id"], label["label_id"], whys[0]))
        elif not found:
            self.already += 1
        self.changes += [each for each in found if isinstance(each, Change) and not whys]

    def named(self) -> Iterator[TagEdit]:
        """The tags by which the next run knows who edited what it carries to the database."""
        start = self.session.policy.review.actor_prefix
        if start is None:
            return
        name = f"{start}{self.actor}"
        for each in self.changes:
            label = self.present.label_at(each.sample_id, each.label_id)
            if label is None or not (each.reason == Reason.RELABELLED_FOR_REVIEW or each.annotation_id is None):
                continue
            others = tuple(tag for tag in label["tags"] or () if tag.startswith(start) and tag != name)
            yield TagEdit(str(each.sample_id), each.label_id, add=(name,), remove=others, after_changes=True)

    def _changes(self, label: Row) -> Iterator[Change | str]:
        """The changes, or why there are none."""
        annotation_id, place = label["annotation_id"], (label["sample_id"], label["label_id"])
        old = label[column(LABEL)]
        if label["label_id"] is None:
            yield "the label has no id of FiftyOne's own"
        if LABEL in problems_of(label):
            yield "its label in FiftyOne cannot be read"
        wish = self.meant.get(place, {}).get(LABEL)
        if wish is not None and wish != self.term:
            yield f"a tag on it asks for {wish!r}: take the tag off, or reconcile first"
        doubt = self.doubts.get(annotation_id) or self.doubts.get(place)
        if doubt is not None:
            yield f"conflict {doubt['id']} is open about it ({doubt['kind']}): resolve that"
        if annotation_id is None:
            # It becomes a row, with this label, when a run looks at it.
            if old != self.term:
                yield self._change(label, Direction.TO_FIFTYONE, old, Reason.RELABELLED)
            return
        known = self.present.label(annotation_id)
        if known is None or (known["sample_id"], known["label_id"]) != place:
            yield "its annotation id stands on another label"
        why, row = self._row(annotation_id, old)
        if why is not None or row is None:
            yield why or "the database does not have it"
            return
        if old != self.term:
            yield self._change(
                label, Direction.TO_FIFTYONE, old, Reason.RELABELLED_FOR_REVIEW if self.waits else Reason.RELABELLED
            )
        if row[column(LABEL)] != self.term and not self.waits:
            yield self._change(label, Direction.TO_DATABASE, row[column(LABEL)], Reason.RELABELLED)

    def _row(self, annotation_id: str, label: object) -> tuple[str | None, Row | None]:
        """The annotation's row, or why nobody should write to it now."""
        if annotation_id in self.present.hidden:
            return HIDDEN, None
        row = self.present.row(annotation_id)
        if row is None:
            several = bool(self.present.rows_of(annotation_id))
            return "several rows share its id" if several else "the database does not have it", None
        if LABEL in problems_of(row):
            return "its label in the database cannot be read", None
        field, home = self.session.mapping.field(LABEL), self.present.home(annotation_id)
        agreed = (
            home is not None
            and home[known_column(LABEL)]
            and same_value(field, row[column(LABEL)], home[column(LABEL)])
        )
        if not agreed and row[column(LABEL)] not in (label, self.term):
            return "the database holds a label that was not agreed on yet: reconcile first", None
        return None, row

    def _change(self, label: Row, way: Direction, old: Any, reason: str) -> Change:
        return Change(
            annotation_id=label["annotation_id"],
            label_id=label["label_id"],
            sample_id=label["sample_id"],
            direction=way,
            action=Action.UPDATE,
            field=LABEL,
            old=old,
            new=self.term,
            reason=reason,
            actor=self.actor,
        )


def _doubts(session: Session) -> Iterable[tuple[object, dict[str, Any]]]:
    """The open conflicts that come first, by annotation, or by place where the label has no id."""
    found: Sequence[dict[str, Any]] = conflicts.query(session.state, session.tables, bindings=[session.mapping.binding])
    for each in found:
        if each["kind"] not in HEARD and (each["field"] is None or (each["field"] == LABEL and each["kind"] in STICKY)):
            yield each["annotation_id"] or (each["sample_id"], each["label_id"]), each

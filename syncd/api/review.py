"""What a reviewer says of labels by a command: approved, wrong, or sent back.

Approving and flagging set the tags that reviewers set by hand, so that the diff judges them alike; what was said is in
the log under the name of the person who said it. Sending back restores what both sides had agreed on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from syncd.actor import person
from syncd.api.labels import Decided, LeftLabel, targets
from syncd.diff.findings import problems_of
from syncd.diff.tag_intents import verified_field
from syncd.engine.direct_plan import DirectOptions, apply_direct, direct_plan
from syncd.engine.result import RunResult
from syncd.engine.session import Session
from syncd.errors import ConfigError
from syncd.model import APPROVAL, FLAG, Action, Change, Direction, Field, Json, TagEdit, Value
from syncd.model.current import Present, Row
from syncd.model.reasons import Reason
from syncd.model.run import RunMode
from syncd.model.snapshot import column, known_column
from syncd.model.values import same_value

Progress: TypeAlias = "Callable[[str], None]"


def silent(_phase: str) -> None:
    """The progress callback where nobody wants to know."""


@dataclass(frozen=True, kw_only=True)
class Reviewed(Decided):
    """What became of labels that were reviewed. ``tag`` is what they bear now, ``labels`` how many of them.

    ``carried`` is the run that heard it, if there was one.
    """

    tag: str | None
    labels: int
    carried: RunResult | None = None

    @property
    def runs(self) -> tuple[RunResult, ...]:
        """What was said, and what it led to."""
        return tuple(each for each in (self.result, self.carried) if each is not None)

    def as_json(self) -> dict[str, Json]:
        """The document of the App and of programs: the runs, what was applied, and each label that was left."""
        carried = self.carried.run_id if self.carried else None
        return self._document({"tag": self.tag, "labels": self.labels}, {"held": self.held, "carried": carried})


def approve(
    session: Session,
    *,
    annotation_ids: Collection[str] = (),
    label_ids: Collection[str] = (),
    note: str | None = None,
    progress: Progress = silent,
) -> Reviewed:
    """Lets the labels' edits through and sets the mapped ``verified``, as the actor.

    ``ConfigError`` where no approving tag is configured. The edits are carried by the next run.
    """
    review = session.policy.review
    if not review.approve:
        raise ConfigError(
            f"No approving tag is configured for {session.mapping.binding!r}.", remedy="Name one: `review.approve`."
        )
    verified = verified_field(session.mapping, review)
    if verified is not None and not session.database.writable(verified.name):
        verified = None
    said = _Said(session, review.approve[0], APPROVAL, Reason.APPROVAL, verified)
    return _say(said, annotation_ids, label_ids, note, progress)


def flag(
    session: Session,
    *,
    annotation_ids: Collection[str] = (),
    label_ids: Collection[str] = (),
    note: str | None = None,
    progress: Progress = silent,
) -> Reviewed:
    """Marks the labels as wrong, for a person to look at, as the actor; changes no label.

    ``ConfigError`` where no error tag is configured. The column for it, where one is mapped, is set by the next run.
    """
    review = session.policy.review
    if not review.error:
        raise ConfigError(
            f"No error tag is configured for {session.mapping.binding!r}.", remedy="Name one: `review.error`."
        )
    said = _Said(session, review.error[0], FLAG, Reason.FLAGGED)
    return _say(said, annotation_ids, label_ids, note, progress)


def send_back(
    session: Session,
    *,
    annotation_ids: Collection[str] = (),
    label_ids: Collection[str] = (),
    note: str | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> Reviewed:
    """Gives labels back what was agreed, as the actor: an edit that waits is refused, a flag is taken off.

    ``force`` releases the brakes, once.
    """
    progress("looking at both sides")
    present, wanted, missing = targets(session, frozenset(annotation_ids), frozenset(label_ids))
    back = _SentBack(session, present, person())
    for each in wanted:
        back.take(each)
    session.rest()
    plan = replace(direct_plan(session.mapping, back.changes), tags=tuple(back.tags))
    result = None
    if plan.changes or plan.tags:
        result = apply_direct(session, plan, DirectOptions(RunMode.REVIEW, force=force, note=note, progress=progress))
    left = (*missing, *back.left)
    return Reviewed(binding=plan.binding, left=left, plan=plan, result=result, tag=None, labels=back.labels)


@dataclass
class _Said:
    """One thing that is said of labels by a tag: what is set, and what the log gets."""

    session: Session
    tag: str
    name: str
    reason: str
    verified: Field | None = None
    changes: list[Change] = field(default_factory=list)
    tags: list[TagEdit] = field(default_factory=list)
    logged: set[tuple[str, str]] = field(default_factory=set)
    left: list[LeftLabel] = field(default_factory=list)

    def take(self, label: Row, present: Present) -> None:
        """One label."""
        annotation_id = label["annotation_id"]
        if label["label_id"] is None:
            self.left.append(LeftLabel(annotation_id, None, "the label has no id of FiftyOne's own"))
            return
        if self.tag in (label["tags"] or ()):
            self.left.append(LeftLabel(annotation_id, label["label_id"], f"it bears the tag {self.tag!r} already"))
            return
        self.tags.append(TagEdit(label["sample_id"], label["label_id"], add=(self.tag,), after_changes=True))
        if annotation_id is None:
            return
        self.changes.append(_change(label, None, self.name, None, self.tag, self.reason))
        self.changes += self._verified(label, present.row(annotation_id))
        # Where the flag has a column, the diff sets it, and logs it as heard.
        if self.reason == Reason.FLAGGED and self.session.mapping.flag is None:
            self.logged.add((annotation_id, self.tag))

    def _verified(self, label: Row, row: Row | None) -> Iterator[Change]:
        name = None if self.verified is None else self.verified.name
        if name is None or row is None or name in problems_of(label) or name in problems_of(row):
            return
        for way, side in ((Direction.TO_FIFTYONE, label), (Direction.TO_DATABASE, row)):
            if side[column(name)] is not True:
                yield _change(label, way, name, side[column(name)], True, Reason.APPROVED)


def _say(
    said: _Said, annotation_ids: Collection[str], label_ids: Collection[str], note: str | None, progress: Progress
) -> Reviewed:
    session = said.session
    progress("looking at both sides")
    present, wanted, missing = targets(session, frozenset(annotation_ids), frozenset(label_ids))
    for each in wanted:
        said.take(each, present)
    session.rest()
    plan = direct_plan(session.mapping, said.changes)
    plan = replace(plan, tags=tuple(said.tags), answered=frozenset(said.logged))
    result = None
    if plan.tags:
        # It changes no label, so that no brake is about it.
        result = apply_direct(session, plan, DirectOptions(RunMode.REVIEW, braked=False, note=note, progress=progress))
    left = (*missing, *said.left)
    return Reviewed(binding=plan.binding, left=left, plan=plan, result=result, tag=said.tag, labels=len(said.tags))


@dataclass
class _SentBack:
    """The labels that get back what was agreed."""

    session: Session
    present: Present
    actor: str
    changes: list[Change] = field(default_factory=list)
    tags: list[TagEdit] = field(default_factory=list)
    left: list[LeftLabel] = field(default_factory=list)
    labels: int = 0

    def take(self, label: Row) -> None:
        """One label."""
        annotation_id = label["annotation_id"]
        home = self.present.home(annotation_id)
        if annotation_id is None or home is None:
            why = "nothing was agreed of it yet, so that there is nothing to go back to"
            self.left.append(LeftLabel(annotation_id, label["label_id"], why))
            return
        known = self.present.label(annotation_id)
        if known is None or known["label_id"] != label["label_id"] or label["label_id"] is None:
            why = "its annotation id stands on another label"
            self.left.append(LeftLabel(annotation_id, label["label_id"], why))
            return
        changes = list(self._changes(label, home, self.present.row(annotation_id)))
        review = self.session.policy.review
        ours = (*review.approve, *review.error)
        start = review.actor_prefix
        named = start if changes else None
        spoken = [each for each in label["tags"] or () if each in ours or (named and each.startswith(named))]
        if spoken:
            self.tags.append(TagEdit(label["sample_id"], label["label_id"], remove=tuple(spoken), after_changes=True))
        if not changes and not spoken:
            self.left.append(LeftLabel(annotation_id, label["label_id"], "it holds what was agreed, and bears no tag"))
            return
        self.changes += changes
        self.labels += 1

    def _changes(self, label: Row, home: Row, row: Row | None) -> Iterator[Change]:
        """What FiftyOne holds otherwise than was agreed, as far as the database still holds that."""
        for each in self.session.mapping.fields:
            name = column(each.name)
            agreed = bool(home[known_column(each.name)])
            if not agreed or same_value(each, label[name], home[name]) or each.name in problems_of(label):
                continue
            if row is not None and same_value(each, row[name], home[name]):
                yield _change(label, Direction.TO_FIFTYONE, each.name, label[name], home[name], Reason.SENT_BACK)


def _change(label: Row, way: Direction | None, name: str, old: Value, new: Value, reason: str) -> Change:
    return Change(
        annotation_id=label["annotation_id"],
        label_id=label["label_id"],
        sample_id=label["sample_id"],
        direction=way,
        action=Action.UPDATE,
        field=name,
        old=old,
        new=new,
        reason=reason,
        actor=person(),
    )

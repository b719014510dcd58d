"""Resolves conflicts of one binding: reads each side once, decides each conflict, applies one plan for all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import polars as pl

from syncd.actor import person
from syncd.diff.resolution.answer import Answer, OpenConflict, Question, Take
from syncd.diff.resolution.decide import Ways, decide, ways_of
from syncd.diff.review import settled
from syncd.diff.tags import APPROVE, CLASS, PLACE, names_spent_at
from syncd.diff.vocabulary import nearest_terms
from syncd.engine.current import Spoken, look, spoken
from syncd.engine.direct_plan import DirectOptions, Ending, apply_direct, direct_plan
from syncd.engine.result import RunResult, change_json
from syncd.engine.session import Session
from syncd.model import LABEL, SAMPLE_FIELD, Change, Json, Side, TagEdit
from syncd.model.conflict_kinds import ConflictKind
from syncd.model.current import Present
from syncd.model.result import Status
from syncd.model.run import RunMode
from syncd.model.text_enum import TextEnum
from syncd.model.vocabulary import Vocabulary
from syncd.store import conflicts


class Fate(TextEnum):
    """What became of a conflict that somebody answered."""

    RESOLVED = "resolved"

    SETTLED = "settled"
    """The sides agreed by themselves meanwhile."""

    REFUSED = "refused"
    """It cannot be answered so, or a side would not take what it was given: it stays open."""

    OVERTAKEN = "overtaken"
    """An edit came in between: it stays open."""

    WOULD_RESOLVE = "would_resolve"
    """A dry run would have resolved it."""


@dataclass(frozen=True)
class Outcome:
    """One conflict, what became of it, and why where it is still open."""

    conflict: OpenConflict
    status: Fate
    why: str | None = None


@dataclass(frozen=True)
class Resolved:
    """What became of all that were asked; ``result`` is the run that wrote, ``None`` where nothing was to be."""

    outcomes: tuple[Outcome, ...]
    result: RunResult | None
    binding: str

    @property
    def changes(self) -> tuple[Change, ...]:
        """What was, or would be, done for it."""
        return self.result.plan.changes if self.result is not None and self.result.plan is not None else ()

    @property
    def left(self) -> int:
        """How many of those asked are still open."""
        return sum(each.status in (Fate.REFUSED, Fate.OVERTAKEN) for each in self.outcomes)

    @property
    def exit_code(self) -> int:
        """0 where all that were asked are closed (or would be), 3 where one stays open."""
        return 3 if self.left else 0

    def as_json(self) -> dict[str, Json]:
        """The document of ``syncd conflicts resolve --json``: the run, and what became of each conflict."""
        return {
            "binding": self.binding,
            "run_id": self.result.run_id if self.result else None,
            "open": self.left,
            "changes": [change_json(each) for each in self.changes],
            "conflicts": [
                {"id": each.conflict["id"], "kind": each.conflict["kind"], "status": each.status, "why": each.why}
                for each in self.outcomes
            ],
        }


def resolve(
    session: Session,
    asked: Sequence[OpenConflict],
    take: Take,
    *,
    vocabulary: Vocabulary | None,
    note: str | None = None,
    dry_run: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> Resolved:
    """Answers all of these open conflicts alike; what cannot be answered so is named, and stays open."""
    progress("looking at both sides")
    present = look(session, (each["annotation_id"] for each in asked), (each["sample_id"] for each in asked))
    heard = spoken(session, present, vocabulary)
    question = replace(_question(session, asked, take, vocabulary), asked=heard.asked, meant=heard.meant)
    session.rest()
    answers = [decide(question, each, take, present) for each in asked]
    plan = direct_plan(session.mapping, [change for answer in answers for change in answer.changes])
    tags, answered = _tags(session, heard, asked, answers)
    unmarked = _unmarked(session, asked, answers)
    spent = _spent(session, present, asked, answers)
    plan = replace(plan, tags=(*tags, *unmarked, *spent), answered=answered)
    statuses: dict[int, str] = {}

    def finish(ending: Ending) -> None:
        statuses.update(zip(map(id, plan.changes), ending.statuses, strict=True))
        words = f"took {take.words}, {person()}" + (f": {note}" if note else "")
        done = [_status(answer, statuses) for answer in answers]
        state, tables = session.state, session.tables
        for status, resolution in ((Fate.RESOLVED, words), (Fate.SETTLED, conflicts.SETTLED)):
            closed = [each["id"] for each, now in zip(asked, done, strict=True) if now == status]
            conflicts.resolve(state, tables, closed, resolution, ending.at)

    if all(each.refusal is not None for each in answers):
        return Resolved(_outcomes(asked, answers, statuses, {}, dry_run=dry_run), None, plan.binding)
    options = DirectOptions(RunMode.RESOLVE, dry_run=dry_run, braked=False, note=note, finish=finish, progress=progress)
    result = apply_direct(session, plan, options)
    said = {} if dry_run else _said(plan.changes, result)
    return Resolved(_outcomes(asked, answers, statuses, said, dry_run=dry_run), result, plan.binding)


def look_for_ways(session: Session, open_ones: Sequence[OpenConflict], *, vocabulary: Vocabulary | None) -> list[Ways]:
    """Which answers to each of these open conflicts can be carried out as both sides are now; changes nothing."""
    present = look(session, (each["annotation_id"] for each in open_ones), (each["sample_id"] for each in open_ones))
    heard = spoken(session, present, vocabulary)
    question = _question(session, open_ones, Take(Side.FIFTYONE), vocabulary)
    session.rest()
    question = replace(question, asked=heard.asked, meant=heard.meant)
    return [ways_of(question, each, present) for each in open_ones]


def _question(session: Session, asked: Sequence[OpenConflict], take: Take, vocabulary: Vocabulary | None) -> Question:
    near: dict[str, tuple[str, ...]] = {}
    if vocabulary is not None and take.side is not Side.DATABASE:
        labels = {label for each in asked for label in conflicts.labels_in(each)} if take.side else {str(take.text)}
        near = nearest_terms([each for each in sorted(labels) if vocabulary.meant(each) is None], vocabulary)
    fixed = frozenset(name for name in session.mapping.names if not session.database.writable(name))
    return Question(session.mapping, vocabulary, near, fixed, person())


def _tags(
    session: Session, heard: Spoken, asked: Sequence[OpenConflict], answers: Sequence[Answer]
) -> tuple[tuple[TagEdit, ...], frozenset[tuple[str, str]]]:
    """Tags that are answered now: those of a label go, one of a sample speaks for others too.

    Of class tags that disagreed all go, whatever becomes of a tag that was followed.
    """
    review = session.policy.review
    by_tag = [each for each, answer in zip(asked, answers, strict=True) if answer.by_tag]
    disputed = _spoken_about(
        heard.tags, [each for each in by_tag if each["kind"] == ConflictKind.AMBIGUOUS_TAGS], CLASS
    )
    at_odds = settled(replace(review, after="remove"), disputed)
    new = heard.tags.filter(~pl.col("answered"))
    others = [each for each in by_tag if each["kind"] != ConflictKind.AMBIGUOUS_TAGS]
    heeded = [
        settled(review, _spoken_about(new, [each for each in others if (each["field"] == LABEL) is about_label], role))
        for about_label, role in ((True, CLASS), (False, APPROVE))
    ]
    found = [at_odds, *heeded]
    return tuple(edit for each in found for edit in each.edits), frozenset().union(*(each.answered for each in found))


def _spoken_about(tags: pl.DataFrame, conflicts: Sequence[OpenConflict], role: str) -> pl.DataFrame:
    """The tags of that role on the labels that these conflicts are about."""
    places = [{name: each[name] for name in PLACE} for each in conflicts]
    there = pl.DataFrame(places, schema={name: pl.String() for name in PLACE}).unique()
    return tags.filter(pl.col("role") == role).join(there, on=PLACE, how="semi")


def _spent(
    session: Session, present: Present, asked: Sequence[OpenConflict], answers: Sequence[Answer]
) -> list[TagEdit]:
    """Tags that say who made an edit, where a person has settled what becomes of it: the next edit may be another's."""
    places = [
        (each["sample_id"], each["label_id"])
        for each, answer in zip(asked, answers, strict=True)
        if answer.refusal is None and each["field"] is not None
    ]
    return names_spent_at(session.policy.review, present.labels, places)


def _unmarked(session: Session, asked: Sequence[OpenConflict], answers: Sequence[Answer]) -> Iterator[TagEdit]:
    """Takes syncd's own marks off labels about which no conflict stays open.

    Where a change does not come about after all, the next run marks its label again.
    """
    marks = session.policy.review.marks
    names = tuple(each for each in (marks.conflict, marks.unknown_label) if each is not None)
    if not names:
        return
    done = {each["id"]: each for each, answer in zip(asked, answers, strict=True) if answer.refusal is None}
    moves = [change for answer in answers for change in answer.changes if change.field == SAMPLE_FIELD]
    now_at = {(each.sample_id, each.label_id): (each.new, each.label_id) for each in moves}
    open_now = conflicts.query(session.state, session.tables, bindings=[session.mapping.binding])
    doubtful = {(each["sample_id"], each["label_id"]) for each in open_now if each["id"] not in done}
    places = {(each["sample_id"], each["label_id"]) for each in done.values()} - doubtful
    session.rest()
    for sample_id, label_id in sorted(place for place in places if all(place)):
        sample, label = now_at.get((sample_id, label_id), (sample_id, label_id))
        yield TagEdit(str(sample), label, remove=names)


def _status(answer: Answer, statuses: dict[int, str]) -> Fate:
    if answer.refusal is not None:
        return Fate.REFUSED
    if answer.settled:
        return Fate.SETTLED
    found = {statuses[id(each)] for each in answer.changes}
    if Status.REFUSED in found:
        return Fate.REFUSED
    return Fate.RESOLVED if found <= {Status.APPLIED} else Fate.OVERTAKEN


def _said(planned: Sequence[Change], result: RunResult) -> dict[int, str]:
    """{the change's identity: the words of the side that refused it}."""
    return {
        id(change): recorded.result.refused
        for change, recorded in zip(planned, result.recorded, strict=False)
        if recorded.result is not None and recorded.result.refused is not None
    }


def _outcomes(
    asked: Iterable[OpenConflict],
    answers: Iterable[Answer],
    statuses: dict[int, str],
    said: dict[int, str],
    *,
    dry_run: bool,
) -> tuple[Outcome, ...]:
    found = []
    for conflict, answer in zip(asked, answers, strict=True):
        if dry_run and answer.refusal is None:
            status = Fate.SETTLED if answer.settled else Fate.WOULD_RESOLVE
        else:
            status = _status(answer, statuses)
        why = answer.refusal
        if status == Fate.OVERTAKEN:
            why = "an edit came in between: look again"
        elif why is None and status == Fate.REFUSED:
            why = next((said[id(each)] for each in answer.changes if id(each) in said), "a side would not take it")
        found.append(Outcome(conflict, status, why))
    return tuple(found)

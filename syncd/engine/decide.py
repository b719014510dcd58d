"""Reads for one run and lets the diff decide: as little as suffices, everything where that leaves a doubt."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

import polars as pl

from syncd.adapters.sql.clock import UNLIKE
from syncd.diff import History, Inputs, Young, diff, rewind
from syncd.diff.editor_names import SIGNED_SCHEMA, edited_rows
from syncd.diff.history import any_refused, without_refusals
from syncd.diff.quiet_period import young_edits
from syncd.diff.review import TAGGED
from syncd.diff.settled import Rules
from syncd.engine.mark import Standing, standing
from syncd.engine.mode import (
    NewRows,
    Pace,
    another_table,
    moved,
    new_rows,
    rows_unexplained,
    takes_otherwise,
    why_full,
    why_held,
)
from syncd.engine.options import Options
from syncd.engine.read import Reading, read_everything, read_one, read_since, too_much
from syncd.engine.session import Session
from syncd.engine.sweep import Met
from syncd.logs import Logger
from syncd.model import Direction, Origin, Plan, Policy, Side
from syncd.model.capabilities import Stamps
from syncd.model.plan import AWAITING, Edited
from syncd.model.run import RunMode
from syncd.model.snapshot import distinct
from syncd.store import baseline, changes, cursors, held, history
from syncd.store.capture_read import Captured, changed_since
from syncd.store.cursors import Cursor

log = Logger(__name__)


@dataclass(frozen=True)
class Decision:
    """A plan and the read that it rests on.

    ``met`` is what goes into the baseline besides what the plan moves: annotations that both sides hold alike.
    ``marked`` compares the mark on the dataset with the change log.
    """

    plan: Plan
    mode: RunMode
    why_full: str | None
    moved: tuple[Cursor, ...]
    marked: Standing
    met: Met | None = None


def decide(session: Session, options: Options, until_done: ExitStack) -> Decision:
    """Reads as little as suffices and lets the diff decide; reads everything where that leaves a doubt.

    A read that is too large for memory leaves what the decision needs on disk, as long as ``until_done`` is open.
    """
    session.rest()
    # Before anything is asked of the database: no transaction is open while FiftyOne is asked.
    fiftyone_now = session.fiftyone.now()
    origins = _origins(session, options)
    before = cursors.load(session.state, session.tables, session.mapping.binding)
    marked = standing(session, origins[Side.FIFTYONE].mark)
    if not before:
        # Without cursors everything is met anew, whatever was agreed once.
        marked = replace(marked, behind=None)
    captured = _captured(session, before)
    reason = "asked for" if options.full else _why_full(session, options, before, origins, marked, fiftyone_now)
    if reason is None and captured is not None:
        reason = captured.gap
    if reason is None:
        sizes = (origins[Side.FIFTYONE].rows, before[Side.DATABASE].rows)
        reason = too_much(session, *_since(options, before, captured), *sizes)
    session.rest()
    deleted: dict[str, Edited] = {}
    if reason is None:
        since = _since(options, before, captured)
        reading = read_since(session, *since, before[Side.DATABASE].left_alone, options.progress)
        fresh = None if captured is not None else new_rows(reading, before[Side.DATABASE])
        if fresh is not None and rows_unexplained(before[Side.DATABASE], origins[Side.DATABASE], fresh):
            reason = "the database's number of rows is not what its changes explain"
        else:
            remembered = _remembered(session, reading.annotation_ids) if reading.any_rows else History()
            remembered = _with_earlier(session, reading, remembered)
            session.rest()
            plan = _diff(session, options, reading, remembered, before, origins, marked.behind)
            if not plan.hints:
                takes = _takes(session, remembered, plan)
                after = _moved(session, reading, before, origins, plan, fresh, captured, takes)
                return Decision(plan, RunMode.INCREMENTAL, None, after, marked)
            reason = plan.hints[0]
        deleted = reading.database.deleted
    log.debug("reading everything", binding=session.mapping.binding, why=reason)
    if origins[Side.DATABASE].rows is None:
        origins[Side.DATABASE] = session.database.origin(count_rows=True)
    session.rest()
    remembered = _remembered(session, None)
    takes = session.database.rules()
    if takes_otherwise(before, takes):
        remembered = without_refusals(remembered)
    session.rest()
    rules_at = partial(_rules, session, options, remembered, before)
    # For one run's own tag other labels are spoken of than those of which documents were learnt not to speak.
    cache = session.document_cache if options.tag is None else None
    reading = read_everything(session, rules_at, origins[Side.DATABASE].rows, cache, options.progress, until_done)
    # Who deleted what was told by the reading that led to this one.
    reading = replace(reading, database=replace(reading.database, deleted=deleted))
    remembered = _with_earlier(session, reading, remembered)
    session.rest()
    plan = _diff(session, options, reading, remembered, before, origins, marked.behind)
    after = _moved(session, reading, before, origins, plan, None, captured, takes)
    return Decision(plan, RunMode.FULL, reason, after, marked, reading.met)


def _origins(session: Session, options: Options) -> dict[Side, Origin]:
    # Triggers tell of each deletion; without them only the number of rows does.
    count_rows = options.full or (options.count_rows and session.capture is None)
    return {
        Side.FIFTYONE: session.fiftyone.origin(),
        Side.DATABASE: session.database.origin(count_rows=count_rows),
    }


def decide_one(session: Session, annotation_id: str, pace: Pace) -> tuple[Plan, Reading]:
    """What a complete reading would decide about one annotation and its neighbours, and what it rests on.

    Nobody may apply it, and whether a brake holds it says nothing: those are about everything at once.
    """
    session.rest()
    fiftyone = session.fiftyone.origin()
    origins = {Side.FIFTYONE: fiftyone, Side.DATABASE: session.database.origin(count_rows=False)}
    before = cursors.load(session.state, session.tables, session.mapping.binding)
    reading = read_one(session, annotation_id)
    remembered = _with_earlier(session, reading, _remembered(session, reading.annotation_ids))
    session.rest()
    options = Options(pace=pace)
    return _diff(session, options, reading, remembered, before, origins, None), reading


def _why_full(
    session: Session,
    options: Options,
    before: dict[Side, Cursor],
    origins: dict[Side, Origin],
    marked: Standing,
    fiftyone_now: datetime,
) -> str | None:
    now = {Side.FIFTYONE: fiftyone_now, Side.DATABASE: session.database.now()}
    stamped = session.database.capabilities.stamps is not Stamps.NONE or session.capture is not None
    if held.mode(session.state, session.tables, session.mapping.binding) == RunMode.FULL:
        return "what holds the binding was found by reading everything"
    if marked.is_older:
        return "FiftyOne bears an older mark than was left there"
    return why_full(before, origins, session.fingerprint, options.pace, now, stamped=stamped)


def _captured(session: Session, before: dict[Side, Cursor]) -> Captured | None:
    """What triggers recorded since the last run; ``None`` where there are none."""
    if session.capture is None:
        return None
    cursor = before.get(Side.DATABASE)
    position = cursor.captured if cursor is not None else None
    return changed_since(session.state, session.tables, session.capture, position)


def _since(
    options: Options, before: dict[Side, Cursor], captured: Captured | None
) -> tuple[datetime, datetime | Captured]:
    """Where the incremental read of each side begins."""
    labels, rows = before[Side.FIFTYONE].position, before[Side.DATABASE].position
    assert labels is not None and rows is not None, "a side without a position is read whole"
    overlap = options.pace.overlap
    return labels - overlap, rows - overlap if captured is None else captured


def _diff(
    session: Session,
    options: Options,
    reading: Reading,
    remembered: History,
    before: dict[Side, Cursor],
    origins: dict[Side, Origin],
    is_behind: str | None,
) -> Plan:
    options.progress("comparing")
    remembered = replace(remembered, signed=_signed(session, reading))
    remade = why_held(before, origins[Side.FIFTYONE], reading.baseline_size)
    first_besides = 0 if reading.met is None else reading.met.first
    plan = diff(
        Inputs(
            mapping=session.mapping,
            policy=narrowed(session.policy, options.tag),
            fiftyone=reading.fiftyone,
            database=reading.database,
            baseline=reading.baseline,
            baseline_size=reading.baseline_size,
            samples=reading.samples,
            homes=reading.homes,
            alongside=reading.alongside,
            away=_are_away(session, reading),
            history=remembered,
            young=_young(reading.fiftyone.as_of, options.pace, before),
            vocabulary=session.vocabulary,
            met_besides=first_besides,
            starts=_starts(session, reading),
            adopt=remade is not None and options.force,
            force=options.force or options.accepted is not None,
            accepted=options.accepted,
            another_table=another_table(before, origins[Side.DATABASE]),
            behind=is_behind,
        )
    )
    if reading.met is not None:
        first, absent = plan.counts.first_met + first_besides, plan.counts.not_ingested + reading.not_ingested
        plan = replace(plan, counts=replace(plan.counts, first_met=first, not_ingested=absent))
    if remade is not None and not options.force:
        return replace(plan, held=remade, tags=(), answered=frozenset())
    return left_out(plan, session.policy, options.tag)


def _takes(session: Session, remembered: History, plan: Plan) -> str | None:
    """The fingerprint of what the table accepts, where nothing was refused before and something may be now."""
    if not plan.count(Direction.TO_DATABASE) or any_refused(remembered):
        return None
    rules = session.database.rules()
    session.rest()
    return rules


def _starts(session: Session, reading: Reading) -> bool:
    """Whether the written table is empty and nothing was ever agreed; asked only where a project may be starting."""
    if reading.baseline_size or reading.database.size or reading.fiftyone.rows.is_empty():
        return False
    begun = changes.any_applied(session.state, session.tables, session.mapping.binding)
    starts = not begun and session.database.origin(count_rows=True).rows == 0
    session.rest()
    return starts


def _rules(
    session: Session, options: Options, remembered: History, before: dict[Side, Cursor], as_of: datetime
) -> Rules:
    """The rules by which annotations are settled."""
    policy = narrowed(session.policy, options.tag)
    young = _young(as_of, options.pace, before)
    return Rules(session.mapping, policy, session.vocabulary, remembered, young, as_of, diff)


def _remembered(session: Session, ids: set[str] | None) -> History:
    """The history of these annotations and of labels without an id, or of all (``None``)."""
    now = session.now()
    since, until = now - session.stale_window, now + UNLIKE
    return history.load(session.state, session.tables, session.mapping.binding, since, until, ids)


def _are_away(session: Session, reading: Reading) -> bool:
    """Whether labels without an id may belong to annotations whose samples had left the dataset."""
    if reading.complete or not reading.fiftyone.rows["annotation_id"].null_count():
        return False
    found = baseline.any_away(session.state, session.tables, session.mapping.binding)
    session.rest()
    return found


def _signed(session: Session, reading: Reading) -> pl.DataFrame:
    """The names that syncd itself left in the edited rows (:data:`syncd.diff.editor_names.SIGNED_SCHEMA`)."""
    edited = edited_rows(session.mapping, reading.baseline, reading.database.rows)
    if not edited:
        return pl.DataFrame(schema=SIGNED_SCHEMA)
    found = history.signed(session.state, session.tables, session.mapping.binding, edited)
    session.rest()
    names = [session.database.signature(each) for each in found["actor"].to_list()]
    return found.select("annotation_id", pl.Series("name", names, pl.String))


def _with_earlier(session: Session, reading: Reading, remembered: History) -> History:
    """The history, with earlier agreed values of the annotations that may have gone back to them."""
    frames = (reading.fiftyone.rows, reading.database.rows, reading.baseline)
    if all(each.is_empty() for each in frames):
        return remembered
    state, tables, binding = session.state, session.tables, session.mapping.binding
    until = session.now() + UNLIKE
    newest = history.newest(state, tables, binding, until)
    ids = rewind.asked_for(session.mapping, *frames, complete=reading.complete, newest=newest)
    return history.with_earlier(state, tables, binding, remembered, ids, until) if ids else remembered


def _young(as_of: datetime, pace: Pace, before: dict[Side, Cursor]) -> Young | None:
    cursor = before.get(Side.FIFTYONE)
    return young_edits(as_of, pace.quiet_period, cursor.put_off if cursor is not None else {})


def _moved(
    session: Session,
    reading: Reading,
    before: dict[Side, Cursor],
    origins: dict[Side, Origin],
    plan: Plan,
    fresh: NewRows | None,
    captured: Captured | None,
    takes: str | None = None,
) -> tuple[Cursor, ...]:
    left = reading.fiftyone.rows.filter(pl.col("label_id").is_in(list(plan.scope.left_alone)))
    oldest = left["edited_at"].min() if left.height else None
    snapshots = (reading.fiftyone, reading.database)
    oldest_left = oldest if isinstance(oldest, datetime) else None
    position = captured.position if captured is not None else None
    left_ids = plan.scope.left_alone & distinct(
        "annotation_id", reading.fiftyone.rows, reading.baseline, reading.database.rows
    )
    return tuple(
        moved(
            session.fingerprint,
            origins,
            snapshots,
            before,
            oldest_left,
            fresh,
            position,
            left_ids,
            plan.scope.samples_left,
            takes,
        )
    )


def narrowed(policy: Policy, tag: str | None) -> Policy:
    """The policy of a run that takes only edits with this tag.

    The tag stands in for an approving one, and is then removed, kept or replaced as configured (``review.after``).
    Changes from the database are not affected, and the next run sees again what this one left out.
    """
    if tag is None:
        return policy
    return replace(policy, review=replace(policy.review, mode=TAGGED, approve=(tag,), verified=None))


def left_out(plan: Plan, policy: Policy, tag: str | None) -> Plan:
    """The plan without its waiting edits, where only the tag of this one run makes them wait."""
    if tag is None or policy.review.mode == TAGGED:
        return plan
    return replace(plan, waiting=tuple(each for each in plan.waiting if each.kind != AWAITING))

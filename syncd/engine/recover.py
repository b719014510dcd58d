"""Brings a side forward again that went back in time, or accepts it as it is."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace

from syncd.diff.rewind import NAMES
from syncd.engine.decide import decide
from syncd.engine.direct_plan import DirectOptions, Ending, apply_direct, direct_plan
from syncd.engine.failures import clear_errors
from syncd.engine.mark import leave_mark
from syncd.engine.mode import Pace
from syncd.engine.options import Options
from syncd.engine.result import RunResult, change_json
from syncd.engine.run import reconcile
from syncd.engine.session import Session
from syncd.model import Change, Direction, Json, Plan, Side
from syncd.model.run import RunMode
from syncd.store import conflicts, held


@dataclass(frozen=True)
class Recovered:
    """What became of a side. ``plan`` is what it took; ``left`` are changes that the side cannot take."""

    side: Side
    accepted: bool
    plan: Plan
    left: tuple[Change, ...]
    result: RunResult

    def as_json(self) -> dict[str, Json]:
        """The documented form: that of a reconcile, with the side and what it was given."""
        return self.result.as_json() | {
            "side": self.side.value,
            "accepted": self.accepted,
            "changes": [change_json(each) for each in self.plan.changes],
            "left": [change_json(each) for each in self.left],
        }


def recover(session: Session, side: Side, options: Options, *, accept: bool = False) -> Recovered:
    """Writes to the side what was agreed on last, where it holds what was agreed earlier.

    ``accept`` takes the side as it is instead: what it holds is carried to the other side as edits are. Where syncd's
    own tables went back, nothing but FiftyOne knows what was agreed since: what it holds goes to the database as edits
    do, and with ``accept`` FiftyOne follows the database. Of ``options`` only ``dry_run``, ``pace`` and ``progress``
    count. A side that did not go back is left alone.
    """
    everything = replace(options, full=True, force=False, tag=None, quiet=False, pace=Pace(options.pace.overlap))
    with clear_errors(), ExitStack() as until_done:
        decision = decide(session, everything, until_done)
    behind = decision.marked.behind is not None
    changes = decision.plan.recovery.get(Side.FIFTYONE if behind else side, ())
    if (behind and side is Side.FIFTYONE) or not (behind or changes):
        return Recovered(side, accept, direct_plan(session.mapping, ()), (), _nothing(session, side, options))
    if accept is not behind:
        taken = Side.FIFTYONE if behind else side
        result = reconcile(session, replace(everything, accepted=taken))
        return Recovered(side, accept, result.plan or decision.plan, (), result)
    fixed = {name for name in session.mapping.names if not session.database.writable(name)}
    left = tuple(each for each in changes if each.direction is Direction.TO_DATABASE and each.field in fixed)
    plan = direct_plan(session.mapping, [each for each in changes if each not in left])

    def finish(_: Ending) -> None:
        held.drop(session.state, session.tables, plan.binding)

    made = DirectOptions(
        RunMode.RECOVER, dry_run=options.dry_run, braked=False, finish=finish, progress=options.progress
    )
    result = apply_direct(session, plan, made)
    if behind and not options.dry_run:
        with clear_errors():
            leave_mark(session, None, accepted=True)
    return Recovered(side, accept, plan, left, result)


def _nothing(session: Session, side: Side, options: Options) -> RunResult:
    binding = session.mapping.binding
    return RunResult(
        binding=binding,
        run_id=None,
        mode=RunMode.RECOVER,
        dry_run=options.dry_run,
        plan=direct_plan(session.mapping, ()),
        open_conflicts=conflicts.count_open(session.state, session.tables, binding),
        notes=(f"{NAMES[side]} did not go back in time: there is nothing to recover",),
    )

"""What is done to one binding: each call opens what it needs, and closes it again."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, TypedDict

from syncd.api import html
from syncd.api.filters import check_field, check_label, run_of, unknown_actor
from syncd.api.rows import ConflictRow
from syncd.config import Config
from syncd.diff.resolution.answer import Take
from syncd.diff.resolution.decide import Ways
from syncd.engine import plan_file
from syncd.engine.direct_plan import DirectOptions, apply_direct, direct_plan
from syncd.engine.mode import Pace
from syncd.engine.options import Options
from syncd.engine.plan_file import SavedPlan
from syncd.engine.recover import Recovered
from syncd.engine.recover import recover as recover_side
from syncd.engine.resolve import Resolved, look_for_ways
from syncd.engine.resolve import resolve as resolve_conflicts
from syncd.engine.result import RunResult
from syncd.engine.run import reconcile_binding
from syncd.engine.session import open_session
from syncd.engine.state import open_state
from syncd.engine.undo import Undone
from syncd.engine.undo import undo as undo_changes
from syncd.engine.verify import Verdict
from syncd.engine.verify import verify as compare
from syncd.errors import ConfigError
from syncd.files import whole_file
from syncd.model import Change, Direction, Json, Plan, Side
from syncd.model.run import RunMode
from syncd.report.content import Report, gather
from syncd.report.formats import THUMBNAILS, Format, format_of, write
from syncd.report.selection import Selection
from syncd.report.sides import look
from syncd.store.held import HeldPlan

Phase = Callable[[str], None]
"""Told of each phase as it begins."""


def quiet(_phase: str) -> None:
    """The progress callback where nobody wants to know."""


@dataclass(frozen=True)
class PlannedRun:
    """What a reconcile would do: computing it has changed nothing. ``apply`` takes it as long as nothing moves.

    ``result`` is that of a dry run.
    """

    result: RunResult
    full: bool
    tag: str | None
    forced: bool

    @property
    def plan(self) -> Plan | None:
        """The plan; ``None`` where the dataset is missing."""
        return self.result.plan

    @property
    def binding(self) -> str:
        """The binding that it is for."""
        return self.result.binding

    @property
    def changes(self) -> tuple[Change, ...]:
        """The changes that it would make."""
        return () if self.result.plan is None else self.result.plan.changes

    @property
    def held(self) -> str | None:
        """The brake that would stop it."""
        return self.result.held

    @property
    def exit_code(self) -> int:
        """The exit code of ``syncd reconcile --dry-run``: 3 with open conflicts, 4 where it is held, else 0."""
        return self.result.exit_code

    def as_json(self) -> dict[str, Json]:
        """The document of ``syncd reconcile --dry-run``."""
        return self.result.as_json()

    def save(self, path: str | Path) -> None:
        """Writes it to a file for ``apply``, here or on the command line, now or later."""
        save_plans([self], Path(path))

    def _repr_html_(self) -> str:
        columns = ("annotation", "direction", "field", "old", "new", "reason", "by")
        changes = self.changes
        cells = (
            (
                each.annotation_id or each.label_id,
                each.direction.value if each.direction else None,
                each.field or each.action.value,
                each.old,
                each.new,
                each.reason,
                each.actor,
            )
            for each in changes[: html.MOST]
        )
        conflicts = 0 if self.plan is None else len(self.plan.conflicts)
        caption = f"{self.binding}: {len(changes):,} changes, {conflicts:,} conflicts"
        held = html.paragraph(f"Held: {self.held}") if self.held else ""
        return held + html.table(columns, cells, caption)


class Asked(TypedDict, total=False):
    """How a reconcile is asked for, or a plan of one."""

    full: bool
    force: bool
    tag: str | None
    phase: Phase


def pace_of(config: Config) -> Pace:
    """The configured pace; a person who asks for a run wants every edit in it, so there is no quiet period."""
    return Pace(overlap=config.daemon.overlap, full_scan_interval=config.daemon.full_scan_interval)


def reconcile(
    config: Config, name: str, *, full: bool = False, force: bool = False, tag: str | None = None, phase: Phase = quiet
) -> RunResult:
    """Brings both sides into agreement, once."""
    options = Options(full=full, force=force, tag=tag, pace=pace_of(config), progress=phase)
    return reconcile_binding(config, name, options)


def plan(
    config: Config, name: str, *, full: bool = False, force: bool = False, tag: str | None = None, phase: Phase = quiet
) -> PlannedRun:
    """What a reconcile would do; changes nothing."""
    options = Options(dry_run=True, full=full, force=force, tag=tag, pace=pace_of(config), progress=phase)
    return PlannedRun(reconcile_binding(config, name, options), full, tag, force)


def save_plans(plans: Sequence[PlannedRun], path: Path) -> None:
    """Writes plans to one file; ``ConfigError`` for those that are about a part of the edits."""
    if any(each.tag is not None for each in plans):
        raise ConfigError("A plan of a part of the edits cannot be saved.", remedy="Plan without a tag.")
    if not all(each.full for each in plans):
        raise ConfigError("Only a plan that rests on all of both sides can be saved.", remedy="Plan with full=True.")
    found = [each.plan for each in plans if each.plan is not None]
    plan_file.save(path, found, forced=any(each.forced for each in plans))


def load_plans(path: Path) -> list[SavedPlan]:
    """The plans of a file."""
    return plan_file.load(path)


def held_plan(held: HeldPlan) -> SavedPlan:
    """A plan that a brake holds, to be applied although it does."""
    return SavedPlan(held.binding, held.digest, forced=True)


def apply(config: Config, what: PlannedRun | SavedPlan, *, phase: Phase = quiet) -> RunResult:
    """Applies a plan. ``StalePlan`` where either side has moved since it was made: then nothing was changed."""
    if isinstance(what, PlannedRun):
        if what.plan is None:
            raise ConfigError(f"There is nothing to apply: {what.held}.")
        options = Options(
            full=what.full,
            force=what.forced,
            tag=what.tag,
            pace=pace_of(config),
            expected=what.plan.digest,
            progress=phase,
        )
        return reconcile_binding(config, what.binding, options)
    if what.command is None:
        options = Options(full=True, force=what.forced, expected=what.digest, progress=phase)
        return reconcile_binding(config, what.binding, options)
    with open_session(config, what.binding) as session:
        made = direct_plan(session.mapping, plan_file.changes_of(what, session.mapping))
        plan_file.check(what, made)
        return apply_direct(session, made, DirectOptions(what.command, strict=True, force=what.forced, progress=phase))


def verify(config: Config, name: str, *, phase: Phase = quiet) -> Verdict:
    """Reads both sides completely and compares them, whatever baseline and cursors say."""
    with open_session(config, name) as session:
        return compare(session, phase)


def taken(take: str | Side | None, value: object) -> Take:
    """What is taken; ``ConfigError`` unless exactly one thing is. A value that is no text is taken as JSON has it."""
    if (take is None) == (value is None):
        raise ConfigError("Say what to take, once.", remedy="take='fiftyone', take='database', or value='TEXT'.")
    if isinstance(take, Side):
        return Take(take)
    if take is None:
        return Take(text=value if isinstance(value, str) else json.dumps(value))
    return Take(Side(take)) if take in {side.value for side in Side} else Take(text=take)


def resolve(
    config: Config,
    name: str,
    asked: Sequence[ConflictRow],
    take: Take,
    *,
    note: str | None = None,
    dry_run: bool = False,
    phase: Phase = quiet,
) -> Resolved:
    """Answers these open conflicts of the binding alike."""
    with open_session(config, name) as session:
        return resolve_conflicts(
            session, _dicts(asked), take, vocabulary=session.vocabulary, note=note, dry_run=dry_run, progress=phase
        )


def _dicts(asked: Sequence[ConflictRow]) -> list[dict[str, Any]]:
    return [dict(vars(each)) for each in asked]


def ways(config: Config, name: str, asked: Sequence[ConflictRow], *, phase: Phase = quiet) -> list[Ways]:
    """Which answers to each of these open conflicts can be carried out as both sides are now; changes nothing."""
    with open_session(config, name) as session:
        phase("looking at both sides")
        return look_for_ways(session, _dicts(asked), vocabulary=session.vocabulary)


def undo(
    config: Config,
    name: str,
    entries: Sequence[dict[str, Any]],
    *,
    dry_run: bool = False,
    force: bool = False,
    note: str | None = None,
    phase: Phase = quiet,
) -> Undone:
    """Takes these applied changes of the binding back, as far as both sides still hold what they left."""
    with open_session(config, name) as session:
        options = DirectOptions(RunMode.UNDO, dry_run=dry_run, force=force, note=note, progress=phase)
        return undo_changes(session, entries, options)


def save_undone(done: Sequence[Undone], path: Path, *, forced: bool) -> None:
    """Saves the inverse of some changes for ``apply``."""
    plan_file.save(path, [each.plan for each in done if each.plan.changes], forced=forced, command=RunMode.UNDO)


def recover(
    config: Config,
    name: str,
    side: Side,
    *,
    accept: bool = False,
    dry_run: bool = False,
    phase: Phase = quiet,
) -> Recovered:
    """Brings a side forward again that went back in time, or takes it as it is."""
    with open_session(config, name) as session:
        options = Options(dry_run=dry_run, pace=Pace(config.daemon.overlap), progress=phase)
        return recover_side(session, side, options, accept=accept)


@dataclass(frozen=True)
class MadeReport:
    """A report of what changed: its numbers (``content``), and every change."""

    content: Report
    hints: tuple[str, ...]
    config: Config

    def as_json(self) -> dict[str, Any]:
        """The document of ``syncd report --json``."""
        file = BytesIO()
        self.write_to(file, Format.JSON)
        found: dict[str, Any] = json.loads(file.getvalue())
        return found

    def write(
        self,
        path: str | Path,
        *,
        format: Format | str | None = None,  # noqa: A002 - the option's name
        thumbnails: int = THUMBNAILS,
        app_url: str | None = None,
        safe_for_spreadsheets: bool = False,
    ) -> None:
        """Writes it to a file, whole or not at all, in the format that is given or that the name says."""
        path = Path(path)
        form = Format(format) if format is not None else format_of(path)
        if form is None:
            raise ConfigError(
                f"The name {path.name!r} does not say which format is meant.",
                remedy=f"Give a format: {', '.join(each.value for each in Format)}.",
            )
        try:
            with whole_file(path) as file:
                self.write_to(
                    file,
                    form,
                    thumbnails=thumbnails,
                    app_url=app_url,
                    safe_for_spreadsheets=safe_for_spreadsheets,
                )
        except OSError as error:
            raise ConfigError(
                f"The report cannot be written to {path}: {error.strerror}.", remedy="Name a file that can be written."
            ) from error

    def write_to(
        self,
        file: BinaryIO,
        form: Format,
        *,
        thumbnails: int = THUMBNAILS,
        app_url: str | None = None,
        safe_for_spreadsheets: bool = False,
        phase: Phase = quiet,
    ) -> None:
        """Writes it to an open file; of HTML with at most so many pictures of what changed."""
        pictures = None
        if form is Format.HTML and thumbnails:
            from syncd.report.pictures import take

            phase("fetching pictures")
            pictures = take(self.config, self.content.changes, thumbnails)
        phase("writing")
        write(
            self.content,
            form,
            file,
            app_url=app_url or self.config.fiftyone.app_url,
            pictures=pictures,
            safe_for_spreadsheets=safe_for_spreadsheets,
        )


def report(
    config: Config,
    names: Sequence[str],
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    run: str | None = None,
    actor: str | None = None,
    label: str | None = None,
    field: str | None = None,
    direction: Direction | str | None = None,
    title: str | None = None,
    phase: Phase = quiet,
) -> MadeReport:
    """Reports what changed: totals, transitions, people, conflicts, and every change."""
    with open_state(config) as state:
        check_field(state, config, names, field)
        selection = Selection(
            bindings=tuple(names),
            since=since,
            until=until,
            run_id=run_of(state, run),
            actor=actor,
            label=label,
            field=field,
            direction=None if direction is None else Direction(direction).value,
        )
        if since is not None and until is not None and since >= until:
            raise ConfigError(
                "since is not before until: there is nothing between them.",
                remedy="Swap them, or leave one out.",
            )
        phase("reading the log")
        # Both sides are read meanwhile, and no transaction waits for that.
        state.connection.rollback()
        sides = look(config, names)
        made_at = datetime.now(timezone.utc)
        found = gather(state.connection, state.tables, selection, made_at=made_at, title=title, sides=sides)
        hints: tuple[str, ...] = ()
        if found.changes.is_empty():
            check_label(state, config, names, label)
            hints = unknown_actor(state, actor)
    return MadeReport(found, hints, config)

"""What is asked of syncd's own tables, about one binding or several: nothing here reads either side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TextIO

from syncd.api.filters import check_direction, check_field, check_kind, check_label, check_status, run_of, unknown_actor
from syncd.api.rows import ChangeLog, ChangeRow, ConflictList, ConflictRow, WaitingList, WaitingRow, rows_of
from syncd.config import Config
from syncd.engine.state import State, open_state
from syncd.errors import ConfigError
from syncd.model.result import Status
from syncd.store import changes, following, runs
from syncd.store import conflicts as conflict_rows
from syncd.store import held as held_plans
from syncd.store import waiting as waiting_rows
from syncd.store.chain import Soundness
from syncd.store.conflicts import OPEN
from syncd.store.export import Exported
from syncd.store.export import export as export_log_to
from syncd.store.held import HeldPlan

UNDO_REMEDY = "`syncd log` shows runs and changes; --since takes back all since a moment."


@dataclass(frozen=True)
class LogFilter:
    """Which entries of the change log are asked for; ``run`` is a run's id, or how it begins; ``limit`` the newest."""

    run: str | None = None
    annotation_id: str | None = None
    field: str | None = None
    direction: str | None = None
    status: str | None = None
    actor: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    limit: int | None = None


def conflicts(
    config: Config,
    names: Sequence[str],
    *,
    ids: Sequence[int] = (),
    kind: str | None = None,
    label: str | None = None,
    field: str | None = None,
    since: datetime | None = None,
    everything: bool = False,
    limit: int | None = None,
    offset: int = 0,
) -> ConflictList:
    """The open conflicts that match, the oldest first; ``everything`` takes those that are resolved too.

    ``UnknownFilter`` where a filter names nothing; ``ConfigError`` for an id that is none, or not open any more.
    """
    with open_state(config) as state:
        check_kind(state, kind)
        check_field(state, config, names, field)
        if ids and not everything:
            _check_open(state, ids)
        matching: dict[str, Any] = {
            "bindings": names,
            "ids": ids,
            "kind": kind,
            "field": field,
            "label": label,
            "since": since,
            "status": None if everything else OPEN,
        }
        found = conflict_rows.query(state.connection, state.tables, **matching, limit=limit, offset=offset)
        total = len(found)
        if limit is not None or offset:
            total = conflict_rows.count(state.connection, state.tables, **matching)
        if not total:
            check_label(state, config, names, label)
    return ConflictList(rows_of(ConflictRow, found), total)


def _check_open(state: State, ids: Sequence[int]) -> None:
    closed = [each for each in _known(state, ids) if each["status"] != OPEN]
    if closed:
        raise ConfigError(
            f"Conflict {closed[0]['id']} is not open any more: {closed[0]['resolution']}.",
            remedy="Leave it out; `syncd conflicts list` shows the open ones.",
        )


def _known(state: State, ids: Sequence[int]) -> list[dict[str, Any]]:
    """These conflicts, open or not; ``ConfigError`` for an id that is none."""
    found = conflict_rows.query(state.connection, state.tables, ids=ids, status=None)
    missing = sorted(set(ids) - {each["id"] for each in found})
    if missing:
        raise ConfigError(
            f"There is no conflict {', '.join(map(str, missing))}.", remedy="`syncd conflicts list` shows them."
        )
    return found


def conflicts_in_full(config: Config, ids: Sequence[int]) -> list[tuple[ConflictRow, tuple[ChangeRow, ...]]]:
    """Conflicts of any binding by their ids, open or not, each with the newest log entries about the same."""
    with open_state(config) as state:
        found = _known(state, ids)
        histories = [_about(state, each) for each in found]
    return list(zip(rows_of(ConflictRow, found), histories, strict=True))


def _about(state: State, conflict: dict[str, Any]) -> tuple[ChangeRow, ...]:
    if conflict["annotation_id"] is None:
        return ()
    found = changes.query(
        state.connection,
        state.tables,
        bindings=[conflict["binding"]],
        annotation_id=conflict["annotation_id"],
        field=conflict["field"],
        limit=3,
    )
    return rows_of(ChangeRow, found)


def waiting(
    config: Config, names: Sequence[str], *, kind: str | None = None, limit: int | None = None, offset: int = 0
) -> WaitingList:
    """What waits for a person in FiftyOne, the longest first."""
    with open_state(config) as state:
        found = waiting_rows.query(
            state.connection, state.tables, bindings=names, kind=kind, limit=limit, offset=offset
        )
        total = len(found)
        if limit is not None or offset:
            total = waiting_rows.count_entries(state.connection, state.tables, bindings=names, kind=kind)
    return WaitingList(rows_of(WaitingRow, found), total)


def log(config: Config, names: Sequence[str], asked: LogFilter) -> ChangeLog:
    """Entries of the change log that match, the newest last; as the filter says.

    ``UnknownFilter`` where a filter names nothing.
    """
    check_direction(asked.direction)
    check_status(asked.status)
    with open_state(config) as state:
        query = _log_query(config, state, names, asked)
        found = query(limit=asked.limit)
        hints = () if found else unknown_actor(state, asked.actor)
        return _logged(state, found, hints)


def follow(config: Config, names: Sequence[str], asked: LogFilter) -> Iterator[ChangeLog]:
    """As :func:`log`, and then what comes, for ever: entries once it is known what became of them, none twice."""
    check_direction(asked.direction)
    check_status(asked.status)
    with open_state(config) as state:
        query = _log_query(config, state, names, asked)
        entries = query(limit=asked.limit)
        settled = [each for each in entries if each["status"] != Status.PENDING]
        if settled:
            yield _logged(state, settled)
        newest = changes.query(state.connection, state.tables, limit=1)
        pending = [each["seq"] - 1 for each in entries if each["status"] == Status.PENDING]
        start = min([newest[-1]["seq"] if newest else 0, *pending])

        def after(seq: int) -> list[dict[str, Any]]:
            found = query(after=seq)
            # A transaction that stays open would see the same for ever.
            state.connection.rollback()
            return found

        for found in following.follow(after, start, [each["seq"] for each in settled]):
            if found:
                log = _logged(state, found)
                state.connection.rollback()
                yield log


def _log_query(
    config: Config, state: State, names: Sequence[str], asked: LogFilter
) -> Callable[..., list[dict[str, Any]]]:
    check_field(state, config, names, asked.field)
    return partial(
        changes.query,
        state.connection,
        state.tables,
        bindings=names,
        run_id=run_of(state, asked.run),
        annotation_id=asked.annotation_id,
        field=asked.field,
        direction=asked.direction,
        status=asked.status,
        actor=asked.actor,
        since=asked.since,
        until=asked.until,
    )


def _logged(state: State, found: Sequence[dict[str, Any]], hints: tuple[str, ...] = ()) -> ChangeLog:
    notes = runs.notes(state.connection, state.tables, list({each["run_id"] for each in found}))
    return ChangeLog(rows_of(ChangeRow, found), len(found), notes, hints)


def verify_log(config: Config, names: Sequence[str]) -> dict[str, Soundness]:
    """Recomputes every hash of the bindings' chains."""
    with open_state(config) as state:
        return {name: changes.verify(state.connection, state.tables, name) for name in names}


def export_log(config: Config, names: Sequence[str], file: TextIO) -> list[Exported]:
    """Writes the log for a third party; one that is broken is written as it stands."""
    with open_state(config) as state:
        return export_log_to(state.connection, state.tables, names, file)


def logged_bindings(config: Config) -> list[str]:
    """Every binding that the log knows, those among them that the configuration has no longer."""
    with open_state(config) as state:
        return changes.bindings_logged(state.connection, state.tables)


def undoable(
    config: Config,
    names: Sequence[str],
    *,
    run: str | None = None,
    change: int | None = None,
    since: datetime | None = None,
    actor: str | None = None,
    target: str | None = None,
) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """The applied changes that are meant, in order, and hints where there is none.

    ``target`` is a run or a change, whichever it is. ``ConfigError`` for one that there is not.
    """
    with open_state(config) as state:
        if target is not None and target.isdecimal() and _has_change(state, int(target)):
            change = int(target)
        elif target is not None:
            run = run_of(state, target, what="run and no change", remedy=UNDO_REMEDY)
        elif run is not None:
            run = run_of(state, run, remedy=UNDO_REMEDY)
        found = changes.query(
            state.connection,
            state.tables,
            bindings=names,
            run_id=run,
            seq=change,
            status=Status.APPLIED,
            actor=actor,
            since=since,
        )
        return found, () if found else unknown_actor(state, actor)


def _has_change(state: State, seq: int) -> bool:
    return seq < 2**63 and bool(changes.query(state.connection, state.tables, seq=seq))


def held(config: Config, name: str) -> HeldPlan | None:
    """The plan that a brake holds."""
    with open_state(config) as state:
        return held_plans.load(state.connection, state.tables, name)


def held_by_text(config: Config, text: str) -> HeldPlan:
    """The held plan that is meant by a run's id or a binding's name; ``ConfigError`` where there is none."""
    with open_state(config) as state:
        found = held_plans.load(state.connection, state.tables, _held_binding(config, state, text))
    assert found is not None, "the binding was found by its held plan"
    return found


def drop_held(config: Config, text: str) -> str:
    """Forgets the held plan of a run or a binding; returns the binding. ``ConfigError`` where there is none."""
    with open_state(config) as state:
        name = _held_binding(config, state, text)
        held_plans.drop(state.connection, state.tables, name)
        state.connection.commit()
    return name


def _held_binding(config: Config, state: State, text: str) -> str:
    """The binding whose held plan is meant; ``ConfigError`` where there is no such plan, or more than one."""
    names = [each.name for each in config.bindings]
    if text in names and held_plans.load(state.connection, state.tables, text) is not None:
        return text
    found = held_plans.bindings_of(state.connection, state.tables, text) if text not in names else []
    if len(found) != 1:
        what = f"{len(found)} held plans" if found else "no plan file and no held plan"
        raise ConfigError(
            f"{text!r} names {what}; a plan that was held is replaced by the next one, and gone when a run gets by.",
            remedy="`syncd status` shows what is held; `syncd reconcile --dry-run -o PLAN` saves a plan.",
        )
    return found[0]

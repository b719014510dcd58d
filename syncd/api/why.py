"""Everything about one annotation: both sides, the baseline, and the rule that decides about it now.

The rule is what the diff says of this annotation, read with its neighbours as a complete run would read it; nothing is
written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from syncd.api.rows import ChangeRow, ConflictRow, WaitingRow, rows_of
from syncd.config import Config
from syncd.diff.explain import ABSENT, NOT_INGESTED, PUT_OFF, TOO_YOUNG, Rule, rule_of
from syncd.diff.findings import jsonable, shown
from syncd.engine.decide import decide_one
from syncd.engine.mode import Pace
from syncd.engine.read import Reading
from syncd.engine.session import Session, open_session
from syncd.engine.state import State, open_state
from syncd.engine.status import BindingStatus, Condition, status_of
from syncd.errors import ConfigError
from syncd.model import Json, Mapping, Side
from syncd.model.conflict_kinds import ConflictKind
from syncd.model.kinds import iso, to_json
from syncd.model.plan import AWAITING
from syncd.model.snapshot import column, known_column
from syncd.store import changes, conflicts, cursors, waiting

HISTORY = 50
"""Log entries that are told, the newest."""


@dataclass(frozen=True)
class Why:
    """What is known of one annotation. A side that does not have it is ``None``, and so is the baseline.

    ``fiftyone`` and ``database`` hold the values by field, with the place, the tags and who edited it last.
    ``not_synced`` says why it is not kept in agreement as things are; ``last_read`` when each side was read last.
    """

    binding: str
    annotation_id: str
    fiftyone: dict[str, Json] | None
    database: dict[str, Json] | None
    baseline: dict[str, Json] | None
    rule: Rule
    conflict: ConflictRow | None
    waiting: WaitingRow | None
    history: tuple[ChangeRow, ...]
    not_synced: str | None
    last_read: dict[str, datetime | None]
    fields: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The document of ``syncd why``."""
        return {
            "binding": self.binding,
            "annotation_id": self.annotation_id,
            "fiftyone": self.fiftyone,
            "database": self.database,
            "baseline": self.baseline,
            "rule": {"name": self.rule.name, "text": self.rule.text},
            "conflict": None if self.conflict is None else self.conflict.as_json(),
            "waiting": None if self.waiting is None else self.waiting.as_json(),
            "history": [each.as_json() for each in self.history],
            "not_synced": self.not_synced,
            "last_read": {side: None if at is None else iso(at) for side, at in self.last_read.items()},
        }


def why(config: Config, name: str, annotation_id: str) -> Why:
    """What is known of the annotation in that binding; ``ConfigError`` where nobody knows the id."""
    binding = config.binding(name).name
    with open_session(config, binding) as session:
        state = State(session.state, session.tables)
        status = status_of(state.connection, state.tables, binding, session.now())
        session.rest()
        attended = status.daemon is not None and status.daemon.alive
        daemon = config.daemon
        pace = Pace(daemon.overlap, daemon.full_scan_interval, daemon.quiet_period) if attended else Pace()
        plan, reading = decide_one(session, annotation_id, pace)
        about = _about(session, annotation_id)
        session.rest()
        fiftyone, database, known = _sides(session.mapping, reading, annotation_id)
        if fiftyone is None and database is None and known is None and not about.history and about.conflict is None:
            raise _unknown(annotation_id, [binding])
        hidden = annotation_id in reading.database.hidden
        places = {(each["sample_id"], each["label_id"]) for each in _rows(reading.fiftyone.rows, annotation_id)}
        rule = rule_of(plan, annotation_id, places, in_database=database is not None or hidden)
        return Why(
            binding=binding,
            annotation_id=annotation_id,
            fiftyone=fiftyone,
            database=database,
            baseline=known,
            rule=rule,
            conflict=about.conflict,
            waiting=about.waiting,
            history=about.history,
            not_synced=_not_synced(rule, status, hidden=hidden),
            last_read=about.last_read,
            fields=session.mapping.names,
        )


def binding_of(config: Config, names: Sequence[str], annotation_id: str) -> str:
    """The binding that knows the annotation; ``ConfigError`` where none does, or several.

    syncd's own tables are asked first, and the two sides only of an annotation that they do not know.
    """
    with open_state(config) as state:
        knowing = [name for name in names if _is_recorded(state, name, annotation_id)]
    if not knowing:
        knowing = [name for name in names if _is_there(config, name, annotation_id)]
    if not knowing:
        raise _unknown(annotation_id, names)
    if len(knowing) > 1:
        raise ConfigError(
            f"Annotation {annotation_id!r} is known in {len(knowing)} bindings: {', '.join(knowing)}.",
            remedy=f"Say which one is meant: --binding {knowing[0]}.",
        )
    return knowing[0]


def _unknown(annotation_id: str, names: Sequence[str]) -> ConfigError:
    where = f"the binding {names[0]!r}" if len(names) == 1 else f"any of the bindings {', '.join(names)}"
    return ConfigError(
        f"Nobody knows an annotation {annotation_id!r} in {where}: neither side has it, nor does the log.",
        remedy="Check the id: `syncd log` and `syncd conflicts list --json` show ids in full.",
    )


def _is_recorded(state: State, name: str, annotation_id: str) -> bool:
    for table in (state.tables.baseline, state.tables.change, state.tables.conflict):
        chosen = sa.select(sa.literal(1)).where(table.c.binding == name, table.c.annotation_id == annotation_id)
        if state.connection.execute(chosen.limit(1)).first() is not None:
            return True
    return False


def _is_there(config: Config, name: str, annotation_id: str) -> bool:
    with open_session(config, name) as session:
        rows = session.database.read_ids([annotation_id]).rows
        session.rest()
        return not rows.is_empty() or annotation_id in session.fiftyone.read_ids([annotation_id]).rows["annotation_id"]


@dataclass(frozen=True)
class _About:
    """What syncd's own tables say."""

    conflict: ConflictRow | None
    waiting: WaitingRow | None
    history: tuple[ChangeRow, ...]
    last_read: dict[str, datetime | None]


def _about(session: Session, annotation_id: str) -> _About:
    state, tables, binding = session.state, session.tables, session.mapping.binding
    opened = conflicts.query(state, tables, bindings=[binding], annotation_id=annotation_id)
    # One about the whole annotation comes before those about its fields.
    opened.sort(key=lambda each: (each["field"] is not None, each["id"]))
    waits = waiting.query(state, tables, bindings=[binding], annotation_id=annotation_id)
    logged = changes.query(state, tables, bindings=[binding], annotation_id=annotation_id, limit=HISTORY)
    positions = cursors.load(state, tables, binding)
    return _About(
        conflict=next(iter(rows_of(ConflictRow, opened)), None),
        waiting=next(iter(rows_of(WaitingRow, waits)), None),
        history=rows_of(ChangeRow, logged),
        last_read={side.value: positions[side].position if side in positions else None for side in Side},
    )


Content = dict[str, Json]


def _sides(
    mapping: Mapping, reading: Reading, annotation_id: str
) -> tuple[Content | None, Content | None, Content | None]:
    """What FiftyOne, the database and the baseline hold of it. Of several labels it is the one in the known place."""
    home = next(_rows(reading.baseline, annotation_id), None)
    labels = list(_rows(reading.fiftyone.rows, annotation_id))
    place = None if home is None else (home["sample_id"], home["label_id"])
    labels.sort(key=lambda each: (each["sample_id"], each["label_id"]) != place)
    row = next(_rows(reading.database.rows, annotation_id), None)
    fiftyone = None
    if labels:
        meta = {name: to_json(labels[0][name]) for name in ("sample_id", "label_id", "media", "actor", "edited_at")}
        meta["tags"] = list(labels[0]["tags"] or ())
        fiftyone = meta | _values(mapping, labels[0])
    database = None
    if row is not None:
        database = {name: to_json(row[name]) for name in ("media", "actor", "edited_at")} | _values(mapping, row)
    if home is None:
        return fiftyone, database, None
    agreed = {name: jsonable(home[column(name)]) if home[known_column(name)] else None for name in mapping.names}
    return fiftyone, database, {name: home[name] for name in ("sample_id", "label_id", "image")} | agreed


def _rows(frame: Any, annotation_id: str) -> Any:
    return frame.filter(frame["annotation_id"] == annotation_id).iter_rows(named=True)


def _values(mapping: Mapping, row: dict[str, Any]) -> Content:
    return {name: shown(row, name) for name in mapping.names}


def _not_synced(rule: Rule, status: BindingStatus, *, hidden: bool) -> str | None:
    """Why it is not kept in agreement as things are; ``None`` where nothing stands in the way."""
    if status.state == Condition.HELD:
        why = (status.last_run or {}).get("held")
        return f"held: nothing of the binding is written until a person decides, because {why}"
    if status.state == Condition.NEVER_RUN:
        return "never run: the binding was never reconciled"
    if status.state == Condition.FAILED:
        run = status.last_run or {}
        return f"failed: the last run of the binding failed: {run.get('error')}"
    if rule.name == NOT_INGESTED:
        return f"not ingested: {rule.text}"
    if rule.name == ABSENT:
        return "gone: neither side has it any more"
    if rule.name in (TOO_YOUNG, PUT_OFF):
        return f"waits: {rule.text}"
    if rule.name == AWAITING:
        return f"waits for review: {rule.text}"
    if hidden:
        return f"hidden: {ConflictKind.HIDDEN.words}"
    if rule.is_conflict:
        return f"{rule.name.replace('_', ' ')}: {rule.text}; a person must decide (`syncd conflicts`)"
    return None

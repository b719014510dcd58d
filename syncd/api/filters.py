"""What is filtered by: a value that there is not is wrong usage, and told with the nearest that there is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from syncd.config import Config
from syncd.config.nearest import did_you_mean
from syncd.engine.state import State
from syncd.errors import ConfigError, UnknownFilter
from syncd.model import LABEL, Direction
from syncd.model.conflict_kinds import ConflictKind
from syncd.model.mapping import APPROVAL, BOX, FLAG, ID_FIELD, MEDIA_FIELD, SAMPLE_FIELD
from syncd.model.result import Status
from syncd.report.selection import label_in
from syncd.store import runs
from syncd.store.conflicts import labels_in
from syncd.vocabulary.load import vocabulary_now

DIRECTIONS = (Direction.TO_DATABASE.value, Direction.TO_FIFTYONE.value)

LISTED = 20
"""Values that an error lists, where there is none that is near."""


def check(option: str, given: str | None, known: Collection[str], seen: Callable[[], Iterable[str]] = tuple) -> None:
    """``UnknownFilter`` for a value that is neither known nor, so far as syncd's tables go, was ever ``seen``."""
    if given is None or given in known:
        return
    words = {*known, *seen()}
    if given in words:
        return
    listed = sorted(words)[:LISTED]
    more = ", …" if len(words) > LISTED else ""
    near = did_you_mean(given, words)
    remedy = f"{near[0].upper()}{near[1:]}" if near else f"There are: {', '.join(listed)}{more}."
    raise UnknownFilter(option, given, remedy=remedy)


def check_kind(state: State, kind: str | None) -> None:
    """``UnknownFilter`` for what is no kind of conflict."""
    table = state.tables.conflict
    check("kind", kind, [each.value for each in ConflictKind], lambda: _different(state, table.c.kind))


def check_field(state: State, settings: Config, names: Sequence[str], field: str | None) -> None:
    """``UnknownFilter`` for a field that is not mapped by any of the bindings, and that nothing is recorded about."""
    known = {LABEL, ID_FIELD, FLAG, APPROVAL, MEDIA_FIELD, SAMPLE_FIELD}
    for binding in map(settings.binding, names):
        known |= {*binding.attributes, *([BOX] if binding.columns.box else [])}
        known |= {binding.verified_attribute or LABEL}
    columns = state.tables.change.c.field, state.tables.conflict.c.field
    check("field", field, known, lambda: [each for column in columns for each in _different(state, column)])


def check_direction(direction: str | None) -> None:
    """``UnknownFilter`` for what is no direction of a change."""
    check("direction", direction, DIRECTIONS)


def check_status(status: str | None) -> None:
    """``UnknownFilter`` for what is no status of a change."""
    check("status", status, list(Status))


def check_label(state: State, settings: Config, names: Sequence[str], label: str | None) -> None:
    """``UnknownFilter`` for a label that is no term, and that stands in no agreed annotation, change or conflict.

    To be asked where nothing was found, since it may go through all of them.
    """
    if label is None:
        return
    terms = _terms(settings, names)
    check("label", label, terms, lambda: _labels(state))


def run_of(state: State, run: str | None, *, what: str = "run", remedy: str = "`syncd log` shows runs.") -> str | None:
    """The run that is meant by its id or by how that begins; ``ConfigError`` where that is none, or several."""
    if run is None:
        return None
    found = runs.ids_like(state.connection, state.tables, run)
    if len(found) != 1 and run not in found:
        many = f"{len(found)} runs begin with {run!r}" if found else f"There is no {what} {run!r}"
        raise ConfigError(f"{many}.", remedy=remedy)
    return run if run in found else found[0]


def unknown_actor(state: State, actor: str | None) -> tuple[str, ...]:
    """Says that a name is not in the log, which is no error: somebody may not have done anything yet."""
    known = set(_different(state, state.tables.change.c.actor))
    if actor is None or actor in known:
        return ()
    near = did_you_mean(actor, known)
    return (f"the log has nothing by {actor!r}" + (f"; {near}" if near else ""),)


def _different(state: State, column: sa.ColumnElement[Any]) -> list[str]:
    found = state.connection.execute(sa.select(column).where(column.is_not(None)).distinct())
    return [str(each) for each in found.scalars()]


def _labels(state: State) -> Iterable[str]:
    """Every label that syncd has on record."""
    tables, dialect = state.tables, state.connection.dialect.name
    fields = tables.baseline.c.fields
    agreed: sa.ColumnElement[str | None]
    if dialect == "postgresql":
        agreed = fields.op("->>")(sa.literal_column(f"'{LABEL}'"))
    else:
        agreed = sa.func.json_extract(fields, f"$.{LABEL}")
    for column in (agreed, label_in(tables, "old", dialect), label_in(tables, "new", dialect)):
        yield from _different(state, column)
    for row in state.connection.execute(sa.select(tables.conflict)).mappings():
        yield from labels_in(dict(row))


def _terms(settings: Config, names: Sequence[str]) -> frozenset[str]:
    """The terms of the bindings' vocabularies, and what else may stand for or beside one."""
    found: set[str] = set()
    for binding in map(settings.binding, names):
        vocabulary = vocabulary_now(settings, binding)
        if vocabulary is not None:
            found |= {*vocabulary.names, *vocabulary.aliases}
    return frozenset(found)

"""The content of a report, gathered once for all its formats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl
from sqlalchemy import Connection

from syncd.model import LABEL
from syncd.report.agreement import Agreement, agreement
from syncd.report.disputes import Disputes, conflicts, disputes
from syncd.report.labels import Net, Transition, Wavering, net, ordered, transitions, wavering
from syncd.report.models import Model, model
from syncd.report.refused import Refused, refusals, refused
from syncd.report.selection import Selection
from syncd.report.selection import changes as read_changes
from syncd.report.sides import Sides
from syncd.report.totals import Totals, totals
from syncd.store.tables import Tables


@dataclass(frozen=True)
class Report:
    """What a report says of the selected changes; see each part's own type for what it counts.

    ``order`` is the order in which labels are shown. ``changes`` has the columns of
    :data:`syncd.report.selection.CHANGES`, in order of ``seq``. ``notes`` say what could not be told, and why.
    ``datasets`` names what the report is about: {binding: its dataset}.
    """

    title: str
    made_at: datetime
    selection: Selection
    datasets: dict[str, str]
    totals: Totals
    transitions: tuple[Transition, ...]
    classes: tuple[Net, ...]
    wavering: tuple[Wavering, ...]
    disputes: Disputes
    refused: tuple[Refused, ...]
    agreement: tuple[Agreement, ...]
    models: tuple[Model, ...]
    order: tuple[str, ...]
    changes: pl.DataFrame
    notes: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing was applied, disputed or refused."""
        return not (self.totals.changes or self.disputes.opened or self.disputes.resolved or self.refused)


def gather(
    connection: Connection,
    tables: Tables,
    selection: Selection,
    *,
    made_at: datetime,
    title: str | None = None,
    sides: Sides | None = None,
) -> Report:
    """Reads syncd's own tables and counts; ``sides`` is what the bindings' own servers add, where they were asked."""
    found = read_changes(connection, tables, selection)
    return report_of(
        found,
        conflicts(connection, tables, selection),
        _refused(connection, tables, selection, found),
        selection=selection,
        made_at=made_at,
        title=title,
        sides=sides,
    )


def report_of(
    found: pl.DataFrame,
    disputed: pl.DataFrame,
    refused_labels: tuple[Refused, ...] = (),
    *,
    selection: Selection,
    made_at: datetime,
    title: str | None = None,
    sides: Sides | None = None,
) -> Report:
    """Counts what was read: the changes, and the conflicts (:data:`syncd.report.disputes.CONFLICTS`). Pure."""
    sides = sides or Sides()
    classes = net(found)
    return Report(
        title=title or title_of(selection),
        made_at=made_at,
        selection=selection,
        datasets=dict(sides.datasets),
        totals=totals(found),
        transitions=transitions(found),
        classes=classes,
        wavering=wavering(found),
        disputes=disputes(disputed, selection),
        refused=refused_labels,
        agreement=agreement(found),
        models=tuple(model(each.binding, each.field, each.rows, found) for each in sides.predicted),
        order=ordered(classes, sides.taxonomy),
        changes=found,
        notes=sides.notes,
    )


def title_of(selection: Selection) -> str:
    """What the changes are of, in words."""
    return f"Changes of {_listed(selection.bindings)}" if selection.bindings else "Changes"


def _refused(connection: Connection, tables: Tables, selection: Selection, found: pl.DataFrame) -> tuple[Refused, ...]:
    """What became of a refused label may be known from a change that is itself not selected."""
    if selection.narrows_people or selection.label is not None or selection.field not in (None, LABEL):
        return ()
    opened = refusals(connection, tables, selection)
    if opened.is_empty():
        return ()
    later = Selection(bindings=selection.bindings, since=selection.since, field=LABEL)
    whole = (
        found if selection.until is None and selection.direction is None else read_changes(connection, tables, later)
    )
    return refused(opened, whole)


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
